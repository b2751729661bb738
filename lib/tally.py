"""What one piece of work cost at a store that bills by the document: reads, writes, deletes.

A store that counts adds to the tally of the work at hand; whoever wants to know opens one around it. A store that costs
nothing by the document adds nothing.
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
        """What was counted, as members of a log line; "" where nothing was."""
        counted = (("reads", self.reads), ("writes", self.writes), ("deletes", self.deletes))
        return "".join(f" {name}={n}" for name, n in counted if n)


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


def count(*, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
    """Add to the tally of the work at hand, if anybody keeps one."""
    tally = _current.get()
    if tally is not None:
        tally.reads += reads
        tally.writes += writes
        tally.deletes += deletes


def begin(tally: Tally) -> Token[Tally | None]:
    """Count into this tally from now on; `end` takes what this gives."""
    return _current.set(tally)


def end(token: Token[Tally | None]) -> None:
    """Count into what was counted into before."""
    _current.reset(token)
