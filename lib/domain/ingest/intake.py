"""The intake: accepts submissions, stores each unchanged, and merges it at once (kcidb.md 2.7 and 3.5).

A submission, the reports that it changes and their event are one transaction. A submission that is too large for that
is recorded first, as pending, and merged piece by piece. Each piece also records the progress. So after a crash the
merge continues (when the sender repeats the submission, or in the sweep), and each piece is merged once. Several
processes may continue it at the same time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from lib.clock import stamp
from lib.domain.account.access import Actor, may_submit
from lib.domain.event.due import due, work_off
from lib.domain.event.event import News
from lib.domain.event.ledger import Ledger
from lib.domain.ingest import submission as rules
from lib.domain.ingest.merger import MergeOutcome, Merger, make_piece, news_of
from lib.domain.ingest.sent import Copy, Document, Sent
from lib.domain.ingest.size import check_sizes, size_of
from lib.domain.ingest.submission import FAILED, MERGED, PARTS, PENDING, SUBMISSIONS, Submission
from lib.domain.report.loader import load_reports
from lib.domain.report.order import is_same
from lib.domain.report.report import Fields, Key, absorb
from lib.errors import Forbidden, Malformed, TooLarge
from lib.store.port import Body, Scan, Store, Tx, Where

log = logging.getLogger(__name__)

Decode = Callable[[bytes, bool], Sent]
"""Decodes a stored submission from its text; the flag leaves out faulty objects. Raises Malformed."""

PIECE_COPIES_NEAR, PIECE_COPIES_FAR = 1000, 200
"""Most copies that one transaction merges: on SQLite, and in the cloud, where it writes up to 500 documents."""
PIECE_BYTES_NEAR, PIECE_BYTES_FAR = 64 * 1024 * 1024, 2 * 1024 * 1024
"""Most bytes of JSON of the copies of one transaction; in the cloud it may write 10 MiB, index entries included."""
PARTS_AT_ONCE = 8
GRACE = timedelta(seconds=60)
"""The request of a younger pending submission is presumed to be still merging it."""
SWEEP_MAX = 50
"""Pending submissions that one sweep goes on with; it ends behind the page that makes them so many."""
ERRORS_KEPT = 100
_NO_ORIGIN = "_"
"""The origin of objects that upgrades make (kcidb.md 1.5); every sender may submit them."""


class Sender(NamedTuple):
    """The sender of a submission, and its way: `rest`, `push` or `command`."""

    actor: Actor
    via: str


class Receipt(NamedTuple):
    """The outcome of a submission."""

    submission: Submission
    is_duplicate: bool
    warnings: Sequence[str] = ()


class Preview(NamedTuple):
    """The effect that a submission would have on a report: `fields` holds the new and changed fields of its view, with
    the values before and after."""

    key: Key
    is_new: bool
    fields: dict[str, dict[str, Any]]


@dataclass(slots=True)
class Intake:
    """Accepts, merges and reads submissions. `decode` is the dialect's; `source` is the source of the hub's events."""

    store: Store
    ledger: Ledger
    decode: Decode
    source: str
    merger: Merger = field(default_factory=Merger)

    @property
    def piece_copies(self) -> int:
        return PIECE_COPIES_NEAR if self.store.is_near else PIECE_COPIES_FAR

    @property
    def piece_bytes(self) -> int:
        return PIECE_BYTES_NEAR if self.store.is_near else PIECE_BYTES_FAR

    def load(self, id: str) -> Submission | None:
        """The record of a submission, None when there is none."""
        doc = self.store.load(SUBMISSIONS, id)
        return None if doc is None else rules.from_body(id, doc.body)

    def text(self, id: str) -> bytes | None:
        """The text of a submission, as it was sent."""
        doc = self.store.load(SUBMISSIONS, id)
        return None if doc is None else load_text(self.store, doc.body)

    def take(self, document: Document, sender: Sender, now: datetime, *, is_partial: bool = False) -> Receipt:
        """Store a submission and merge it; a submission that was merged before is not decoded. Raises as `submit` does,
        and Malformed for its faults."""
        known = self._repeat(document.id, sender.actor, is_partial)
        return known or self.submit(document.decode(is_partial), document.raw, sender, now)

    def _repeat(self, id: str, actor: Actor, is_partial: bool) -> Receipt | None:
        """The receipt of a submission that was merged before; None when something is left to merge or to check."""
        known = self.load(id)
        if known is None or known.state != MERGED or (known.is_partial and not is_partial):
            return None
        for origin in known.origins:
            if origin != _NO_ORIGIN and not may_submit(actor, origin):
                return None
        return Receipt(known, True)

    def submit(self, sent: Sent, raw: bytes, sender: Sender, now: datetime) -> Receipt:
        """Store a submission and merge it. Raises Forbidden for an object of an origin that is not the sender's,
        Malformed for an object that is too large."""
        check_origins(sent.copies, sender.actor)
        check_sizes(sent.copies, len(raw))
        record = Submission(
            sent.id, PENDING, stamp(now), sender.actor.username, sender.via, len(raw),
            origins=rules.origins_of(sent), version=list(sent.version), counts=rules.counts_of(sent),
            token=_token_of(sender.actor), is_partial=sent.fault_count > 0, piece=self.piece_copies,
            errors=list(sent.faults[:ERRORS_KEPT]), error_count=sent.fault_count,
        )  # fmt: skip
        text, parts = rules.pack(raw)
        if not parts and len(sent.copies) <= record.piece and len(raw) <= self.piece_bytes:
            try:
                submission, is_duplicate = self._merge_whole(record, sent, text, now)
                return Receipt(submission, is_duplicate, sent.warnings)
            except TooLarge:
                pass  # the copies are small, but the reports that they change are not
        submission, is_duplicate = self._accept(record, text, parts, now)
        if not is_duplicate:
            try:
                submission = self._go_on(submission, sent, now)
            except TooLarge:
                raise  # the sender can repair this
            except Exception as error:
                # It is stored, and the sweep continues it. An error would make the client send it again.
                log.error("submission %s is left to the sweep: %r", submission.id, error)
        return Receipt(submission, is_duplicate, sent.warnings)

    def foresee(self, sent: Sent, now: datetime) -> list[Preview]:
        """The changes that the submission would make now. Reads only."""
        piece, at = make_piece(sent.copies), stamp(now)
        stored = load_reports(self.store, (item.key for item in piece.items))
        before = {key: None if doc is None else doc.body for key, doc in stored.items()}
        after = dict(before)
        for item in piece.items:
            after[item.key] = absorb(item.key.kind, after[item.key], item.fields, sent.id, at)
        return [
            Preview(k, old is None, _differences(old["object"] if old else {}, new["object"]))
            for k, new in after.items()
            if new is not None and ((old := before[k]) is None or not is_same(old["object"], new["object"]))
        ]

    def fail(self, id: str, raw: bytes, error: Malformed | Forbidden, sender: Sender, now: datetime) -> Submission:
        """Store a submission that can never be merged, with the reasons, which its sender can read."""
        problems = error.problems if isinstance(error, Malformed) else [{"rule": "origin", "msg": str(error)}]
        count = error.count if isinstance(error, Malformed) else 1
        text, parts = rules.pack(raw)
        record = Submission(
            id, FAILED, stamp(now), sender.actor.username, sender.via, len(raw), origins=rules.origins_in(raw),
            token=_token_of(sender.actor), errors=problems[:ERRORS_KEPT], error_count=count,
        )  # fmt: skip
        self._write_parts(text, parts)

        def work(tx: Tx) -> Submission:
            doc = tx.load(SUBMISSIONS, id)
            if doc is not None:
                return rules.from_body(id, doc.body)
            tx.create(SUBMISSIONS, id, rules.to_body(record, text))
            return record

        return self.store.transact(work)

    def find(
        self, origin: str | None, state: str | None, limit: int, after: str | None
    ) -> tuple[list[Submission], str | None]:
        """Submissions, newest first, and the cursor after them."""
        where = [Where("origins", "contains", origin)] if origin is not None else []
        if state is not None:
            where.append(Where("state", "==", state))
        page = self.store.find(SUBMISSIONS, Scan(tuple(where), "-received_at", limit, after))
        return [rules.from_body(doc.key, doc.body) for doc in page.docs], page.next

    def resume(self, id: str, now: datetime) -> Submission | None:
        """Merge the rest of a pending submission. Returns its record. A submission that cannot be decoded again has
        failed."""
        doc = self.store.load(SUBMISSIONS, id)
        if doc is None:
            return None
        record = rules.from_body(id, doc.body)
        if record.state != PENDING:
            return record
        try:
            sent = self.decode(load_text(self.store, doc.body), record.is_partial)
        except Malformed as error:
            return self._set(record, state=FAILED, errors=error.problems[:ERRORS_KEPT], error_count=error.count)
        return self._go_on(record, sent, now)

    def sweep(self, now: datetime, grace: timedelta = GRACE) -> int:
        """Go on with what killed requests left pending; gives how many submissions. What goes wrong with one
        is raised when all had their turn."""
        scan = due(now - grace, SWEEP_MAX, "received_at", Where("state", "==", PENDING))
        return work_off(
            self.store, SUBMISSIONS, scan, lambda doc: self.resume(doc.key, now) is not None,
            most=SWEEP_MAX, is_strict=True,
        )  # fmt: skip

    def _merge_whole(
        self, record: Submission, sent: Sent, text: Mapping[str, Any], now: datetime
    ) -> tuple[Submission, bool]:
        """Record and merge a submission in one transaction."""
        piece, at = make_piece(sent.copies), stamp(now)

        def work(tx: Tx) -> tuple[tuple[Submission, bool], list[News]]:
            doc = tx.load(SUBMISSIONS, record.id)
            before = None if doc is None else rules.from_body(record.id, doc.body)
            if before is not None and before.state == MERGED:
                return (before, True), []
            received_at = before.received_at if before is not None and before.state != FAILED else record.received_at
            outcome = self.merger.merge(tx, piece, record.id, received_at, at)
            merged = replace(
                record, state=MERGED, received_at=received_at, merged_at=at, done=len(piece.items),
                results=outcome.counts(),
            )  # fmt: skip
            (tx.create if doc is None else tx.save)(SUBMISSIONS, record.id, rules.to_body(merged, text))
            return (merged, False), self._news(merged, outcome, 0)

        result = self.ledger.write(now, work)
        self.merger.remember(piece)
        return result

    def _accept(
        self, record: Submission, text: Mapping[str, Any], parts: Sequence[str], now: datetime
    ) -> tuple[Submission, bool]:
        """Record a submission that takes several transactions. Returns its record, and whether it was merged before."""
        self._write_parts(text, parts)

        def work(tx: Tx) -> tuple[Submission, bool]:
            doc = tx.load(SUBMISSIONS, record.id)
            if doc is not None:
                before = rules.from_body(record.id, doc.body)
                if before.state == PENDING:
                    return before, False
                if before.state == MERGED:
                    return before, True
            (tx.create if doc is None else tx.save)(SUBMISSIONS, record.id, rules.to_body(record, text))
            return record, False

        return self.store.transact(work)

    def _go_on(self, record: Submission, sent: Sent, now: datetime) -> Submission:
        """Merge a pending submission, piece by piece, from its recorded progress."""
        while record.state == PENDING:
            record = self._merge_next(record, sent, now)
        return record

    def _merge_next(self, record: Submission, sent: Sent, now: datetime) -> Submission:
        copies = self._next_copies(record, sent.copies)
        while True:
            try:
                return self._merge_piece(record, copies, len(sent.copies), now)
            except TooLarge:
                if len(copies) == 1:
                    raise
                copies = copies[: len(copies) // 2]

    def _merge_piece(self, record: Submission, copies: Sequence[Copy], total: int, now: datetime) -> Submission:
        piece, at = make_piece(copies), stamp(now)

        def work(tx: Tx) -> tuple[Submission, list[News]]:
            doc = tx.load(SUBMISSIONS, record.id)
            assert doc is not None, "submissions are never dropped"
            before = rules.from_body(record.id, doc.body)
            if before.state != PENDING or before.done != record.done:
                return before, []  # another process continued meanwhile
            outcome = self.merger.merge(tx, piece, record.id, before.received_at, at)
            results = {name: before.results.get(name, 0) + n for name, n in outcome.counts().items()}
            after = replace(before, done=before.done + len(copies), results=results)
            if after.done >= total:
                after = replace(after, state=MERGED, merged_at=at)
            tx.save(SUBMISSIONS, record.id, rules.to_body(after, rules.text_of(doc.body)))
            return after, self._news(after, outcome, before.done)

        result = self.ledger.write(now, work)
        self.merger.remember(piece)
        return result

    def _next_copies(self, record: Submission, copies: Sequence[Copy]) -> Sequence[Copy]:
        """The copies of the next transaction: as many as the record says, or fewer where they are large."""
        wanted = copies[record.done : record.done + (record.piece or self.piece_copies)]
        if record.bytes <= self.piece_bytes:
            return wanted
        total = 0
        for n, copy in enumerate(wanted):
            total += size_of(copy)
            if total > self.piece_bytes and n:
                return wanted[:n]
        return wanted

    def _news(self, record: Submission, outcome: MergeOutcome, at: int) -> list[News]:
        if not outcome.changes:
            return []
        data = {"submission": record.id, "origins": record.origins}
        return [news_of(f"{record.id}:{at}", data, outcome.changes, owner=record.sender, origin=self.source)]

    def _write_parts(self, text: Mapping[str, Any], parts: Sequence[str]) -> None:
        """Store the parts of a large text, before any record names them."""
        named = list(zip(rules.part_keys(text), parts, strict=True))
        for at in range(0, len(named), PARTS_AT_ONCE):
            some = dict(named[at : at + PARTS_AT_ONCE])

            def work(tx: Tx, some: Mapping[str, str] = some) -> None:
                stored = tx.load_many(PARTS, list(some))
                for (key, part), doc in zip(some.items(), stored, strict=True):
                    if doc is None:
                        tx.create(PARTS, key, {"packed": part})

            self.store.transact(work)

    def _set(self, record: Submission, **changes: Any) -> Submission:
        """Change the record of a submission."""

        def work(tx: Tx) -> Submission:
            doc = tx.load(SUBMISSIONS, record.id)
            assert doc is not None, "submissions are never dropped"
            after = replace(rules.from_body(record.id, doc.body), **changes)
            tx.save(SUBMISSIONS, record.id, rules.to_body(after, rules.text_of(doc.body)))
            return after

        return self.store.transact(work)


def load_text(store: Store, body: Body) -> bytes:
    """The text of a submission from its record, as it was sent."""
    parts = store.load_many(PARTS, rules.part_keys(body)) if "parts" in body else []
    return rules.unpack(body, [doc.body["packed"] for doc in parts if doc is not None])


def _differences(before: Fields, after: Fields) -> dict[str, dict[str, Any]]:
    return {
        name: {"from": before.get(name), "to": value} for name, value in after.items()
        if name not in before or not is_same(before[name], value)
    }  # fmt: skip


def check_origins(copies: Sequence[Copy], actor: Actor) -> None:
    """Raise Forbidden for objects of origins that the actor may not submit for (kcidb.md 2.5)."""
    allowed: set[str] = {_NO_ORIGIN}
    for copy in copies:
        origin = _teller(copy)
        if origin not in allowed:
            if not may_submit(actor, origin):
                name, whose = copy.key.id[: rules.TOLD_CHARS_MAX], origin[: rules.TOLD_CHARS_MAX]
                raise Forbidden(f"{copy.key.kind} {name}: you may not submit results of the origin {whose}")
            allowed.add(origin)


def _teller(copy: Copy) -> str:
    """The origin that may send an object. Objects that upgrades derive from a waived test belong to the test's
    origin."""
    origin: str = copy.fields["origin"]
    if origin == _NO_ORIGIN and "test_id" in copy.fields:
        return str(copy.fields["test_id"]).partition(":")[0]
    return origin


def _token_of(actor: Actor) -> str | None:
    """The name of the used token, if it is a submitter's."""
    return actor.id.removeprefix("submitter:") if actor.id.startswith("submitter:") else None
