"""Results of a commit or of hardware: the rows that a filter takes, and their summary (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.domain.dashboard.filter import RowFilter
from lib.domain.dashboard.hardware import HardwareRuns, bench
from lib.domain.dashboard.reader import DashboardReader, Rows
from lib.domain.dashboard.row import BuildRow, Row, TestRow
from lib.domain.dashboard.summary import IssueTally, Summary, summarise, tally_issues
from lib.domain.dashboard.tally import StatusTally
from lib.domain.report.object import Checkout


@dataclass(slots=True)
class Results:
    """Rows and a filter on them. `summary` is empty unless it was asked for."""

    rows: Rows
    chosen: RowFilter
    summary: Summary

    @property
    def builds(self) -> list[BuildRow]:
        return [row for row in self.rows.builds if self.chosen.takes(row)]

    @property
    def boots(self) -> list[TestRow]:
        return self._tests("boot")

    @property
    def tests(self) -> list[TestRow]:
        return self._tests("test")

    def _tests(self, kind: str) -> list[TestRow]:
        return [row for row in self.rows.tests if row.kind == kind and self.chosen.takes(row)]


@dataclass(slots=True)
class TreeResults(Results):
    """Those of a commit, with its newest checkout."""

    checkout: Checkout


@dataclass(slots=True)
class HardwareResults(Results):
    """Those of hardware, with the trees that ran there."""

    found: HardwareRuns


def tree_results(
    board: DashboardReader, checkouts: Sequence[Checkout], chosen: RowFilter, what: str, *, whole: bool = False
) -> TreeResults | None:
    """What there is of the checkouts of one commit: their `summary`, one of the lists, or everything (`full`). None for
    nothing. `whole`: tests show their whole environment."""
    rows = board.rows(checkouts, tests=what != "builds") if checkouts else Rows()
    if not checkouts or (what == "builds" and not rows.builds):
        return None
    for row in rows.tests:
        row.is_whole = whole
    return TreeResults(rows, chosen, _summary(board, rows, chosen, what), checkouts[-1])


def hardware_results(
    board: DashboardReader, tests: Sequence[TestRow], selected: Mapping[str, str], chosen: RowFilter, what: str
) -> HardwareResults:
    """The same of tests on one piece of hardware. `selected`: see `bench`."""
    found = bench(tests, selected)
    return HardwareResults(found.rows, chosen, _summary(board, found.rows, chosen, what), found)


def _summary(board: DashboardReader, rows: Rows, chosen: RowFilter, what: str) -> Summary:
    is_counted = what in ("summary", "full")
    if chosen.needs_issues or is_counted:
        board.link(rows)
    if not is_counted:
        return Summary()
    summary = summarise(rows, chosen)
    issues = board.issues(summary.issues)
    for part in (summary.builds, summary.boots, summary.tests):
        part.issue_refs = tally_issues(part.issues, issues)
    return summary


def issues_of(board: DashboardReader, row: Row) -> list[IssueTally]:
    """The issues seen in one row."""
    board.link(Rows([row]) if isinstance(row, BuildRow) else Rows(tests=[row]))
    tallies = {key: StatusTally([row.status]) for key in row.issues}
    return tally_issues(tallies, board.issues(tallies))
