"""Dashboard handlers of trees, by commit (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from lib.dialects.dashboard.codec import encode
from lib.dialects.dashboard.nothing import BUILDS, HISTORY, RESULTS, TREES, nothing
from lib.dialects.dashboard.params import RowParams, check_window
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.dashboard.history import (
    COMMITS_MAX,
    Commit,
    TreeSelector,
    commits,
    commits_of,
    count_each,
    history,
    line_of,
)
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.results import tree_results
from lib.domain.dashboard.tree import list_trees
from lib.domain.hub import Hub
from lib.domain.report.object import Checkout
from lib.errors import Invalid
from schemas.dashboard import shape as schema

FILTERS = "filter_<name>"
WHERE = ("git_url", "git_branch", "origin")
COMMITS_WINDOW = "start_timestamp_in_seconds", "end_timestamp_in_seconds"
SHOW = ("summary", "builds", "boots", "tests", "full")
"""What there is of a commit, beside its history."""

KINDS = {"builds": "build", "boots": "boot", "tests": "test"}


def find_trees(request: Request, hub: Hub) -> Reply:
    """GET /tree"""
    asked = RowParams(request)
    found = list_trees(hub.dashboard(), asked.origin, asked.interval())
    return reply_json(encode(list[schema.TreeItem], found)) if found else nothing(TREES)


def show(what: str) -> Callable[[Request, Hub], Reply]:
    """The handler of GET /tree/{commit}/<what>"""

    def handle(request: Request, hub: Hub) -> Reply:
        asked, board = RowParams(request), hub.dashboard()
        url, branch = asked.required("git_url"), asked.required("git_branch")
        checkouts = board.checkouts(request.params["commit"], url, branch, origin=asked.origin)
        return reply_of(what, board, checkouts, asked)

    return handle


def reply_of(what: str, board: DashboardReader, checkouts: Sequence[Checkout], asked: RowParams) -> Reply:
    """What there is of the checkouts of one commit: their summary, one of the lists, or everything."""
    whole = asked.text("full_environment_misc") in ("1", "true", "True")
    found = tree_results(board, checkouts, asked.filter(), what, whole=whole)
    if found is None:
        return nothing(BUILDS if what == "builds" else RESULTS)
    return reply_json(encode(_GIVES[what], found))


def find_commits(request: Request, hub: Hub) -> Reply:
    """GET /tree/{commit}/commits"""
    asked, board = RowParams(request), hub.dashboard()
    url, branch = asked.text("git_url"), asked.text("git_branch")
    checkouts = board.checkouts(request.params["commit"], url, branch, origin=asked.origin)
    return reply_history(board, checkouts, TreeSelector(url, branch, "", asked.origin), asked)


def reply_history(board: DashboardReader, checkouts: Sequence[Checkout], line: TreeSelector, asked: RowParams) -> Reply:
    """The history of a tree up to a commit; of a given time, if there is one."""
    if not checkouts:
        return nothing(HISTORY)
    if not (line.url or line.branch or line.tree):
        line = line_of(checkouts[-1])
    begin, end = map(asked.seconds, COMMITS_WINDOW)
    if begin is not None and end is not None:
        check_window(begin, end, COMMITS_WINDOW)
    if begin is not None or end is not None:
        return reply_commits(board, commits(board, line, begin, end, COMMITS_MAX), asked)
    return reply_commits(board, history(board, checkouts, line), asked)


def find_history(request: Request, hub: Hub) -> Reply:
    """GET /tree/commits-history"""
    asked, board = RowParams(request), hub.dashboard()
    line = TreeSelector(asked.text("git_url"), asked.text("git_branch"), asked.text("tree_name"), asked.origin)
    hashes = [commit for commit in asked.required("commit_hashes").split(",") if commit]
    return reply_commits(board, commits_of(board, hashes, line), asked)


def reply_commits(board: DashboardReader, found: Sequence[Commit], asked: RowParams) -> Reply:
    """Commits, counted."""
    if not found:
        return nothing(HISTORY)
    count_each(board, found, asked.filter(), _kinds(asked))
    return reply_json(encode(list[schema.CommitItem], found))


def _kinds(asked: RowParams) -> frozenset[str]:
    """Which kinds of result `types` asks to count: names with commas between, all when there is none."""
    names = asked.listed("types")
    for name in names:
        if name not in KINDS:
            raise Invalid("types", f"{name[:50]}: must be one of {', '.join(KINDS)}")
    return frozenset(KINDS[name] for name in names or KINDS)


_GIVES = {
    "summary": schema.TreeSummary, "builds": schema.Builds, "boots": schema.Boots, "tests": schema.Tests,
    "full": schema.TreeFull,
}  # fmt: skip
_SUMMARY = {
    "summary": "Count the results of a commit", "builds": "The builds of a commit", "boots": "The boots of a commit",
    "tests": "The tests of a commit", "full": "Count the results of a commit and list them",
}  # fmt: skip

ROUTES = (
    Route(
        "GET", "/tree", find_trees, "kcidb", gives=list[schema.TreeItem], params=("origin", "interval_in_days"),
        summary="Trees by their newest checkout",
    ),
    Route(
        "GET", "/tree/commits-history", find_history, "kcidb", gives=list[schema.CommitItem],
        params=("commit_hashes", "tree_name", *WHERE, "types", FILTERS), summary="Count the results of some commits",
    ),
    *(
        Route(
            "GET", f"/tree/{{commit}}/{what}", show(what), "kcidb", gives=_GIVES[what],
            params=(*WHERE, "full_environment_misc", FILTERS), summary=_SUMMARY[what],
        )
        for what in SHOW
    ),
    Route(
        "GET", "/tree/{commit}/commits", find_commits, "kcidb", gives=list[schema.CommitItem],
        params=(*WHERE, *COMMITS_WINDOW, "types", FILTERS),
        summary="The commits of a tree up to this one, each counted",
    ),
)  # fmt: skip
