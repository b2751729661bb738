"""Sent submissions: a submission as its dialect decoded it, in normal form (kcidb.md 2.3). The merge takes its
copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lib.domain.report.report import Fields, Key


class Copy(NamedTuple):
    """One object of a submission: the key of its report, and its fields in normal form of the newest schema.

    Its values may be shared with the decoded submission: a caller that changes a value copies it first.
    """

    key: Key
    fields: Fields


class Sent(NamedTuple):
    """A submission. `id` is the digest of its JSON, `version` its schema's (major, minor). `copies` are ordered by
    kind, then as in the document; an object that is listed twice is two copies.

    `warnings` are sentences about odd values that were accepted. `faults` describe the objects that were left out of a
    partly accepted submission (as `Malformed.problems`, the first of `fault_count`).
    """

    id: str
    version: tuple[int, int]
    copies: tuple[Copy, ...]
    warnings: tuple[str, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()
    fault_count: int = 0


class Document(NamedTuple):
    """A submission's text, and the id derived from its JSON. `decode` decodes it on demand; with the flag it leaves out
    faulty objects, otherwise it raises Malformed for them."""

    raw: bytes
    id: str
    decode: Callable[[bool], Sent]
