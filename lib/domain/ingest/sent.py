"""What was sent: a submission as its dialect read it, in normal form (kcidb.md 2.3). The merge takes its copies."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from lib.domain.report.report import Fields, Key


class Copy(NamedTuple):
    """One object of a submission: which report it tells of, and its fields in normal form of the newest schema.

    Its values may be shared with the submission it was read from: whoever changes one makes a copy first.
    """

    key: Key
    fields: Fields


class Sent(NamedTuple):
    """A submission. `id` is the digest of its JSON, `version` its schema's (major, minor). `copies` stand kind by kind,
    in the order of the document; an object listed twice is two copies.

    `warnings` are sentences about what is odd and was taken all the same. `faults` describe the objects that were left
    out of a submission taken in part (as `Malformed.problems`, the first of `fault_count`).
    """

    id: str
    version: tuple[int, int]
    copies: tuple[Copy, ...]
    warnings: tuple[str, ...] = ()
    faults: tuple[dict[str, Any], ...] = ()
    fault_count: int = 0


class Document(NamedTuple):
    """A submission's text, and the id that its JSON has. `decode` says what it holds, for those who do not know it yet;
    told to, it leaves out faulty objects, else raises Malformed for them."""

    raw: bytes
    id: str
    decode: Callable[[bool], Sent]
