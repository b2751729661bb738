"""Dashboard handlers of hardware (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime

from lib.dialects.dashboard.codec import Wire, encode
from lib.dialects.dashboard.nothing import HARDWARE, HARDWARE_TESTS, HARDWARES, HISTORY, nothing
from lib.dialects.dashboard.params import RowParams, check_window, decode_filter, decode_seconds
from lib.dialects.wire import Reply, Request, Route, decode_body, reply_json
from lib.domain.dashboard.hardware import Window, hardware_of, list_hardware, tests_on
from lib.domain.dashboard.history import TreeSelector, commits
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.results import hardware_results
from lib.domain.dashboard.row import TestRow
from lib.domain.dashboard.tree import list_checkouts
from lib.domain.hub import Hub
from lib.domain.report.object import Checkout
from lib.errors import Invalid
from schemas.dashboard import hardware as schema
from schemas.dashboard import shape

COMMITS_MAX = 500
"""Most commits that a list of hardware may be asked for by."""
BODY_BYTES_MAX = 256 * 1024


def find_hardware(request: Request, hub: Hub) -> Reply:
    """GET /hardware"""
    asked = RowParams(request)
    for name in ("startTimestampInSeconds", "endTimestampInSeconds"):
        asked.required(name)
    window = asked.window()
    assert window is not None
    commits = frozenset(asked.listed("commitsList"))
    if len(commits) > COMMITS_MAX:
        raise Invalid("commitsList", f"at most {COMMITS_MAX} commits")
    found = list_hardware(hub.dashboard(), Window(asked.origin, *window), commits)
    return reply_json(encode(schema.HardwareList, {"hardware": found})) if found else nothing(HARDWARES)


def find_by_revision(request: Request, hub: Hub) -> Reply:
    """GET /hardware-by-revision"""
    asked, board = RowParams(request), hub.dashboard()
    tree, url = asked.required("tree_name"), asked.required("git_repository_url")
    branch, commit = asked.required("git_repository_branch"), asked.required("git_commit_hash")
    rows = board.rows(board.checkouts(commit, url, branch, tree))
    found = hardware_of(row for row in rows.tests if row.view["origin"] == asked.origin)
    return reply_json(encode(schema.RevisionHardware, {"hardware": found})) if found else nothing(HARDWARES)


def find_selectors(request: Request, hub: Hub) -> Reply:
    """GET /hardware/selectors"""
    asked = RowParams(request)
    found = list_checkouts(hub.dashboard(), asked.origin, asked.interval())
    return reply_json(encode(schema.Selectors, {"trees": _nest(found)})) if found else nothing(HARDWARES)


def show(what: str) -> Callable[[Request, Hub], Reply]:
    """The handler of POST /hardware/{name}/<what>"""

    def handle(request: Request, hub: Hub) -> Reply:
        asked = decode_body(request, schema.HardwareQuery)
        chosen, board = decode_filter(asked.filter), hub.dashboard()
        tests = _tests(board, request.params["name"], asked)
        if not tests:
            return nothing(HARDWARE_TESTS if what in ("boots", "tests") else HARDWARE)
        return reply_json(encode(_GIVES[what], hardware_results(board, tests, asked.selectedCommits, chosen, what)))

    return handle


def find_commits(request: Request, hub: Hub) -> Reply:
    """POST /hardware/{name}/commit-history"""
    asked = decode_body(request, schema.HardwareHistoryQuery)
    begin, end = _window(asked)
    board, table = hub.dashboard(), {}
    for head in asked.commitHeads:
        line = TreeSelector(head.repositoryUrl, head.branch, head.treeName)
        found = commits(board, line, begin, end)
        if found:
            table[f"{head.treeName}:{head.repositoryUrl}:{head.branch}"] = found
    return reply_json(encode(schema.CommitTable, {"commit_history_table": table})) if table else nothing(HISTORY)


def _tests(board: DashboardReader, name: str, asked: schema.HardwareQuery) -> list[TestRow]:
    """The tests on hardware of this name. Clients write a blank in it as `+`."""
    window = Window(asked.origin, *_window(asked))
    found = tests_on(board, name, window)
    return found if found or "+" not in name else tests_on(board, name.replace("+", " "), window)


def _window(asked: schema.HardwareQuery) -> tuple[datetime, datetime]:
    return check_window(
        decode_seconds("startTimestampInSeconds", asked.startTimestampInSeconds),
        decode_seconds("endTimestampInSeconds", asked.endTimestampInSeconds),
    )


def _nest(checkouts: Sequence[Checkout]) -> list[Wire]:
    """Trees, their branches, and the revisions of those, newest first."""
    trees: dict[str | None, dict[tuple[str | None, str | None], dict[str, Checkout]]] = {}
    for view in checkouts:
        place = view.get("git_repository_url"), view.get("git_repository_branch")
        revisions = trees.setdefault(view.get("tree_name"), {}).setdefault(place, {})
        if (commit := view.get("git_commit_hash")) is not None:
            revisions.setdefault(commit, view)
    return [
        {
            "tree_name": tree,
            "branches": [
                {"git_repository_url": url, "git_repository_branch": branch, "revisions": list(revisions.values())}
                for (url, branch), revisions in branches.items()
            ],
        }
        for tree, branches in sorted(trees.items(), key=lambda pair: pair[0] or "")
    ]


_GIVES = {
    "summary": schema.HardwareSummary, "builds": shape.Builds, "boots": shape.Boots, "tests": shape.Tests,
    "full": schema.HardwareFull,
}  # fmt: skip
_SUMMARY = {
    "summary": "Count what ran on hardware", "builds": "The builds that ran on hardware",
    "boots": "The boots on hardware", "tests": "The tests on hardware",
    "full": "Count what ran on hardware and list it",
}  # fmt: skip
_WINDOW = ("origin", "startTimestampInSeconds", "endTimestampInSeconds")

ROUTES = (
    Route(
        "GET", "/hardware", find_hardware, "kcidb", gives=schema.HardwareList, params=(*_WINDOW, "commitsList"),
        summary="Hardware that tests ran on",
    ),
    Route(
        "GET", "/hardware/selectors", find_selectors, "kcidb", gives=schema.Selectors,
        params=("origin", "interval_in_days"), summary="Trees, branches and revisions to choose from",
    ),
    Route(
        "GET", "/hardware-by-revision", find_by_revision, "kcidb", gives=schema.RevisionHardware,
        params=("tree_name", "git_repository_url", "git_repository_branch", "git_commit_hash", "origin"),
        summary="Hardware that a revision ran on",
    ),
    *(
        Route(
            "POST", "/hardware/{name}" if what == "full" else f"/hardware/{{name}}/{what}", show(what), "kcidb",
            body_bytes_max=BODY_BYTES_MAX, takes=schema.HardwareQuery, gives=_GIVES[what], summary=_SUMMARY[what],
        )
        for what in _GIVES
    ),
    Route(
        "POST", "/hardware/{name}/commit-history", find_commits, "kcidb", body_bytes_max=BODY_BYTES_MAX,
        takes=schema.HardwareHistoryQuery, gives=schema.CommitTable, summary="The commits of trees",
    ),
)  # fmt: skip
