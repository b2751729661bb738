"""What the service would bill, counted as requests are answered ("Understand Cloud Firestore billing").

- A document returned, skipped by an offset, or sent to a listener is one read; so is one asked for and not there.
- A query that returns nothing costs one read, and so does listing collections.
- An aggregation costs one read per 1,000 index entries it matches, or part of it, at least one.
- Each write and each delete of a commit counts once, whether or not it changed anything.

`entries` counts the index entries scanned, a measure of a query's time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

ENTRIES_PER_READ = 1000


def query_reads(count: int) -> int:
    """Reads of a query that gave or skipped so many documents."""
    return max(1, count)


def aggregation_reads(matched: int) -> int:
    """Reads of an aggregation over so many index entries."""
    return max(1, -(-matched // ENTRIES_PER_READ))


@dataclass
class Bill:
    """Counts of one stretch of work."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    entries: int = 0

    def __sub__(self, other: Bill) -> Bill:
        return Bill(**{f.name: getattr(self, f.name) - getattr(other, f.name) for f in fields(Bill)})


class Meter(Bill):
    """The running counts of a server; `bill()` is a copy to compare with later, `clear()` starts anew."""

    def __init__(self) -> None:
        super().__init__()
        self._lock = threading.Lock()

    def add(self, **counts: int) -> None:
        with self._lock:
            for name, count in counts.items():
                setattr(self, name, getattr(self, name) + count)

    def bill(self) -> Bill:
        with self._lock:
            return Bill(**{f.name: getattr(self, f.name) for f in fields(Bill)})

    def clear(self) -> None:
        with self._lock:
            for f in fields(Bill):
                setattr(self, f.name, 0)
