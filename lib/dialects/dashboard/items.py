"""Dashboard handlers of one build or test (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Any

from lib.dialects.dashboard.codec import encode
from lib.dialects.dashboard.nothing import BUILD, BUILD_ISSUES, TEST, TEST_HISTORY, TEST_ISSUES, nothing
from lib.dialects.dashboard.params import RowParams
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.dashboard.history import RUNS_SHOWN, RunSelector, TreeSelector, runs, trend
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.report import RUNS_MAX
from lib.domain.dashboard.results import issues_of
from lib.domain.dashboard.row import BuildRow, Row, StoredTest, TestRow, in_order
from lib.domain.hub import Hub
from lib.domain.report.report import Key
from schemas.dashboard import result as schema
from schemas.dashboard import shape


def show_build(request: Request, hub: Hub) -> Reply:
    """GET /build/{id}"""
    board = hub.dashboard()
    row = _build(board, request.params["id"])
    if row is None:
        return nothing(BUILD)
    return reply_json(encode(schema.BuildDetails, BuildRow(_whole(board, row), row.checkout)))


def show_build_tests(request: Request, hub: Hub) -> Reply:
    """GET /build/{id}/tests"""
    board, id = hub.dashboard(), request.params["id"]
    row = _build(board, id)
    if row is None:
        return nothing(BUILD)
    tests = [TestRow(body["object"], row) for body in board.children("tests", "build_id", (id,))]
    for test in tests:
        test.is_whole = True
    return reply_json(encode(list[schema.BuildTest], in_order(tests)))


def show_build_issues(request: Request, hub: Hub) -> Reply:
    """GET /build/{id}/issues"""
    board = hub.dashboard()
    row = _build(board, request.params["id"])
    if row is None:
        return nothing(BUILD)
    return _reply_issues(board, row, BUILD_ISSUES)


def show_test(request: Request, hub: Hub) -> Reply:
    """GET /test/{id}"""
    board = hub.dashboard()
    body = board.archive.load(Key("tests", request.params["id"]))
    if body is None:
        return nothing(TEST)
    (row,) = board.hang([body["object"]])
    return reply_json(encode(schema.TestDetails, StoredTest(_whole(board, row), row.build, body["changed_at"])))


def show_test_issues(request: Request, hub: Hub) -> Reply:
    """GET /test/{id}/issues"""
    board = hub.dashboard()
    views = board.views("tests", (request.params["id"],))
    if not views:
        return nothing(TEST)
    (row,) = board.hang(views.values())
    return _reply_issues(board, row, TEST_ISSUES)


def show_history(request: Request, hub: Hub) -> Reply:
    """GET /test/status-history"""
    asked = RowParams(request)
    path, config = asked.required("path"), asked.required("config_name")
    url, branch = asked.required("git_repository_url"), asked.required("git_repository_branch")
    course = RunSelector(path, TreeSelector(url, branch, "", asked.origin), config, asked.text("platform"))
    until = asked.instant("current_test_start_time")
    found = runs(hub.dashboard(), course, until, asked.number("group_size", 1, RUNS_MAX) or RUNS_SHOWN)
    if not found:
        return nothing(TEST_HISTORY)
    answer = {"status_history": found, "regression_type": trend([row.status for row in found])}
    return reply_json(encode(schema.StatusHistory, answer))


def _build(board: DashboardReader, id: str) -> BuildRow | None:
    return board.hang_builds(board.views("builds", (id,)).values()).get(id)


def _whole(board: DashboardReader, row: Row) -> Any:
    """The view of a row, its excerpt put back."""
    return board.archive.whole([dict(row.view)])[0]


def _reply_issues(board: DashboardReader, row: Row, text: str) -> Reply:
    found = issues_of(board, row)
    return reply_json(encode(list[shape.IssueRef], found)) if found else nothing(text)


ROUTES = (
    Route("GET", "/build/{id}", show_build, "kcidb", gives=schema.BuildDetails, summary="A build"),
    Route("GET", "/build/{id}/tests", show_build_tests, "kcidb", gives=list[schema.BuildTest], summary="Its tests"),
    Route(
        "GET", "/build/{id}/issues", show_build_issues, "kcidb", gives=list[shape.IssueRef],
        summary="The issues seen in a build",
    ),
    Route(
        "GET", "/test/status-history", show_history, "kcidb", gives=schema.StatusHistory,
        params=("path", "git_repository_url", "git_repository_branch", "config_name", "origin", "platform",
                "current_test_start_time", "group_size"),
        summary="How a test ended over the last commits",
    ),
    Route("GET", "/test/{id}", show_test, "kcidb", gives=schema.TestDetails, summary="A boot or a test"),
    Route(
        "GET", "/test/{id}/issues", show_test_issues, "kcidb", gives=list[shape.IssueRef],
        summary="The issues seen in a boot or a test",
    ),
)  # fmt: skip
