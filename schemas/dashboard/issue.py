"""Wire models of the dashboard: issues and their incidents (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, Field

from schemas.dashboard.shape import At, BuildItem, Misc, Model, TestItem, Texts, Word


class Incident(Model):
    """An incident: the place where an issue was seen."""

    source = "checkout/"
    first_seen: Annotated[str, At("heard_at")]
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    issue_version: Annotated[int, At("version")]
    checkout_id: Annotated[str, At("checkout/id")]


class IssueItem(Model):
    source = "/object/"
    field_timestamp: Annotated[str, At("/changed_at")]
    id: str
    comment: str | None
    origin: str
    version: int
    culprit_code: Annotated[bool | None, At("/object/culprit/code")]
    culprit_tool: Annotated[bool | None, At("/object/culprit/tool")]
    culprit_harness: Annotated[bool | None, At("/object/culprit/harness")]
    categories: Texts | None


class IssueOptions(Model):
    source = "/"
    origins: Texts
    culprits: Texts
    categories: Texts


class IssueList(Model):
    """Issues, and the first incident of each."""

    source = "/"
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
    first_incident: Annotated[Incident | None, At("first")]
    last_incident: Annotated[Incident | None, At("last")]
    versions: dict[str, IssueVersion]


class IssueExtras(Model):
    source = "/"
    issues: dict[str, IssueExtra]


class IssueDetails(IssueItem):
    report_url: str | None
    report_subject: str | None
    misc: Misc
    extra: Annotated[dict[str, IssueExtra], At("/extra")]


class IssueBuild(BuildItem):
    tree_name: Annotated[str | None, At("checkout/")]


class IssueTest(TestItem):
    tree_name: Annotated[str | None, At("checkout/")]
    git_repository_branch: Annotated[str | None, At("checkout/")]


class ExtrasQuery(BaseModel):
    """Issues, each by its id and version."""

    issues: Annotated[list[tuple[Word, Annotated[int, Field(ge=0, lt=2**63)] | None]], Field(max_length=500)]
