"""What one piece of work cost at a store that bills by the document: reads, writes, deletes.

A store that counts adds to the tally of the work at hand; whoever wants to know opens one around it. A store that costs
nothing by the document adds nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass


@dataclass(slots=True)
class Tally:
    """Documents read, written and deleted so far."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0

    def __bool__(self) -> bool:
        return bool(self.reads or self.writes or self.deletes)


_current: ContextVar[Tally | None] = ContextVar("tally", default=None)


def count(*, reads: int = 0, writes: int = 0, deletes: int = 0) -> None:
    """Add to the tally of the work at hand, if anybody keeps one."""
    tally = _current.get()
    if tally is not None:
        tally.reads += reads
        tally.writes += writes
        tally.deletes += deletes


@contextmanager
def counting(tally: Tally) -> Iterator[Tally]:
    """Count into this tally within the block."""
    token = _current.set(tally)
    try:
        yield tally
    finally:
        _current.reset(token)
