"""The cost of one piece of work at a store that bills by the document: reads, writes, deletes.

A caller opens a tally around the work; a store that bills by the document adds to the open tally. Other stores add
nothing.
"""

from __future__ import annotations

from contextvars import ContextVar, Token
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Documents read, written and deleted so far."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0

    def __str__(self) -> str:
        """The counts as members of a log line; "" if all are zero."""
        counted = (("reads", self.reads), ("writes", self.writes), ("deletes", self.deletes))
        return "".join(f" {name}={n}" for name, n in counted if n)


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


def count(*, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
    """Add to the open tally, if there is one."""
    tally = _current.get()
    if tally is not None:
        tally.reads += reads
        tally.writes += writes
        tally.deletes += deletes


def begin(tally: Tally) -> Token[Tally | None]:
    """Count into this tally from now on. Returns the token for `end`."""
    return _current.set(tally)


def end(token: Token[Tally | None]) -> None:
    """Count into the tally that was open before `begin`."""
    _current.reset(token)
