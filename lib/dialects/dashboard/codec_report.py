"""Dashboard codec: reports of a tree (kcidb.md 4.5). Pure.

Histories are nested as kci-dev reads them: platform, configuration, architecture and compiler, path.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import quote

from lib.dialects.dashboard.codec import Wire, encode_counted, encode_run
from lib.dialects.dashboard.codec_issue import encode_culprits
from lib.domain.dashboard.report import CheckoutReport, Course, SeenIssue
from lib.domain.dashboard.row import TestRow
from lib.domain.report.report import Fields


def encode_report(report: CheckoutReport, base_url: str) -> Wire:
    """The report. Its `dashboard_url` is where the checkout can be read whole."""
    view = report.checkout
    url, branch = view["git_repository_url"], view["git_repository_branch"]
    commit = view.get("git_commit_hash")
    return {
        "dashboard_url": f"{base_url}/api/tree/{commit}/full?git_url={quote(url, safe='')}"
        f"&git_branch={quote(branch, safe='')}&origin={view['origin']}",
        "git_url": url,
        "git_branch": branch,
        "commit_hash": commit,
        "origin": view["origin"],
        "checkout_start_time": view["start_time"],
        "build_status_summary": report.builds,
        "boot_status_summary": encode_counted(report.boots),
        "test_status_summary": encode_counted(report.tests),
        "possible_regressions": _nest(report.trends["regression"]),
        "fixed_regressions": _nest(report.trends["fixed"]),
        "unstable_tests": _nest(report.trends["unstable"]),
        "issues": {f"{kind}s": [_issue(known, view) for known in some] for kind, some in report.issues.items()},
    }


def _nest(histories: Mapping[Course, list[TestRow]]) -> Wire:
    nested: Wire = {}
    for (platform, config, made_by, path), runs in histories.items():
        place = nested.setdefault(platform, {}).setdefault(config, {}).setdefault(made_by, {})
        place[path] = [encode_run(row) for row in runs]
    return nested


def _issue(known: SeenIssue, checkout: Fields) -> Wire:
    is_test = isinstance(known.row, TestRow)
    first = known.first
    return {
        "id": known.key[0],
        "issue_id": known.key[0],
        "version": known.key[1],
        "comment": known.issue.get("comment"),
        "report_url": known.issue.get("report_url"),
        **encode_culprits(known.issue),
        "build_id": known.row.build.view["id"] if isinstance(known.row, TestRow) else known.row.view["id"],
        "test_id": known.row.view["id"] if is_test else None,
        "first_seen": first.heard_at if first is not None else None,
        "is_new_issue": first is not None
        and first.version == known.key[1]
        and first.checkout.get("git_commit_hash") == checkout.get("git_commit_hash"),
    }
