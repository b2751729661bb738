"""What the service would bill, counted as requests are answered ("Understand Cloud Firestore billing").

- A document returned, skipped by an offset, or sent to a listener is one read; so is one asked for and not there.
- A query that returns nothing costs one read, and so does listing collections.
- An aggregation costs one read per 1,000 index entries it matches, or part of it, at least one.
- Each write and each delete of a commit counts once, whether or not it changed anything.

`entries` counts the index entries scanned, which tells what a query costs in time.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, fields

ENTRIES_PER_READ = 1000


@dataclass
class Bill:
    """Counts of one stretch of work."""

    reads: int = 0
    writes: int = 0
    deletes: int = 0
    entries: int = 0
    requests: int = 0

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

    def add_query(self, returned: int, skipped: int = 0, entries: int = 0) -> None:
        self.add(reads=max(1, returned + skipped), entries=entries)

    def add_aggregation(self, matched: int) -> None:
        self.add(reads=max(1, -(-matched // ENTRIES_PER_READ)), entries=matched)

    def bill(self) -> Bill:
        with self._lock:
            return Bill(**{f.name: getattr(self, f.name) for f in fields(Bill)})

    def clear(self) -> None:
        with self._lock:
            for f in fields(Bill):
                setattr(self, f.name, 0)
