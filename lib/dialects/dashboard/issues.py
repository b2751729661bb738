"""Dashboard handlers of issues (kcidb.md 4.5)."""

from __future__ import annotations

from lib.dialects.dashboard.codec import encode_build, encode_test
from lib.dialects.dashboard.codec_issue import (
    encode_issue,
    encode_issue_details,
    encode_issue_options,
    encode_sighting,
    encode_spread,
)
from lib.dialects.dashboard.nothing import ISSUE, ISSUE_BUILDS, ISSUE_TESTS, ISSUES, nothing
from lib.dialects.dashboard.params import RowParams
from lib.dialects.dashboard.trees import FILTERS
from lib.dialects.wire import Reply, Request, Route, decode_body, reply_json
from lib.domain.dashboard.issue import first_sighting, list_issues, load_issue, spread, targets
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.row import BuildRow, IssueKey, TestRow, in_order
from lib.domain.hub import Hub
from schemas.dashboard import issue as schema

BODY_BYTES_MAX = 1024 * 1024


def find_issues(request: Request, hub: Hub) -> Reply:
    """GET /issue"""
    asked, board = RowParams(request), hub.dashboard()
    begin, end = asked.window() or (asked.interval(), request.now)
    chosen = asked.issue_filter()
    found = [encode_issue(body) for body in list_issues(board, begin, end) if chosen.takes(body["object"])]
    if not found:
        return nothing(ISSUES)
    extras = {issue["id"]: encode_sighting(first_sighting(board, issue["id"])) for issue in found}
    return reply_json({
        "issues": found,
        "extras": {id: incident for id, incident in extras.items() if incident is not None},
        "filters": encode_issue_options(found),
    })  # fmt: skip


def show_issue(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}"""
    board, id = hub.dashboard(), request.params["id"]
    body = load_issue(board, id, RowParams(request).version())
    if body is None:
        return nothing(ISSUE)
    return reply_json(encode_issue_details(body, encode_spread(id, spread(board, id), (body["object"]["version"],))))


def show_builds(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}/builds"""
    asked, board = RowParams(request), hub.dashboard()
    key = _key(board, request.params["id"], asked)
    chosen = asked.filter()
    ids = targets(board, key, "build_id") if key is not None else []
    rows: list[BuildRow] = in_order(list(board.hang_builds(board.views("builds", ids).values()).values()))
    found = [{**encode_build(row), "tree_name": row.checkout.get("tree_name")} for row in rows if chosen.takes(row)]
    return reply_json(found) if found else nothing(ISSUE_BUILDS)


def show_tests(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}/tests"""
    asked, board = RowParams(request), hub.dashboard()
    key = _key(board, request.params["id"], asked)
    chosen = asked.filter()
    ids = targets(board, key, "test_id") if key is not None else []
    rows: list[TestRow] = in_order(board.hang(board.views("tests", ids).values()))
    names = ("tree_name", "git_repository_branch")
    found = [
        {**encode_test(row), **{name: row.checkout.get(name) for name in names}} for row in rows if chosen.takes(row)
    ]
    return reply_json(found) if found else nothing(ISSUE_TESTS)


def _key(board: DashboardReader, id: str, asked: RowParams) -> IssueKey | None:
    """The version of an issue that is asked about: the newest, when none is named."""
    version = asked.version()
    if version is not None:
        return id, version
    body = load_issue(board, id, None)
    return None if body is None else (id, body["object"]["version"])


def find_extras(request: Request, hub: Hub) -> Reply:
    """POST /issue/extras"""
    board = hub.dashboard()
    versions: dict[str, set[int]] = {}
    for id, version in decode_body(request, schema.ExtrasQuery).issues:
        versions.setdefault(id, set()).update(() if version is None else (version,))
    found = {id: spread(board, id) for id in versions}
    return reply_json({
        "issues": {id: encode_spread(id, found[id], versions[id]) for id in versions if found[id].first is not None}
    })  # fmt: skip


ROUTES = (
    Route(
        "GET", "/issue", find_issues, "kcidb", gives=schema.IssueList,
        params=("interval_in_days", "startTimestampInSeconds", "endTimestampInSeconds", FILTERS),
        summary="Issues that changed lately, and where each was seen first",
    ),
    Route(
        "POST", "/issue/extras", find_extras, "kcidb", body_bytes_max=BODY_BYTES_MAX, takes=schema.ExtrasQuery,
        gives=schema.IssueExtras, summary="Where issues were seen first, last, and in which trees",
    ),
    Route(
        "GET", "/issue/{id}", show_issue, "kcidb", gives=schema.IssueDetails, params=("version",),
        summary="An issue, of this version or the newest",
    ),
    Route(
        "GET", "/issue/{id}/builds", show_builds, "kcidb", gives=list[schema.IssueBuild],
        params=("version", FILTERS), summary="The builds an issue was seen in",
    ),
    Route(
        "GET", "/issue/{id}/tests", show_tests, "kcidb", gives=list[schema.IssueTest], params=("version", FILTERS),
        summary="The boots and tests an issue was seen in",
    ),
)  # fmt: skip
