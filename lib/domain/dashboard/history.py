"""History: the commits of a tree with what they count, and the results of one test over them (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import pairwise

from lib.domain.dashboard.filter import RowFilter
from lib.domain.dashboard.reader import DashboardReader, same, since, until
from lib.domain.dashboard.row import TestRow
from lib.domain.dashboard.tree import CheckoutCounts
from lib.domain.report.object import Checkout, Test
from lib.errors import TooCostly
from lib.store.port import Where

COMMITS_SHOWN = 10
"""Commits of a history that nobody bounds by times."""
COMMITS_MAX = 100
"""Most commits of any history: the newest."""
RUNS_SHOWN = 10
"""Runs of a test in its history, when nobody says how many."""
TESTS_LOOKED_MAX = 5000
"""Most runs of a test that are looked through for those of one tree and configuration."""
LOOKED_AT_ONCE = 100


@dataclass(slots=True)
class Commit:
    """A commit by its checkouts in one tree, and what was found there."""

    checkouts: list[Checkout]
    counts: CheckoutCounts = field(default_factory=CheckoutCounts)

    @property
    def newest(self) -> Checkout:
        return self.checkouts[-1]

    @property
    def earliest_start(self) -> str | None:
        return min((view["start_time"] for view in self.checkouts if "start_time" in view), default=None)


@dataclass(frozen=True, slots=True)
class TreeSelector:
    """Which commits belong together: those of one repository, branch, tree and origin; "" leaves one out."""

    url: str = ""
    branch: str = ""
    tree: str = ""
    origin: str = ""

    def conditions(self) -> list[Where]:
        return [same(name, value) for name, value in self._named() if value]

    def holds(self, view: Checkout) -> bool:
        """Whether a checkout belongs to it."""
        return all(view.get(name) == value for name, value in self._named() if value)

    def _named(self) -> tuple[tuple[str, str], ...]:
        return (
            ("git_repository_url", self.url), ("git_repository_branch", self.branch), ("tree_name", self.tree),
            ("origin", self.origin),
        )  # fmt: skip


def line_of(checkout: Checkout) -> TreeSelector:
    """The line a checkout belongs to, whatever its tree is called."""
    url, branch = checkout.get("git_repository_url", ""), checkout.get("git_repository_branch", "")
    return TreeSelector(url, branch, "", checkout["origin"])


def commits(
    board: DashboardReader,
    line: TreeSelector,
    begin: datetime | None = None,
    end: datetime | str | None = None,
    most: int = COMMITS_MAX,
) -> list[Commit]:
    """The newest commits of a line that were checked out in a time, newest first."""
    where = line.conditions()
    if begin is not None:
        where.append(since(begin))
    if end is not None:
        where.append(Where("start_time", "<=", end) if isinstance(end, str) else until(end))
    found: dict[str, list[Checkout]] = {}
    for body in board.find("checkouts", *where, order="-start_time", page=most * 2):
        view = body["object"]
        commit = view.get("git_commit_hash")
        if commit is None or not line.holds(view):
            continue
        if commit not in found and len(found) == most:
            break
        found.setdefault(commit, []).insert(0, view)
    return [Commit(views) for views in found.values()]


def commits_of(board: DashboardReader, hashes: Iterable[str], line: TreeSelector) -> list[Commit]:
    """These commits of a line, as far as they are there, newest first. Raises TooCostly past COMMITS_MAX."""
    wanted = list(dict.fromkeys(hashes))
    if len(wanted) > COMMITS_MAX:
        raise TooCostly(f"at most {COMMITS_MAX} commits at once")
    found = [board.checkouts(commit, line.url, line.branch, line.tree, line.origin) for commit in wanted]
    return sorted(map(Commit, filter(None, found)), key=lambda c: c.earliest_start or "", reverse=True)


def history(board: DashboardReader, checkouts: Sequence[Checkout], line: TreeSelector) -> list[Commit]:
    """A commit and those before it on its line, newest first."""
    here = Commit(list(checkouts))
    starts = [view["start_time"] for view in checkouts if "start_time" in view]
    if not starts:
        return [here]
    commit = here.newest.get("git_commit_hash")
    before = commits(board, line, end=max(starts), most=COMMITS_SHOWN)
    return [here, *(c for c in before if c.newest.get("git_commit_hash") != commit)][:COMMITS_SHOWN]


def count_each(board: DashboardReader, found: Sequence[Commit], chosen: RowFilter, kinds: frozenset[str]) -> None:
    """Count what hangs from each commit, of these kinds, as far as the filter takes it."""
    of = {view["id"]: commit for commit in found for view in commit.checkouts}
    rows = board.rows([view for commit in found for view in commit.checkouts], tests=bool(kinds - {"build"}))
    if chosen.needs_issues:
        board.link(rows)
    for row in rows:
        if row.kind in kinds and chosen.takes(row):
            counts = of[row.checkout["id"]].counts
            {"build": counts.builds, "boot": counts.boots, "test": counts.tests}[row.kind][row.status] += 1


@dataclass(frozen=True, slots=True)
class RunSelector:
    """Which runs of a test belong together."""

    path: str
    line: TreeSelector
    config: str
    platform: str = ""


def runs(board: DashboardReader, course: RunSelector, end: datetime | None, most: int) -> list[TestRow]:
    """The newest runs of a test, newest first."""
    where = [same("path", course.path)]
    if course.platform:
        where.append(same("platform", course.platform))
    if end is not None:
        where.append(until(end))
    found: list[TestRow] = []
    batch: list[Test] = []
    for looked, body in enumerate(board.find("tests", *where, order="-start_time", page=LOOKED_AT_ONCE), 1):
        batch.append(body["object"])
        if len(batch) == LOOKED_AT_ONCE:
            found += _on(course, board.hang(batch))
            batch = []
        if len(found) >= most or looked >= TESTS_LOOKED_MAX:
            break
    return (found + _on(course, board.hang(batch)))[:most]


def _on(course: RunSelector, rows: Iterable[TestRow]) -> list[TestRow]:
    return [
        row
        for row in rows
        if row.path == course.path
        and (not course.platform or row.platform == course.platform)
        and row.config == course.config
        and row.checkout
        and course.line.holds(row.checkout)
    ]


def trend(statuses: Sequence[str]) -> str:
    """What the statuses of a test, newest first, say of it: `pass`, `fail`, `regression`, `fixed` or `unstable`.

    Inconclusive runs say nothing, unless the newest is one.
    """
    said = [status for status in statuses if status in ("PASS", "FAIL")]
    if not said or statuses[0] != said[0]:
        return "unstable"
    changes = sum(a != b for a, b in pairwise(said))
    if changes > 1:
        return "unstable"
    return _TRENDS[said[0], bool(changes)]


_TRENDS = {
    ("PASS", False): "pass", ("PASS", True): "fixed", ("FAIL", False): "fail", ("FAIL", True): "regression",
}  # fmt: skip
