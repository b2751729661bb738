"""Wire models of the dashboard: issues and their incidents (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from schemas.dashboard.shape import BuildItem, Misc, Model, TestItem, Texts, Word


class Incident(Model):
    """An incident: the place where an issue was seen."""

    first_seen: str
    git_commit_hash: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_name: str | None
    tree_name: str | None
    issue_version: int
    checkout_id: str


class IssueItem(Model):
    field_timestamp: str
    id: str
    comment: str | None
    origin: str
    version: int
    culprit_code: bool | None
    culprit_tool: bool | None
    culprit_harness: bool | None
    categories: Texts | None


class IssueOptions(Model):
    origins: Texts
    culprits: Texts
    categories: Texts


class IssueList(Model):
    """Issues, and the first incident of each."""

    issues: list[IssueItem]
    extras: dict[str, Incident]
    filters: IssueOptions


class VersionTree(Model):
    tree_name: str | None
    git_repository_branch: str | None


class IssueVersion(Model):
    id: str
    version: int
    trees: list[VersionTree]
    tags: Texts


class IssueExtra(Model):
    first_incident: Incident | None
    last_incident: Incident | None
    versions: dict[str, IssueVersion]


class IssueExtras(Model):
    issues: dict[str, IssueExtra]


class IssueDetails(IssueItem):
    report_url: str | None
    report_subject: str | None
    misc: Misc
    extra: dict[str, IssueExtra]


class IssueBuild(BuildItem):
    tree_name: str | None


class IssueTest(TestItem):
    tree_name: str | None
    git_repository_branch: str | None


class ExtrasQuery(BaseModel):
    """Issues, each by its id and version."""

    issues: Annotated[list[tuple[Word, Annotated[int, Field(ge=0, lt=2**63)] | None]], Field(max_length=500)]
