"""Dashboard handlers of reports about a tree, and of who sends any (kcidb.md 4.5)."""

from __future__ import annotations

from datetime import timedelta
from typing import NamedTuple
from urllib.parse import quote

from lib.dialects.dashboard.codec import encode
from lib.dialects.dashboard.nothing import ORIGINS, TREE, nothing
from lib.dialects.dashboard.params import RowParams
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.dashboard.history import TreeSelector
from lib.domain.dashboard.origin import find_origins
from lib.domain.dashboard.report import (
    AGE_HOURS_MAX,
    PATH_CHARS_MAX,
    PATHS_MAX,
    RUNS_MAX,
    CheckoutReport,
    ReportQuery,
    report,
)
from lib.domain.hub import Hub
from lib.domain.report.object import Checkout
from lib.errors import Invalid
from schemas.dashboard import report as schema

ORIGINS_INTERVAL_DAYS = 30


def show_report(request: Request, hub: Hub) -> Reply:
    """GET /tree-report"""
    asked = RowParams(request)
    line = TreeSelector(asked.required("git_url"), asked.required("git_branch"), asked.text("tree_name"), asked.origin)
    paths = asked.texts("path")
    if len(paths) > PATHS_MAX or any(len(path) > PATH_CHARS_MAX for path in paths):
        raise Invalid("path", f"at most {PATHS_MAX} patterns of {PATH_CHARS_MAX} characters")
    wanted = ReportQuery(
        line, tuple(paths),
        asked.number("group_size", 1, RUNS_MAX) or 3,
        timedelta(hours=asked.number("min_age_in_hours", 0, AGE_HOURS_MAX) or 0),
        timedelta(hours=asked.number("max_age_in_hours", 1, AGE_HOURS_MAX) or 24),
    )  # fmt: skip
    if wanted.age_min > wanted.age_max:
        raise Invalid("min_age_in_hours", "must not be more than max_age_in_hours")
    found = report(hub.dashboard(), wanted, request.now)
    if found is None:
        return nothing(TREE)
    return reply_json(encode(schema.TreeReport, LocatedReport(_url_of(found.checkout, request.base_url), found)))


class LocatedReport(NamedTuple):
    """A report, and where its checkout can be read whole."""

    dashboard_url: str
    report: CheckoutReport


def _url_of(view: Checkout, base_url: str) -> str:
    url, branch = quote(view["git_repository_url"], safe=""), quote(view["git_repository_branch"], safe="")
    path = f"/api/tree/{view.get('git_commit_hash')}/full"
    return f"{base_url}{path}?git_url={url}&git_branch={branch}&origin={view['origin']}"


def show_origins(request: Request, hub: Hub) -> Reply:
    """GET /origins"""
    board, begin = hub.dashboard(), RowParams(request).interval(ORIGINS_INTERVAL_DAYS)
    found = {f"{kind}_origins": find_origins(board, f"{kind}s", begin) for kind in ("checkout", "test")}
    return reply_json(found) if any(found.values()) else nothing(ORIGINS)


ROUTES = (
    Route(
        "GET", "/tree-report", show_report, "kcidb", gives=schema.TreeReport,
        params=("git_url", "git_branch", "origin", "tree_name", "group_size", "min_age_in_hours", "max_age_in_hours",
                "path"),
        summary="A tree's newest checkout: counts, regressions, issues",
    ),
    Route(
        "GET", "/origins", show_origins, "kcidb", gives=schema.Origins, params=("interval_in_days",),
        summary="Whose checkouts and tests there are",
    ),
)  # fmt: skip
