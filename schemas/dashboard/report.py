"""Wire models of the dashboard: reports of trees (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated

from schemas.dashboard.result import HistoryRun
from schemas.dashboard.shape import At, Model, ReportCount, StatusCount, Texts


class ReportRun(HistoryRun):
    """A run of a test in a report's history."""


Histories = dict[str, dict[str, dict[str, dict[str, list[ReportRun]]]]]


class ReportIssue(Model):
    """An issue of a report, with the first result that shows it; the ids of other kinds of results are null."""

    id: str
    issue_id: str
    version: int
    comment: Annotated[str | None, At("issue/")]
    report_url: Annotated[str | None, At("issue/")]
    culprit_code: Annotated[bool | None, At("issue/culprit/code")]
    culprit_tool: Annotated[bool | None, At("issue/culprit/tool")]
    culprit_harness: Annotated[bool | None, At("issue/culprit/harness")]
    build_id: str | None
    test_id: str | None
    first_seen: str | None
    is_new_issue: bool


class ReportIssues(Model):
    builds: Annotated[list[ReportIssue], At("/build")]
    boots: Annotated[list[ReportIssue], At("/boot")]
    tests: Annotated[list[ReportIssue], At("/test")]


class TreeReport(Model):
    """A report of a tree. Histories are by platform, configuration, `architecture/compiler` and path."""

    source = "report.checkout/"
    dashboard_url: Annotated[str, At("dashboard_url")]
    git_url: Annotated[str, At("report.checkout/git_repository_url")]
    git_branch: Annotated[str, At("report.checkout/git_repository_branch")]
    commit_hash: Annotated[str | None, At("report.checkout/git_commit_hash")]
    origin: str
    checkout_start_time: Annotated[str, At("report.checkout/start_time")]
    build_status_summary: Annotated[StatusCount, At("report.builds")]
    boot_status_summary: Annotated[ReportCount, At("report.boots")]
    test_status_summary: Annotated[ReportCount, At("report.tests")]
    possible_regressions: Annotated[Histories, At("report.histories/regression")]
    fixed_regressions: Annotated[Histories, At("report.histories/fixed")]
    unstable_tests: Annotated[Histories, At("report.histories/unstable")]
    issues: Annotated[ReportIssues, At("report.issues")]


class Origins(Model):
    source = "/"
    checkout_origins: Texts
    test_origins: Texts
