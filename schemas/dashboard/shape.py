"""Wire models of the dashboard's REST API, which `kci-dev results` reads (kcidb.md 4.5).

They document the routes. The codecs of the dialect write the replies; its tests compare the replies with these shapes.
This module has trees with their lists and comparisons; other modules have one build or test (`result`), `hardware`,
`issue`, `report`.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Model(BaseModel):
    """An object with these keys and no others."""

    # Built at the first use, so that a function that serves none of these starts faster.
    model_config = ConfigDict(extra="forbid", defer_build=True)


Word = Annotated[str, StringConstraints(max_length=1000)]
Texts = list[str]
Misc = dict[str, Any]


class StatusCount(Model):
    """Results by status; NULL counts results without a status."""

    PASS: int
    FAIL: int
    ERROR: int
    SKIP: int
    MISS: int
    DONE: int
    NULL: int


class LowerCount(Model):
    """The same, in the form of histories for boots and tests."""

    pass_: Annotated[int, Field(alias="pass")]
    fail: int
    error: int
    skip: int
    miss: int
    done: int
    null: int


class ReportCount(Model):
    """The same, in the form of reports for boots and tests."""

    pass_count: int
    fail_count: int
    error_count: int
    skip_count: int
    miss_count: int
    done_count: int
    null_count: int


class ListingCount(Model):
    """Results, in three classes."""

    PASS: int
    FAIL: int
    INCONCLUSIVE: int


class TreeItem(Model):
    """A tree by its newest checkout."""

    id: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    git_commit_tags: Texts
    origin: str
    start_time: str | None
    build_status: ListingCount
    boot_status: ListingCount
    test_status: ListingCount


class IssueRef(Model):
    """An issue seen in results, and the numbers of those results by status."""

    id: str
    version: int
    comment: str | None
    report_url: str | None
    incidents_info: StatusCount


class BuildArchitecture(StatusCount):
    compilers: Texts


class TestArchitecture(Model):
    arch: str
    compiler: str
    status: StatusCount


class PartSummary(Model):
    status: StatusCount
    origins: dict[str, StatusCount]
    configs: dict[str, StatusCount]
    labs: dict[str, StatusCount]
    issues: list[IssueRef]
    unknown_issues: int


class BuildSummary(PartSummary):
    architectures: dict[str, BuildArchitecture]


class TestSummary(PartSummary):
    """`environment_compatible` and `environment_misc` are by compatible and by platform."""

    architectures: list[TestArchitecture]
    fail_reasons: dict[str, int]
    failed_platforms: Texts
    platforms: dict[str, StatusCount]
    environment_compatible: dict[str, StatusCount]
    environment_misc: dict[str, StatusCount]


class Summaries(Model):
    builds: BuildSummary
    boots: TestSummary
    tests: TestSummary


class AllOptions(Model):
    configs: Texts
    architectures: Texts
    compilers: Texts


class BuildOptions(Model):
    """The values to filter by. `issues` are pairs of id and version."""

    issues: list[list[Any]]
    origins: Texts
    has_unknown_issue: bool
    labs: Texts


class TestOptions(BuildOptions):
    platforms: Texts


class Options(Model):
    all: AllOptions
    builds: BuildOptions
    boots: TestOptions
    tests: TestOptions


class TreeCommon(Model):
    hardware: Texts
    tree_url: str | None
    git_commit_tags: Texts


class TreeSummary(Model):
    common: TreeCommon
    summary: Summaries
    filters: Options


class BuildItem(Model):
    """A build in a list. A missing value is `Unknown` where clients compare it, otherwise null."""

    id: str
    origin: str
    architecture: str
    config_name: str
    misc: Misc
    config_url: str | None
    compiler: str
    status: str
    duration: float | None
    log_url: str | None
    start_time: str | None
    git_repository_url: str | None
    git_repository_branch: str | None


class TestItem(Model):
    """A boot or a test in a list."""

    id: str
    origin: str
    status: str
    duration: float | None
    path: str
    start_time: str | None
    environment_compatible: Texts | None
    environment_misc: Misc
    config: str
    log_url: str | None
    architecture: str
    compiler: str
    lab: str


class Builds(Model):
    builds: list[BuildItem]


class Boots(Model):
    boots: list[TestItem]


class Tests(Model):
    tests: list[TestItem]


class TreeFull(TreeSummary):
    builds: list[BuildItem]
    boots: list[TestItem]
    tests: list[TestItem]


class CommitItem(Model):
    """A commit in the history of a tree."""

    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    earliest_start_time: str | None
    builds: StatusCount
    boots: LowerCount
    tests: LowerCount


class TreeLatest(Model):
    """The newest checkout of a tree, and the address of its summary."""

    api_url: str
    old_api_url: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    origin: str


class TreeCommit(Model):
    git_commit_hash: str
    start_time_end: str | None
    git_commit_name: str | None
    git_commit_tags: Texts


class SideCount(Model):
    pass_: Annotated[int, Field(alias="pass")]
    fail: int
    inconclusive: int


class Delta(Model):
    pass_: Annotated[int, Field(alias="pass")]
    fail: int


class Changes(Model):
    regression: int
    fixed: int
    newFailure: int
    stillFailing: int
    newPass: int
    appeared: int
    disappeared: int


class Difference(Model):
    sideA: SideCount
    sideB: SideCount
    delta: Delta
    changes: Changes


class Differences(Model):
    builds: Difference
    boots: Difference
    tests: Difference


class Comparison(Model):
    """Commit b against commit a."""

    treeName: str
    branch: str
    gitUrl: str | None
    summary: Differences


class BuildChange(Model):
    """A build at both commits; null where it does not exist."""

    config_name: str
    architecture: str
    compiler: str
    status_a: str | None
    status_b: str | None


class TestChange(BuildChange):
    path: str
    platform: str
