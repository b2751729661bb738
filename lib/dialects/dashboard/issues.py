"""Dashboard handlers of issues (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Sequence

from lib.dialects.dashboard.codec import Wire, encode
from lib.dialects.dashboard.nothing import ISSUE, ISSUE_BUILDS, ISSUE_TESTS, ISSUES, nothing
from lib.dialects.dashboard.params import CULPRITS, RowParams
from lib.dialects.dashboard.trees import FILTERS
from lib.dialects.wire import Reply, Request, Route, decode_body, reply_json
from lib.domain.dashboard.issue import first_sighting, list_issues, load_issue, spread, targets
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.row import BuildRow, IssueKey, TestRow, in_order
from lib.domain.hub import Hub
from lib.domain.report.report import Fields
from schemas.dashboard import issue as schema

BODY_BYTES_MAX = 1024 * 1024


def find_issues(request: Request, hub: Hub) -> Reply:
    """GET /issue"""
    asked, board = RowParams(request), hub.dashboard()
    begin, end = asked.window() or (asked.interval(), request.now)
    chosen = asked.issue_filter()
    found = [body for body in list_issues(board, begin, end) if chosen.takes(body["object"])]
    if not found:
        return nothing(ISSUES)
    views = [body["object"] for body in found]
    extras = {view["id"]: first_sighting(board, view["id"]) for view in views}
    extras = {id: sighting for id, sighting in extras.items() if sighting is not None}
    return reply_json(encode(schema.IssueList, {"issues": found, "extras": extras, "filters": _options(views)}))


def _options(issues: Sequence[Fields]) -> Wire:
    """What a list of issues may be filtered by."""
    return {
        "origins": {issue["origin"] for issue in issues},
        "culprits": [name for name in CULPRITS if any((issue.get("culprit") or {}).get(name) for issue in issues)],
        "categories": sorted({name for issue in issues for name in issue.get("categories") or ()}),
    }


def show_issue(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}"""
    board, id = hub.dashboard(), request.params["id"]
    body = load_issue(board, id, RowParams(request).version())
    if body is None:
        return nothing(ISSUE)
    return reply_json(
        encode(schema.IssueDetails, {**body, "extra": {id: spread(board, id, (body["object"]["version"],))}})
    )


def show_builds(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}/builds"""
    asked, board = RowParams(request), hub.dashboard()
    key = _key(board, request.params["id"], asked)
    chosen = asked.filter()
    ids = targets(board, key, "build_id") if key is not None else []
    rows: list[BuildRow] = in_order(list(board.hang_builds(board.views("builds", ids).values()).values()))
    found = [row for row in rows if chosen.takes(row)]
    return reply_json(encode(list[schema.IssueBuild], found)) if found else nothing(ISSUE_BUILDS)


def show_tests(request: Request, hub: Hub) -> Reply:
    """GET /issue/{id}/tests"""
    asked, board = RowParams(request), hub.dashboard()
    key = _key(board, request.params["id"], asked)
    chosen = asked.filter()
    ids = targets(board, key, "test_id") if key is not None else []
    rows: list[TestRow] = in_order(board.hang(board.views("tests", ids).values()))
    found = [row for row in rows if chosen.takes(row)]
    return reply_json(encode(list[schema.IssueTest], found)) if found else nothing(ISSUE_TESTS)


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
    spreads = {id: spread(board, id, some) for id, some in versions.items()}
    found = {id: each for id, each in spreads.items() if each.first is not None}
    return reply_json(encode(schema.IssueExtras, {"issues": found}))


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
