"""Wire models of the dashboard: requests and answers about hardware (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, Field

from schemas.dashboard.shape import (
    At,
    BuildItem,
    HistoryCommit,
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

    source = "head/"
    index: Annotated[str, At("index")]
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    head_git_commit_hash: Annotated[str | None, At("head/git_commit_hash")]
    head_git_commit_name: Annotated[str | None, At("head/git_commit_name")]
    head_git_commit_tag: Annotated[Texts, At("head/git_commit_tags")]
    origin: str
    is_selected: Annotated[bool, At("is_selected")]
    selected_commit_status: Annotated[SelectedStatus, At("counts")]


class HardwareCommon(Model):
    trees: Annotated[list[HardwareTree], At("found.trees")]
    compatibles: Annotated[Texts, At("found.compatibles")]


class HardwareSummary(Model):
    common: Annotated[HardwareCommon, At(".")]
    summary: Summaries
    filters: Annotated[Options, At("summary")]


class HardwareFull(HardwareSummary):
    builds: list[BuildItem]
    boots: list[TestItem]
    tests: list[TestItem]


class HardwareItem(Model):
    """A platform; `hardware` lists its compatible strings."""

    hardware: Annotated[Texts | None, At("compatible_names")]
    platform: str
    build_status_summary: Annotated[ListingCount, At("counts.builds")]
    boot_status_summary: Annotated[ListingCount, At("counts.boots")]
    test_status_summary: Annotated[ListingCount, At("counts.tests")]


class HardwareList(Model):
    source = "/"
    hardware: list[HardwareItem]


class RevisionHardwareItem(Model):
    hardware: Annotated[Texts | None, At("compatible_names")]
    platform: str
    build_status_summary: Annotated[StatusCount, At("counts.builds")]
    boot_status_summary: Annotated[StatusCount, At("counts.boots")]
    test_status_summary: Annotated[StatusCount, At("counts.tests")]


class RevisionHardware(Model):
    source = "/"
    hardware: list[RevisionHardwareItem]


class SelectorRevision(Model):
    source = "/"
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    start_time: str | None


class SelectorBranch(Model):
    source = "/"
    git_repository_url: str | None
    git_repository_branch: str | None
    revisions: list[SelectorRevision]


class SelectorTree(Model):
    source = "/"
    tree_name: str | None
    branches: list[SelectorBranch]


class Selectors(Model):
    source = "/"
    trees: list[SelectorTree]


class CommitTable(Model):
    """The commits of each tree, newest first, by `<tree>:<repository>:<branch>`."""

    source = "/"
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
