"""Summaries: rows counted by everything a page about a tree or a piece of hardware shows (kcidb.md 4.5). Pure.

One pass over the rows: each is an option to filter by, and is counted if the filter takes it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lib.domain.dashboard.filter import RowFilter
from lib.domain.dashboard.reader import Rows
from lib.domain.dashboard.row import UNKNOWN, BuildRow, IssueKey, Row, TestRow, text_of
from lib.domain.dashboard.tally import StatusTally, Tallies, count
from lib.domain.report.object import Issue

NO_ISSUE: Any = {}
"""In place of an issue without a report."""
UNEXPLAINED = "unknown error"
"""Why a test failed that gives no reason."""


class IssueTally(NamedTuple):
    """An issue seen in results, and how those ended. Of one without a report, there are only the id and version."""

    id: str
    version: int
    issue: Issue
    tally: StatusTally


def tally_issues(tallies: Mapping[IssueKey, StatusTally], issues: Mapping[IssueKey, Issue]) -> list[IssueTally]:
    """The issues of some tallies, by id and version."""
    return [IssueTally(*key, issues.get(key, NO_ISSUE), tallies[key]) for key in sorted(tallies)]


class CompilerTally(NamedTuple):
    """The tests of an architecture and compiler."""

    arch: str
    compiler: str
    status: StatusTally


@dataclass(slots=True)
class ResultSummary:
    """The builds, the boots or the tests of a summary. `unknown_issues` are failures without an issue; `issue_refs` are
    set once the reports of the issues are read."""

    status: StatusTally = field(default_factory=StatusTally)
    origins: Tallies = field(default_factory=dict)
    configs: Tallies = field(default_factory=dict)
    labs: Tallies = field(default_factory=dict)
    issues: dict[IssueKey, StatusTally] = field(default_factory=dict)
    unknown_issues: int = 0
    issue_refs: list[IssueTally] = field(default_factory=list)

    def add(self, row: Row) -> None:
        """Count one more row."""
        status = row.status
        self.status[status] += 1
        count(self.origins, row.view["origin"], status)
        count(self.configs, row.config, status)
        count(self.labs, row.lab, status)
        for key in row.issues:
            self.issues.setdefault(key, StatusTally())[status] += 1
        if status == "FAIL" and not row.issues:
            self.unknown_issues += 1


@dataclass(slots=True)
class BuildPart(ResultSummary):
    """The builds of a summary, and the compilers of each architecture."""

    architectures: Tallies = field(default_factory=dict)
    compilers: dict[str, set[str]] = field(default_factory=dict)

    def add(self, row: Row) -> None:
        ResultSummary.add(self, row)
        count(self.architectures, row.architecture, row.status)
        self.compilers.setdefault(row.architecture, set()).add(row.compiler)

    @property
    def by_architecture(self) -> dict[str, dict[str, Any]]:
        """The tally of each architecture, and its compilers."""
        return {name: {**tally, "compilers": self.compilers[name]} for name, tally in self.architectures.items()}


@dataclass(slots=True)
class TestPart(ResultSummary):
    """The boots or the tests of a summary. `architectures` are by architecture and compiler."""

    __test__ = False

    architectures: dict[tuple[str, str], StatusTally] = field(default_factory=dict)
    platforms: Tallies = field(default_factory=dict)
    compatibles: Tallies = field(default_factory=dict)
    reasons: dict[str, int] = field(default_factory=dict)
    failed_platforms: set[str] = field(default_factory=set)

    def add(self, row: Row) -> None:
        assert isinstance(row, TestRow)
        ResultSummary.add(self, row)
        status = row.status
        self.architectures.setdefault((row.architecture, row.compiler), StatusTally())[status] += 1
        count(self.platforms, row.platform, status)
        for compatible in row.compatibles:
            count(self.compatibles, compatible, status)
        if status == "FAIL":
            reason = text_of(row.view.get("misc"), "error_msg") or UNEXPLAINED
            self.reasons[reason] = self.reasons.get(reason, 0) + 1
            self.failed_platforms.add(row.platform)

    @property
    def by_compiler(self) -> list[CompilerTally]:
        """The tally of each architecture and compiler, in order."""
        return [CompilerTally(*key, self.architectures[key]) for key in sorted(self.architectures)]


@dataclass(slots=True)
class FilterOptions:
    """What the builds, boots or tests may be filtered by."""

    issues: set[IssueKey] = field(default_factory=set)
    origins: set[str] = field(default_factory=set)
    labs: set[str] = field(default_factory=set)
    platforms: set[str] = field(default_factory=set)
    has_unknown_issue: bool = False

    def add(self, row: Row) -> None:
        """One more row that may be asked for."""
        self.issues.update(row.issues)
        self.origins.add(row.view["origin"])
        self.labs.add(row.lab)
        if isinstance(row, TestRow):
            self.platforms.add(row.platform)
        if row.status == "FAIL" and not row.issues:
            self.has_unknown_issue = True


@dataclass(slots=True)
class Summary:
    """Rows, counted; `hardware` is what the tests ran on, by platform or else by what that is compatible with."""

    builds: BuildPart = field(default_factory=BuildPart)
    boots: TestPart = field(default_factory=TestPart)
    tests: TestPart = field(default_factory=TestPart)
    build_options: FilterOptions = field(default_factory=FilterOptions)
    boot_options: FilterOptions = field(default_factory=FilterOptions)
    test_options: FilterOptions = field(default_factory=FilterOptions)
    hardware: set[str] = field(default_factory=set)
    configs: set[str] = field(default_factory=set)
    architectures: set[str] = field(default_factory=set)
    compilers: set[str] = field(default_factory=set)

    @property
    def issues(self) -> Iterable[IssueKey]:
        """Every issue that is counted somewhere."""
        return {key for part in (self.builds, self.boots, self.tests) for key in part.issues}


def summarise(rows: Rows, chosen: RowFilter) -> Summary:
    """The summary of linked rows."""
    summary = Summary()
    parts: dict[str, tuple[ResultSummary, FilterOptions]] = {
        "build": (summary.builds, summary.build_options),
        "boot": (summary.boots, summary.boot_options),
        "test": (summary.tests, summary.test_options),
    }
    builds: dict[int, BuildRow] = {}
    for row in rows:
        part, options = parts[row.kind]
        options.add(row)
        build = row.build if isinstance(row, TestRow) else row
        builds[id(build)] = build
        if isinstance(row, TestRow):
            summary.hardware.update([row.platform] if row.platform != UNKNOWN else row.compatibles)
        if chosen.takes(row):
            part.add(row)
    for build in builds.values():
        summary.configs.add(build.config)
        summary.architectures.add(build.architecture)
        summary.compilers.add(build.compiler)
    return summary
