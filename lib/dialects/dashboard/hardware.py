"""Dashboard handlers of hardware (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from lib.dialects.dashboard.codec import Wire, encode_history_commit, encode_listing, encode_tags
from lib.dialects.dashboard.codec_summary import encode_hardware_common, encode_summary
from lib.dialects.dashboard.nothing import HARDWARE, HARDWARE_TESTS, HARDWARES, HISTORY, nothing
from lib.dialects.dashboard.params import RowParams, check_window, decode_filter, decode_seconds
from lib.dialects.dashboard.trees import encode_lists
from lib.dialects.wire import Reply, Request, Route, decode_body, reply_json
from lib.domain.dashboard.filter import RowFilter
from lib.domain.dashboard.hardware import Hardware, Window, bench, hardware_of, list_hardware, tests_on
from lib.domain.dashboard.history import TreeSelector, commits
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.row import TestRow
from lib.domain.dashboard.summary import summarise
from lib.domain.dashboard.tally import StatusTally
from lib.domain.dashboard.tree import list_checkouts
from lib.domain.hub import Hub
from lib.domain.report.report import Fields
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
    return reply_json({"hardware": [_encode(each, encode_listing) for each in found]}) if found else nothing(HARDWARES)


def find_by_revision(request: Request, hub: Hub) -> Reply:
    """GET /hardware-by-revision"""
    asked, board = RowParams(request), hub.dashboard()
    tree, url = asked.required("tree_name"), asked.required("git_repository_url")
    branch, commit = asked.required("git_repository_branch"), asked.required("git_commit_hash")
    rows = board.rows(board.checkouts(commit, url, branch, tree))
    found = hardware_of(row for row in rows.tests if row.view["origin"] == asked.origin)
    return (
        reply_json({"hardware": [_encode(each, lambda tally: tally) for each in found]})
        if found
        else nothing(HARDWARES)
    )


def find_selectors(request: Request, hub: Hub) -> Reply:
    """GET /hardware/selectors"""
    asked = RowParams(request)
    found = list_checkouts(hub.dashboard(), asked.origin, asked.interval())
    return reply_json({"trees": _encode_selectors(found)}) if found else nothing(HARDWARES)


def show(what: str) -> Callable[[Request, Hub], Reply]:
    """The handler of POST /hardware/{name}/<what>"""

    def handle(request: Request, hub: Hub) -> Reply:
        asked = decode_body(request, schema.HardwareQuery)
        chosen, board = decode_filter(asked.filter), hub.dashboard()
        return _reply_of(what, board, _tests(board, request.params["name"], asked), chosen, asked.selectedCommits)

    return handle


def _reply_of(
    what: str, board: DashboardReader, tests: Sequence[TestRow], chosen: RowFilter, selected: Mapping[str, str]
) -> Reply:
    if not tests:
        return nothing(HARDWARE_TESTS if what in ("boots", "tests") else HARDWARE)
    found = bench(tests, selected)
    answer: Wire = {}
    if chosen.needs_issues or what in ("summary", "full"):
        board.link(found.rows)
    if what in ("summary", "full"):
        summary = summarise(found.rows, chosen)
        answer["common"] = encode_hardware_common(found)
        answer |= encode_summary(summary, board.issues(summary.issues))
    if what != "summary":
        answer |= encode_lists(what, found.rows, chosen)
    return reply_json(answer)


def find_commits(request: Request, hub: Hub) -> Reply:
    """POST /hardware/{name}/commit-history"""
    asked = decode_body(request, schema.HardwareHistoryQuery)
    begin, end = _window(asked)
    board, table = hub.dashboard(), {}
    for head in asked.commitHeads:
        line = TreeSelector(head.repositoryUrl, head.branch, head.treeName)
        found = [encode_history_commit(commit) for commit in commits(board, line, begin, end)]
        if found:
            table[f"{head.treeName}:{head.repositoryUrl}:{head.branch}"] = found
    return reply_json({"commit_history_table": table}) if table else nothing(HISTORY)


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


def _encode(hardware: Hardware, encode_tally: Callable[[StatusTally], object]) -> Wire:
    counts = hardware.counts
    return {
        "hardware": sorted(hardware.compatibles) or None,
        "platform": hardware.platform,
        "build_status_summary": encode_tally(counts.builds),
        "boot_status_summary": encode_tally(counts.boots),
        "test_status_summary": encode_tally(counts.tests),
    }


def _encode_selectors(checkouts: Sequence[Fields]) -> list[Wire]:
    """Trees, their branches, and the revisions of those, newest first."""
    trees: dict[str | None, dict[tuple[str | None, str | None], dict[str, Wire]]] = {}
    for view in checkouts:
        place = view.get("git_repository_url"), view.get("git_repository_branch")
        revisions = trees.setdefault(view.get("tree_name"), {}).setdefault(place, {})
        if (commit := view.get("git_commit_hash")) is not None:
            revisions.setdefault(commit, {
                "git_commit_hash": commit, "git_commit_name": view.get("git_commit_name"),
                "git_commit_tags": encode_tags(view), "start_time": view.get("start_time"),
            })  # fmt: skip
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
