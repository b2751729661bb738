"""The merger: reads the reports of some copies, joins the copies, and writes the changed reports, in one transaction.

The callers (the intake, a rebuild) supply the copies; `report.py` joins a copy to a report.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lib.domain.event.event import MERGED_CHANNEL, News, body_of
from lib.domain.ingest.sent import Copy
from lib.domain.report.canonical import digest
from lib.domain.report.loader import load_reports
from lib.domain.report.order import is_same
from lib.domain.report.report import COLLECTION, Fields, Key, absorb, lift
from lib.store.port import Body, Doc, Tx

MERGED_TYPE = "org.kernelci.kcidb.merged.v1"
EXCERPT = "excerpt"
EXCERPTS_KNOWN_MAX = 50_000


class PreparedCopy(NamedTuple):
    """A copy prepared for the merge: its report's key in the store, and its fields with a long excerpt lifted out."""

    key: Key
    store_key: str
    fields: Fields


class Piece(NamedTuple):
    """Copies that are merged in one transaction, and the excerpts they share: digest → text."""

    items: tuple[PreparedCopy, ...]
    excerpts: dict[str, str]


class ViewChange(NamedTuple):
    """A report whose view is new or changed."""

    key: Key
    store_key: str
    digest: str
    is_new: bool


@dataclass(slots=True)
class MergeOutcome:
    """The effect of a piece on its reports."""

    new: int = 0
    changed: int = 0
    unchanged: int = 0
    conflicts: int = 0
    changes: list[ViewChange] = field(default_factory=list)

    def counts(self) -> dict[str, int]:
        return {name: getattr(self, name) for name in ("new", "changed", "unchanged", "conflicts")}


def make_piece(copies: Iterable[Copy]) -> Piece:
    """The copies, prepared for the merge."""
    items, excerpts = [], {}
    for key, fields in copies:
        lifted, text = lift(fields)
        if text is not None:
            excerpts[lifted["log_excerpt"]["sha256"]] = text
        items.append(PreparedCopy(key, key.store_key, lifted))
    return Piece(tuple(items), excerpts)


@dataclass(slots=True)
class Merger:
    """Merges pieces. Caches the digests of stored excerpts, since excerpts are never deleted."""

    known: dict[str, None] = field(default_factory=dict)

    def merge(self, tx: Tx, piece: Piece, source: str, received_at: str, changed_at: str) -> MergeOutcome:
        """Join a piece of the submission `source` to the reports. The transaction must not have written anything
        yet."""
        reports, missing = self._read(tx, piece)
        joined: dict[Key, tuple[PreparedCopy, Body | None]] = {}
        for item in piece.items:
            body = joined[item.key][1] if item.key in joined else _body(reports[item.key])
            joined[item.key] = (item, absorb(item.key.kind, body, item.fields, source, received_at))
        outcome = MergeOutcome()
        for key, (item, body) in joined.items():
            assert body is not None
            self._write(tx, item, reports[key], body, changed_at, outcome)
        for excerpt in missing:
            tx.create(EXCERPT, excerpt, {"text": piece.excerpts[excerpt]})
        return outcome

    def remember(self, piece: Piece) -> None:
        """Record that the piece and its excerpts were committed."""
        if len(self.known) > EXCERPTS_KNOWN_MAX:
            self.known.clear()
        self.known.update(dict.fromkeys(piece.excerpts))

    def _read(self, tx: Tx, piece: Piece) -> tuple[dict[Key, Doc | None], list[str]]:
        """The reports, and the excerpts that are not stored."""
        reports = load_reports(tx, (item.key for item in piece.items))
        asked = [excerpt for excerpt in piece.excerpts if excerpt not in self.known]
        stored = tx.load_many(EXCERPT, asked) if asked else []
        return reports, [excerpt for excerpt, doc in zip(asked, stored, strict=True) if doc is None]

    @staticmethod
    def _write(tx: Tx, item: PreparedCopy, doc: Doc | None, body: Body, changed_at: str, outcome: MergeOutcome) -> None:
        """Write a report if it changed, and record the outcome."""
        collection = COLLECTION[item.key.kind]
        outcome.conflicts += "conflicted" in body
        if doc is None:
            outcome.new += 1
            tx.create(collection, item.store_key, {**body, "changed_at": changed_at})
        elif body is doc.body:
            outcome.unchanged += 1
            return
        else:
            outcome.changed += 1
            tx.save(collection, item.store_key, {**body, "changed_at": changed_at})
            if is_same(body["object"], doc.body["object"]):
                return
        change = ViewChange(item.key, item.store_key, digest(body["object"]), doc is None)
        outcome.changes.append(change)


def news_of(
    source: str, data: dict[str, Any], changes: Sequence[ViewChange], *, owner: str | None, origin: str
) -> News:
    """The event of a merged piece: its new and changed views. The id is derived from the content, so that a repeated
    event has the same id. `origin` is the source URL of the hub's events."""
    whole = hashlib.sha256(source.encode())
    for change in changes:
        whole.update(f"\0{change.store_key}{change.digest}".encode())
    objects = [_told(change) for change in changes]
    body = body_of({"op": "merged", **data, "objects": objects}, owner=owner, source=origin, type=MERGED_TYPE)
    return News(MERGED_CHANNEL, whole.hexdigest(), body)


def _told(change: ViewChange) -> dict[str, Any]:
    told: dict[str, Any] = {"kind": change.key.kind, "id": change.key.id}
    if change.key.version is not None:
        told["version"] = change.key.version
    return {**told, "key": change.store_key, "digest": change.digest, "is_new": change.is_new}


def _body(doc: Doc | None) -> Body | None:
    return None if doc is None else doc.body
