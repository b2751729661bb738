"""Tallies: how many results have each status (kcidb.md 4.5, StatusCount). Pure."""

from __future__ import annotations

from collections.abc import Iterable

NONE = "NULL"
"""What the absent status of a build or test that is scheduled or still runs is called."""

STATUSES = ("PASS", "FAIL", "ERROR", "SKIP", "MISS", "DONE", NONE)
_ZEROS = dict.fromkeys(STATUSES, 0)


class StatusTally(dict[str, int]):
    """Status → number of results, every status named."""

    __slots__ = ()

    def __init__(self, statuses: Iterable[str] = ()) -> None:
        super().__init__(_ZEROS)
        for status in statuses:
            self[status] += 1

    @property
    def total(self) -> int:
        return sum(self.values())

    @property
    def passed(self) -> int:
        return self["PASS"]

    @property
    def failed(self) -> int:
        return self["FAIL"]

    @property
    def inconclusive(self) -> int:
        """Everything else, what has no status included."""
        return self.total - self.passed - self.failed


Tallies = dict[str, StatusTally]
"""Tallies by the value of some field."""


def count(tallies: Tallies, key: str, status: str) -> None:
    """One more result of this status under a key."""
    tally = tallies.get(key)
    if tally is None:
        tally = tallies[key] = StatusTally()
    tally[status] += 1
