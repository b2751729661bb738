"""Wire models of the dashboard: requests and answers about hardware (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from schemas.dashboard.shape import (
    BuildItem,
    ListingCount,
    Model,
    Options,
    StatusCount,
    Summaries,
    TestItem,
    Texts,
    Word,
)


class SelectedStatus(Model):
    builds: StatusCount
    boots: StatusCount
    tests: StatusCount


class HardwareTree(Model):
    """A tree that ran on some hardware. `index` names it in `selectedCommits`."""

    index: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    head_git_commit_hash: str | None
    head_git_commit_name: str | None
    head_git_commit_tag: Texts
    origin: str
    is_selected: bool
    selected_commit_status: SelectedStatus


class HardwareCommon(Model):
    trees: list[HardwareTree]
    compatibles: Texts


class HardwareSummary(Model):
    common: HardwareCommon
    summary: Summaries
    filters: Options


class HardwareFull(HardwareSummary):
    builds: list[BuildItem]
    boots: list[TestItem]
    tests: list[TestItem]


class HardwareItem(Model):
    """A platform; `hardware` lists its compatible strings."""

    hardware: Texts | None
    platform: str
    build_status_summary: ListingCount
    boot_status_summary: ListingCount
    test_status_summary: ListingCount


class HardwareList(Model):
    hardware: list[HardwareItem]


class RevisionHardwareItem(Model):
    hardware: Texts | None
    platform: str
    build_status_summary: StatusCount
    boot_status_summary: StatusCount
    test_status_summary: StatusCount


class RevisionHardware(Model):
    hardware: list[RevisionHardwareItem]


class SelectorRevision(Model):
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    start_time: str | None


class SelectorBranch(Model):
    git_repository_url: str | None
    git_repository_branch: str | None
    revisions: list[SelectorRevision]


class SelectorTree(Model):
    tree_name: str | None
    branches: list[SelectorBranch]


class Selectors(Model):
    trees: list[SelectorTree]


class HistoryCommit(Model):
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    earliest_start_time: str | None


class CommitTable(Model):
    """The commits of each tree, newest first, by `<tree>:<repository>:<branch>`."""

    commit_history_table: dict[str, list[HistoryCommit]]


Seconds = str | int | float


class HardwareQuery(BaseModel):
    """A selection of results on some hardware. Times are seconds since 1970. `selectedCommits` maps a tree's `index` to
    a commit or `head`; if it is empty, the newest commit of every tree is used. `filter` has the names of the query's
    filters."""

    origin: Word = "maestro"
    startTimestampInSeconds: Seconds
    endTimestampInSeconds: Seconds
    selectedCommits: Annotated[dict[str, Word], Field(max_length=500)] = {}
    filter: Annotated[dict[str, Any], Field(max_length=100)] = {}


class CommitHead(BaseModel):
    treeName: Word
    repositoryUrl: Word
    branch: Word
    commitHash: Word


class HardwareHistoryQuery(HardwareQuery):
    """The same, and the trees for the history of commits."""

    commitHeads: Annotated[list[CommitHead], Field(max_length=100)] = []
