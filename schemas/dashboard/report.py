"""Wire models of the dashboard: reports of trees (kcidb.md 4.5)."""

from __future__ import annotations

from schemas.dashboard.result import HistoryRun
from schemas.dashboard.shape import Model, ReportCount, StatusCount, Texts


class ReportRun(HistoryRun):
    """A run of a test in a report's history."""


Histories = dict[str, dict[str, dict[str, dict[str, list[ReportRun]]]]]


class ReportIssue(Model):
    """An issue of a report, with the first result that shows it; the ids of other kinds of results are null."""

    id: str
    issue_id: str
    version: int
    comment: str | None
    report_url: str | None
    culprit_code: bool | None
    culprit_tool: bool | None
    culprit_harness: bool | None
    build_id: str | None
    test_id: str | None
    first_seen: str | None
    is_new_issue: bool


class ReportIssues(Model):
    builds: list[ReportIssue]
    boots: list[ReportIssue]
    tests: list[ReportIssue]


class TreeReport(Model):
    """A report of a tree. Histories are by platform, configuration, `architecture/compiler` and path."""

    dashboard_url: str
    git_url: str
    git_branch: str
    commit_hash: str | None
    origin: str
    checkout_start_time: str
    build_status_summary: StatusCount
    boot_status_summary: ReportCount
    test_status_summary: ReportCount
    possible_regressions: Histories
    fixed_regressions: Histories
    unstable_tests: Histories
    issues: ReportIssues


class Origins(Model):
    checkout_origins: Texts
    test_origins: Texts
