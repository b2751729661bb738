"""Reports of a tree: what its newest checkout shows, and which tests changed over its last ones (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lib.domain.dashboard.history import TreeSelector, commits, trend
from lib.domain.dashboard.issue import Sighting, first_sighting
from lib.domain.dashboard.reader import DashboardReader, Rows, instant_text
from lib.domain.dashboard.row import IssueKey, Row, TestRow
from lib.domain.dashboard.summary import NO_ISSUE
from lib.domain.dashboard.tally import StatusTally
from lib.domain.query.pattern import sql_like
from lib.domain.report.object import Checkout, Issue

AGE_HOURS_MAX = 720
"""How far back a report looks at most."""
RUNS_MAX = 100
"""Most runs of a test in its history."""
PATHS_MAX = 50
"""Most patterns of paths."""
PATH_CHARS_MAX = 500
ISSUES_SHOWN = 200
"""Most issues of each kind of result in a report."""

Course = tuple[str, str, str, str]
"""Which runs belong together: platform, configuration, architecture and compiler with a slash between, path."""


@dataclass(frozen=True, slots=True)
class ReportQuery:
    """Which report: of the newest checkout between two ages, with histories of `runs` runs of the tests whose paths are
    like one of `paths` (empty: all)."""

    line: TreeSelector
    paths: tuple[str, ...] = ()
    runs: int = 3
    age_min: timedelta = timedelta(0)
    age_max: timedelta = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class SeenIssue:
    """An issue seen in a result of the checkout."""

    key: IssueKey
    row: Row
    issue: Issue
    first: Sighting | None

    @property
    def id(self) -> str:
        return self.key[0]

    issue_id = id

    @property
    def version(self) -> int:
        return self.key[1]

    @property
    def build_id(self) -> str | None:
        row = self.row.build if isinstance(self.row, TestRow) else self.row
        return row.view["id"]

    @property
    def test_id(self) -> str | None:
        return self.row.view["id"] if isinstance(self.row, TestRow) else None

    @property
    def first_seen(self) -> str | None:
        return self.first.heard_at if self.first is not None else None

    @property
    def is_new_issue(self) -> bool:
        """Whether this version was seen first at the commit of the result."""
        first, commit = self.first, self.row.checkout.get("git_commit_hash")
        return first is not None and first.version == self.version and first.checkout.get("git_commit_hash") == commit


@dataclass(slots=True)
class CheckoutReport:
    """A checkout, counted; tests whose histories changed, newest run first; and issues, by kind of result."""

    checkout: Checkout
    builds: StatusTally = field(default_factory=StatusTally)
    boots: StatusTally = field(default_factory=StatusTally)
    tests: StatusTally = field(default_factory=StatusTally)
    trends: dict[str, dict[Course, list[TestRow]]] = field(default_factory=dict)
    issues: dict[str, list[SeenIssue]] = field(default_factory=dict)

    @property
    def histories(self) -> dict[str, dict[str, Any]]:
        """The trends, each nested by platform, configuration, architecture and compiler, and path."""
        found: dict[str, dict[str, Any]] = {}
        for name, courses in self.trends.items():
            nested = found[name] = {}
            for (platform, config, made_by, path), runs in courses.items():
                nested.setdefault(platform, {}).setdefault(config, {}).setdefault(made_by, {})[path] = runs
        return found


def report(board: DashboardReader, asked: ReportQuery, now: datetime) -> CheckoutReport | None:
    """The report of a tree; None when it has no checkout of that age."""
    found = commits(board, asked.line, now - asked.age_max, now)
    limit = instant_text(now - asked.age_min)
    heads = [view for commit in found for view in commit.checkouts if view["start_time"] <= limit]
    if not heads:
        return None
    head = max(heads, key=lambda view: (view["start_time"], view["id"]))
    before = [v for commit in found for v in commit.checkouts if v["start_time"] <= head["start_time"]]
    rows = board.rows(before)
    here = Rows([b for b in rows.builds if b.checkout is head], [t for t in rows.tests if t.checkout is head])
    made = CheckoutReport(head)
    for row in here:
        {"build": made.builds, "boot": made.boots, "test": made.tests}[row.kind][row.status] += 1
    made.trends = trends(rows.tests, asked)
    made.issues = _issues(board, here)
    return made


def trends(tests: Sequence[TestRow], asked: ReportQuery) -> dict[str, dict[Course, list[TestRow]]]:
    """The tests whose last runs differ, by what became of them (`regression`, `fixed`, `unstable`)."""
    likes = [sql_like(path) for path in asked.paths]
    courses: dict[Course, list[TestRow]] = {}
    for row in sorted(tests, key=lambda row: (row.started or "", row.view["id"]), reverse=True):
        if likes and not any(is_like(row.path) for is_like in likes):
            continue
        runs = courses.setdefault(_course(row), [])
        if len(runs) < asked.runs:
            runs.append(row)
    found: dict[str, dict[Course, list[TestRow]]] = {"regression": {}, "fixed": {}, "unstable": {}}
    for course in sorted(courses):
        statuses = [row.status for row in courses[course]]
        if len(set(statuses)) > 1 and (said := trend(statuses)) in found:
            found[said][course] = courses[course]
    return found


def _course(row: TestRow) -> Course:
    return row.platform, row.config, f"{row.architecture}/{row.compiler}", row.path


def _issues(board: DashboardReader, rows: Rows) -> dict[str, list[SeenIssue]]:
    """The issues seen in rows, each once, at the first of them."""
    board.link(rows)
    seen: dict[str, dict[IssueKey, Row]] = {"build": {}, "boot": {}, "test": {}}
    for row in rows:
        for key in row.issues:
            if len(seen[row.kind]) < ISSUES_SHOWN:
                seen[row.kind].setdefault(key, row)
    keys = {key for some in seen.values() for key in some}
    views = board.issues(keys)
    firsts = {id: first_sighting(board, id) for id in {id for id, _ in keys}}
    return {
        kind: [
            SeenIssue(key, row, views.get(key, NO_ISSUE), firsts[key[0]])
            for key, row in sorted(some.items(), key=_by_key)
        ]
        for kind, some in seen.items()
    }


def _by_key(pair: tuple[IssueKey, Row]) -> IssueKey:
    return pair[0]
