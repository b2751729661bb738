"""Dashboard handlers of trees by name and branch, which may hold slashes (kcidb.md 4.5)."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode

from lib.dialects.dashboard.codec import encode
from lib.dialects.dashboard.nothing import HISTORY, RESULTS, nothing
from lib.dialects.dashboard.params import RowParams
from lib.dialects.dashboard.trees import FILTERS, KINDS, SHOW, reply_history, reply_of
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.dashboard.compare import compare
from lib.domain.dashboard.history import TreeSelector, commits
from lib.domain.dashboard.reader import DashboardReader
from lib.domain.dashboard.tree import newest
from lib.domain.hub import Hub
from schemas.dashboard import shape as schema

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")


def show_branch(request: Request, hub: Hub) -> Reply:
    """GET /tree/{tree}/{branch}, and everything below it: a branch holds slashes, so the end of the path decides."""
    asked, board = RowParams(request), hub.dashboard()
    tree, parts = request.params["tree"], request.params["branch"].rstrip("/").split("/")
    if len(parts) > 2 and _COMMIT.match(parts[-2]) and parts[-1] in (*SHOW, "commits"):
        return _show_commit(board, tree, "/".join(parts[:-2]), parts[-2], parts[-1], asked)
    if len(parts) > 1 and parts[-1] == "commits":
        return _show_commits(board, tree, "/".join(parts[:-1]), asked)
    if len(parts) > 1 and parts[-1] == "compare":
        return _show_difference(board, tree, "/".join(parts[:-1]), "", asked)
    if len(parts) > 2 and parts[-2] == "compare" and parts[-1] in KINDS:
        return _show_difference(board, tree, "/".join(parts[:-2]), parts[-1], asked)
    return _show_newest(board, tree, "/".join(parts), asked)


def _show_newest(board: DashboardReader, tree: str, branch: str, asked: RowParams) -> Reply:
    commit = asked.text("commit_hash")
    if commit:
        view = next(reversed(board.checkouts(commit, "", branch, tree, asked.origin)), None)
    else:
        view = newest(board, tree, branch, asked.origin)
    if view is None:
        return nothing(RESULTS)
    old = {"git_url": view.get("git_repository_url", ""), "git_branch": branch, "origin": view["origin"]}
    commit = view.get("git_commit_hash", "")
    here = f"tree/{quote(tree, safe='')}/{quote(branch)}/{commit}/full"
    urls = {
        "api_url": f"/api/{here}?{urlencode({'origin': view['origin']})}",
        "old_api_url": f"/api/tree/{commit}/full?{urlencode(old)}",
    }
    return reply_json(encode(schema.TreeLatest, {**view, **urls}))


def _show_commit(board: DashboardReader, tree: str, branch: str, commit: str, what: str, asked: RowParams) -> Reply:
    checkouts = board.checkouts(commit, "", branch, tree, asked.origin)
    if what == "commits":
        return reply_history(board, checkouts, TreeSelector("", branch, tree, asked.origin), asked)
    return reply_of(what, board, checkouts, asked)


def _show_commits(board: DashboardReader, tree: str, branch: str, asked: RowParams) -> Reply:
    found = commits(board, TreeSelector(asked.text("git_url"), branch, tree, asked.origin))
    if not found:
        return nothing(HISTORY)
    return reply_json(encode(list[schema.TreeCommit], found))


def _show_difference(board: DashboardReader, tree: str, branch: str, what: str, asked: RowParams) -> Reply:
    sides = [board.checkouts(asked.required(name), "", branch, tree, asked.origin) for name in ("hash_a", "hash_b")]
    if not all(sides):
        return nothing(RESULTS)
    found = compare(*(board.rows(side, tests=what != "builds") for side in sides))
    if what:
        change = schema.BuildChange if what == "builds" else schema.TestChange
        return reply_json(encode(list[change], getattr(found, what).rows))  # type: ignore[valid-type]
    url = sides[1][-1].get("git_repository_url")
    return reply_json(encode(schema.Comparison, {"treeName": tree, "branch": branch, "gitUrl": url, "summary": found}))


ROUTES = (
    Route(
        "GET", "/tree/{tree}/{branch:path}", show_branch, "kcidb",
        gives=schema.TreeLatest | schema.TreeSummary | schema.Builds | schema.Boots | schema.Tests | schema.TreeFull
        | list[schema.CommitItem] | list[schema.TreeCommit] | schema.Comparison | list[schema.TestChange]
        | list[schema.BuildChange],
        params=("origin", "commit_hash", "git_url", "hash_a", "hash_b", "full_environment_misc", "types",
                "start_timestamp_in_seconds", "end_timestamp_in_seconds", FILTERS),
        summary="A branch's newest checkout; below it `<commit>/summary` …, `commits`, `compare`",
    ),
)  # fmt: skip
