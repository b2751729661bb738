"""Reports: what KCIDB objects the submissions tell of, merged (kcidb.md 2.3 to 2.7).

Pure. A report is identified by its kind (one of `KINDS`), its id and, for issues, its version; nothing else of it does.
Its stored body:

    object          the view: schema 5.3 in normal form; a long `log_excerpt` is a reference (`is_lifted`)
    by              [rank, verdict, source] of every field's value, where `except` does not say otherwise
    except          [[field, rank, verdict, source], …], sorted by field; absent when empty
    lost            {field: [[value, rank, verdict, source], …]} of other values, greatest first; absent when empty
    more            [field, …] of which still others were cut; absent when empty
    first_received, last_received   of the distinct submissions that hold it (canonical texts)
    changed_at      when the stored report last changed: of this store, not of the submissions
    conflicted      the origin, when there is anything in `lost`; else absent
    node            of a report that a node of the hub tells of too: see `project`

A field is a top-level name, or `environment.comment`, `culprit.code` …. A source is a submission's id, or `node:<id>`.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, NamedTuple

KINDS = ("checkouts", "builds", "tests", "issues", "incidents")
"""The lists of a submission, parents first."""

SINGULAR: Mapping[str, str] = {kind: kind[:-1] for kind in KINDS}
COLLECTION: Mapping[str, str] = {kind: f"kcidb_{kind[:-1]}" for kind in KINDS}
"""Where the reports of a kind are stored."""

EXCERPT_CHARS_INLINE = 256
"""A longer log excerpt is stored once, in the collection `excerpt` under its digest, whoever sends it."""

Fields = dict[str, Any]
"""One object of a submission or a view: field → value, in normal form of the newest schema."""


class Key(NamedTuple):
    """What identifies a report. `version` is an issue's, None for every other kind."""

    kind: str
    id: str
    version: int | None = None

    @property
    def store_key(self) -> str:
        """Its key in its collection: a digest, since ids may hold what keys may not. Its first 24 digits are the id of
        its view as a node (kcidb.md 5.3)."""
        name = SINGULAR[self.kind] + self.id
        if self.version is not None:
            name += f"\0{self.version}"
        return hashlib.sha256(name.encode()).hexdigest()


def key_of(kind: str, fields: Mapping[str, Any]) -> Key:
    """The key of an object."""
    return Key(kind, fields["id"], fields["version"] if kind == "issues" else None)


def is_lifted(value: object) -> bool:
    """Whether a `log_excerpt` is a reference `{"sha256", "chars", "head"}` to the collection `excerpt`: digest of its
    canonical JSON, its length in characters, and the first 256 bytes of that JSON, as Latin-1."""
    return isinstance(value, dict)
