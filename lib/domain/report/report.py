"""Reports: the merged objects of KCIDB (kcidb.md 2.3 to 2.7).

Pure. A report is identified by its kind (one of `KINDS`), its id and, for issues, its version, and by no other field.
Its stored body:

    object          the view: schema 5.3 in normal form; a long `log_excerpt` is a reference (`is_lifted`)
    by              [rank, verdict, source] of every field's value, except the fields in `except`
    except          [[field, rank, verdict, source], …], sorted by field; absent when empty
    lost            {field: [[value, rank, verdict, source], …]} of other values, greatest first; absent when empty.
                    Of a value of more than LOST_BYTES_MAX: [key, rank, verdict, source, head, sha256], its `Mark`
    more            [field, …] whose further values were cut; absent when empty
    first_received, last_received   of the distinct submissions that hold it (canonical texts)
    changed_at      when the stored report last changed: of this store, not of the submissions
    conflicted      the origin, when `lost` is not empty; else absent
    node            {"id", "rev"} of the node whose copy it holds. If submissions hold copies too: "fields", the node's
                    copy, and "base", the report without it. If not: "alone", which is true

A field is a top-level name, or `environment.comment`, `culprit.code` …. A source is a submission's id, or `node:<id>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple, TypeGuard

from lib.domain.report.canonical import canonical
from lib.domain.report.join import grow, of_copy
from lib.domain.report.order import HEAD_BYTES, rank_of, verdict_of
from lib.domain.report.stated import is_projected_only, split, unite
from lib.domain.report.view import Cut, FieldConflict, conflicts, provenance, union_misc
from lib.store.port import Body

__all__ = [
    "COLLECTION",
    "EXCERPT_CHARS_INLINE",
    "KINDS",
    "SINGULAR",
    "Body",
    "Cut",
    "FieldConflict",
    "Fields",
    "Key",
    "absorb",
    "conflicts",
    "is_lifted",
    "is_projected_only",
    "key_of",
    "lift",
    "provenance",
    "union_misc",
]  # fmt: skip

KINDS = ("checkouts", "builds", "tests", "issues", "incidents")
"""The lists of a submission, parents first."""

SINGULAR: Mapping[str, str] = {kind: kind[:-1] for kind in KINDS}
COLLECTION: Mapping[str, str] = {kind: f"kcidb_{kind[:-1]}" for kind in KINDS}
"""The collection of the reports of a kind."""

KEY_DIGITS = 40
EXCERPT_CHARS_INLINE = 256
"""Most characters of a log excerpt in the report. A longer one is stored once, in the collection `excerpt` under its
digest."""

Fields = dict[str, Any]
"""One object of a submission or a view: field → value, in normal form of the newest schema."""


class Key(NamedTuple):
    """The identity of a report. `version` is an issue's, None for every other kind."""

    kind: str
    id: str
    version: int | None = None

    @property
    def store_key(self) -> str:
        """Its key in its collection: a digest, since ids may hold characters that keys may not. It has 160 bits only,
        since every index holds it. Its first 24 digits are the id of its view as a node (kcidb.md 5.3)."""
        name = SINGULAR[self.kind] + self.id
        if self.version is not None:
            name += f"\0{self.version}"
        return hashlib.sha256(name.encode()).hexdigest()[:KEY_DIGITS]


def key_of(kind: str, fields: Mapping[str, Any]) -> Key:
    """The key of an object."""
    return Key(kind, fields["id"], fields["version"] if kind == "issues" else None)


def is_lifted(value: object) -> TypeGuard[dict[str, Any]]:
    """Whether a `log_excerpt` is a reference `{"sha256", "chars", "head"}` to the collection `excerpt`: the digest of
    the excerpt's canonical JSON, its length in characters, and the first 256 bytes of that JSON, as Latin-1."""
    return isinstance(value, dict)


def lift(fields: Fields) -> tuple[Fields, str | None]:
    """A copy with a long log excerpt replaced by a reference, and the text to store; None if it is short."""
    text = fields.get("log_excerpt")
    if not isinstance(text, str) or len(text) <= EXCERPT_CHARS_INLINE:
        return fields, None
    written = canonical(text)
    head = written[:HEAD_BYTES].decode("latin-1")
    reference = {"sha256": hashlib.sha256(written).hexdigest(), "chars": len(text), "head": head}
    return {**fields, "log_excerpt": reference}, text


def absorb(kind: str, body: Body | None, fields: Fields, source: str, at: str, *, rank: int | None = None) -> Body:
    """A report after one more copy; the same object when nothing changes. The caller sets `changed_at`.

    `fields` are in normal form and lifted. `source` is the submission, `at` (canonical text) the instant of its first
    receipt. `rank` defaults to the rank that the copy claims.
    """
    by = (rank_of(fields) if rank is None else rank, verdict_of(kind, fields), source)
    if body is None:
        return {"object": fields, "by": list(by), "first_received": at, "last_received": at}
    if "node" not in body:
        return grow(kind, body, of_copy(kind, fields, by, at))
    base, told = split(body)
    grown = absorb(kind, base, fields, source, at, rank=rank)
    return body if grown is base else unite(kind, grown, told)
