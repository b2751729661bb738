"""Comparisons: how the results of two commits of a tree differ (kcidb.md 4.5). Pure.

Results of the two are the same one when they agree in everything but when they ran. Of several runs, a failure counts
before a success, and that before the rest.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import NamedTuple

from lib.domain.dashboard.reader import Rows
from lib.domain.dashboard.row import BuildRow, Row
from lib.domain.dashboard.tally import StatusTally

Identity = tuple[str, ...]
"""Configuration, architecture, compiler; of a test, its path and platform too."""

CHANGES = ("regression", "fixed", "newFailure", "stillFailing", "newPass", "appeared", "disappeared")
_EVIDENCE = {"FAIL": 2, "PASS": 1}


@dataclass(slots=True)
class CommitResults:
    """One commit's results of a kind."""

    tally: StatusTally = field(default_factory=StatusTally)
    statuses: dict[Identity, str] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        """One more of its results."""
        self.tally[row.status] += 1
        key = identity(row)
        known = self.statuses.get(key)
        if known is None or _EVIDENCE.get(row.status, 0) > _EVIDENCE.get(known, 0):
            self.statuses[key] = row.status


class Change(NamedTuple):
    """A result at both commits; None where it did not run."""

    status_a: str | None
    status_b: str | None
    config_name: str
    architecture: str
    compiler: str
    path: str = ""
    platform: str = ""


@dataclass(slots=True)
class Pair:
    """The results of a kind at both commits."""

    a: CommitResults = field(default_factory=CommitResults)
    b: CommitResults = field(default_factory=CommitResults)

    @property
    def identities(self) -> list[Identity]:
        """Everything that ran at either, in order."""
        return sorted({*self.a.statuses, *self.b.statuses})

    @property
    def rows(self) -> list[Change]:
        """Everything that ran at either."""
        return [Change(self.a.statuses.get(key), self.b.statuses.get(key), *key) for key in self.identities]

    @property
    def passed_more(self) -> int:
        return self.b.tally.passed - self.a.tally.passed

    @property
    def failed_more(self) -> int:
        return self.b.tally.failed - self.a.tally.failed

    @property
    def changes(self) -> dict[str, int]:
        """How many results changed how."""
        counts = dict.fromkeys(CHANGES, 0)
        for key in self.identities:
            for change in changes(self.a.statuses.get(key), self.b.statuses.get(key)):
                counts[change] += 1
        return counts


@dataclass(slots=True)
class CommitComparison:
    """Two commits, by kind of result."""

    builds: Pair = field(default_factory=Pair)
    boots: Pair = field(default_factory=Pair)
    tests: Pair = field(default_factory=Pair)


def identity(row: Row) -> Identity:
    """What makes a result the same one at another commit."""
    shared = (row.config, row.architecture, row.compiler)
    return shared if isinstance(row, BuildRow) else (*shared, row.path, row.platform)


def changes(before: str | None, after: str | None) -> Iterable[str]:
    """What became of a result; None where it did not run."""
    if after is None:
        yield "disappeared"
        return
    if before is None:
        yield "appeared"
    if after == "FAIL":
        yield {"PASS": "regression", "FAIL": "stillFailing"}.get(before or "", "newFailure")
    elif after == "PASS" and before != "PASS":
        yield "fixed" if before == "FAIL" else "newPass"


def compare(a: Rows, b: Rows) -> CommitComparison:
    """Two commits' results."""
    found = CommitComparison()
    pairs = {"build": found.builds, "boot": found.boots, "test": found.tests}
    for name, rows in (("a", a), ("b", b)):
        for row in rows:
            getattr(pairs[row.kind], name).add(row)
    return found
