"""Dashboard codec: counts, checkouts, builds and tests as the wire has them (kcidb.md 4.5). Pure."""

from __future__ import annotations

from typing import Any

from lib.domain.dashboard.history import Commit
from lib.domain.dashboard.row import UNKNOWN, BuildRow, Row, TestRow
from lib.domain.dashboard.tally import NONE, StatusTally
from lib.domain.dashboard.tree import CheckoutCounts, Tree
from lib.domain.report.report import Fields

Wire = dict[str, Any]

CHECKOUT_KEYS = ("tree_name", "git_repository_url", "git_repository_branch", "git_commit_hash", "git_commit_name")


def encode_listing(tally: StatusTally) -> Wire:
    """ListingStatusCount: three classes."""
    return {"PASS": tally.passed, "FAIL": tally.failed, "INCONCLUSIVE": tally.inconclusive}


def encode_lower(tally: StatusTally) -> Wire:
    """Counts as histories have them for boots and tests."""
    return {status.lower(): n for status, n in tally.items()}


def encode_counted(tally: StatusTally) -> Wire:
    """Counts as reports have them for boots and tests."""
    return {f"{status.lower()}_count": n for status, n in tally.items()}


def encode_listings(counts: CheckoutCounts) -> Wire:
    """The three counts of a line in a list."""
    return {
        "build_status": encode_listing(counts.builds),
        "boot_status": encode_listing(counts.boots),
        "test_status": encode_listing(counts.tests),
    }


def encode_checkout(view: Fields) -> Wire:
    """Which tree and commit a checkout is of."""
    return {key: view.get(key) for key in CHECKOUT_KEYS}


def encode_tags(view: Fields) -> list[str]:
    """The tags of a checkout's commit."""
    return view.get("git_commit_tags") or []


def encode_tree(tree: Tree) -> Wire:
    """TreeItem."""
    view = tree.checkout
    return {
        "id": view["id"],
        **encode_checkout(view),
        "git_commit_tags": encode_tags(view),
        "origin": view["origin"],
        "start_time": view.get("start_time"),
        **encode_listings(tree.counts),
    }


def encode_build(row: BuildRow) -> Wire:
    """BuildItem."""
    view, checkout = row.view, row.checkout
    return {
        "id": view["id"],
        "origin": view["origin"],
        "architecture": row.architecture,
        "config_name": row.config,
        "misc": view.get("misc") or {},
        "config_url": view.get("config_url"),
        "compiler": row.compiler,
        "status": row.status,
        "duration": view.get("duration"),
        "log_url": view.get("log_url"),
        "start_time": view.get("start_time"),
        "git_repository_url": checkout.get("git_repository_url"),
        "git_repository_branch": checkout.get("git_repository_branch"),
    }


def encode_test(row: TestRow, *, whole: bool = False) -> Wire:
    """TestItem; its `environment_misc` is `whole`, or the platform alone."""
    view = row.view
    environment_misc = {"platform": row.platform}
    if whole:
        environment_misc = {**(view.get("environment", {}).get("misc") or {}), **environment_misc}
    return {
        "id": view["id"],
        "origin": view["origin"],
        "status": row.status,
        "duration": view.get("duration"),
        "path": row.path,
        "start_time": view.get("start_time"),
        "environment_compatible": row.compatibles or None,
        "environment_misc": environment_misc,
        "config": row.config,
        "log_url": view.get("log_url"),
        "architecture": row.architecture,
        "compiler": row.compiler,
        "lab": row.lab,
    }


def encode_build_details(view: Fields, checkout: Fields) -> Wire:
    """A build by itself, its excerpt put back."""
    plain = ("architecture", "config_name", "config_url", "compiler", "duration", "log_url", "log_excerpt",
             "start_time", "command", "comment", "input_files", "output_files")  # fmt: skip
    return {
        "id": view["id"],
        "origin": checkout.get("origin", view["origin"]),
        "build_origin": view["origin"],
        "checkout_id": view["checkout_id"],
        **{key: view.get(key) for key in plain},
        "misc": view.get("misc") or {},
        "status": view.get("status", NONE),
        **encode_checkout(checkout),
        "git_commit_tags": encode_tags(checkout),
    }


def encode_build_test(row: TestRow) -> Wire:
    """A test in the list of its build."""
    item = encode_test(row, whole=True)
    return {key: value for key, value in item.items() if key in _BUILD_TEST_KEYS}


_BUILD_TEST_KEYS = frozenset(
    ("id", "status", "duration", "path", "start_time", "environment_compatible", "environment_misc", "lab")
)


def encode_test_details(view: Fields, row: TestRow, changed_at: str) -> Wire:
    """A test by itself, its excerpt put back."""
    build, checkout = row.build.view, row.checkout
    environment = view.get("environment") or {}
    return {
        "field_timestamp": changed_at,
        **{key: view.get(key) for key in ("id", "build_id", "path", "log_excerpt", "log_url", "start_time",
                                          "output_files", "input_files")},
        "status": row.status,
        "misc": view.get("misc") or {},
        "environment_misc": {"platform": None, **(environment.get("misc") or {})},
        "environment_compatible": environment.get("compatible"),
        **{key: build.get(key) for key in ("compiler", "architecture", "config_name")},
        **encode_checkout_of_test(checkout),
        "origin": checkout.get("origin", view["origin"]),
        "test_origin": view["origin"],
    }  # fmt: skip


def encode_checkout_of_test(checkout: Fields) -> Wire:
    """The tree and commit of a test."""
    keys = ("git_commit_hash", "git_repository_branch", "git_repository_url", "tree_name")
    return {**{key: checkout.get(key) for key in keys}, "git_commit_tags": encode_tags(checkout)}


def encode_commit(commit: Commit) -> Wire:
    """CommitItem."""
    return {
        **encode_history_commit(commit),
        "builds": commit.counts.builds,
        "boots": encode_lower(commit.counts.boots),
        "tests": encode_lower(commit.counts.tests),
    }


def encode_history_commit(commit: Commit) -> Wire:
    """A commit without its counts."""
    view = commit.newest
    return {
        "git_commit_hash": view["git_commit_hash"],
        "git_commit_name": view.get("git_commit_name"),
        "git_commit_tags": encode_tags(view),
        "earliest_start_time": commit.earliest_start,
    }


def encode_run(row: TestRow) -> Wire:
    """A run of a test in its history."""
    return {
        "start_time": row.started or None,
        "id": row.view["id"],
        "status": row.status,
        "git_commit_hash": row.checkout.get("git_commit_hash"),
    }


def encode_rows(rows: list[Row], *, whole: bool = False) -> list[Wire]:
    """Builds, boots or tests of a list."""
    return [encode_build(row) if isinstance(row, BuildRow) else encode_test(row, whole=whole) for row in rows]


def sorted_names(names: set[str]) -> list[str]:
    """Names in order, what is not known last."""
    return sorted(names, key=lambda name: (name == UNKNOWN, name))
