"""Wire models of the dashboard's REST API, which `kci-dev results` reads (kcidb.md 4.5).

Each shape stands once: its fields are what the description of a route documents, and where the codec of the dialect
reads their values (`At`). These models check requests. Tests hold replies to them. This module has trees with their
lists and comparisons; other modules have one build or test (`result`), `hardware`, `issue`, `report`.
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class At(NamedTuple):
    """Where a record holds a field's value: attributes with dots between, then keys of mappings, each behind a `/`.

    A path that ends with a dot or a `/`, or is empty, is followed by the field's own name; `.` is the record itself.
    A list or a mapping that is absent is written as an empty one, and a set as a sorted list.
    """

    path: str


class Model(BaseModel):
    """An object with these keys and no others. `source` is the `At` of each field that states none."""

    source: ClassVar[str] = ""

    # Built at the first use, so that a function that serves none of these starts faster.
    model_config = ConfigDict(extra="forbid", defer_build=True)


Word = Annotated[str, StringConstraints(max_length=1000)]
Texts = list[str]
Misc = dict[str, Any]


class StatusCount(Model):
    """Results by status; NULL counts results without a status."""

    source = "/"
    PASS: int
    FAIL: int
    ERROR: int
    SKIP: int
    MISS: int
    DONE: int
    NULL: int


class LowerCount(Model):
    """The same, in the form of histories for boots and tests."""

    pass_: Annotated[int, Field(alias="pass"), At("/PASS")]
    fail: Annotated[int, At("/FAIL")]
    error: Annotated[int, At("/ERROR")]
    skip: Annotated[int, At("/SKIP")]
    miss: Annotated[int, At("/MISS")]
    done: Annotated[int, At("/DONE")]
    null: Annotated[int, At("/NULL")]


class ReportCount(Model):
    """The same, in the form of reports for boots and tests."""

    pass_count: Annotated[int, At("/PASS")]
    fail_count: Annotated[int, At("/FAIL")]
    error_count: Annotated[int, At("/ERROR")]
    skip_count: Annotated[int, At("/SKIP")]
    miss_count: Annotated[int, At("/MISS")]
    done_count: Annotated[int, At("/DONE")]
    null_count: Annotated[int, At("/NULL")]


class ListingCount(Model):
    """Results, in three classes."""

    PASS: Annotated[int, At("passed")]
    FAIL: Annotated[int, At("failed")]
    INCONCLUSIVE: Annotated[int, At("inconclusive")]


class TreeItem(Model):
    """A tree by its newest checkout."""

    source = "checkout/"
    id: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    git_commit_tags: Texts
    origin: str
    start_time: str | None
    build_status: Annotated[ListingCount, At("counts.builds")]
    boot_status: Annotated[ListingCount, At("counts.boots")]
    test_status: Annotated[ListingCount, At("counts.tests")]


class IssueRef(Model):
    """An issue seen in results, and the numbers of those results by status."""

    id: str
    version: int
    comment: Annotated[str | None, At("issue/")]
    report_url: Annotated[str | None, At("issue/")]
    incidents_info: Annotated[StatusCount, At("tally")]


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
    issues: Annotated[list[IssueRef], At("issue_refs")]
    unknown_issues: int


class BuildSummary(PartSummary):
    architectures: Annotated[dict[str, BuildArchitecture], At("by_architecture")]


class TestSummary(PartSummary):
    """`environment_compatible` and `environment_misc` are by compatible and by platform."""

    architectures: Annotated[list[TestArchitecture], At("by_compiler")]
    fail_reasons: Annotated[dict[str, int], At("reasons")]
    failed_platforms: Texts
    platforms: dict[str, StatusCount]
    environment_compatible: Annotated[dict[str, StatusCount], At("compatibles")]
    environment_misc: Annotated[dict[str, StatusCount], At("platforms")]


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
    all: Annotated[AllOptions, At(".")]
    builds: Annotated[BuildOptions, At("build_options")]
    boots: Annotated[TestOptions, At("boot_options")]
    tests: Annotated[TestOptions, At("test_options")]


class TreeCommon(Model):
    hardware: Annotated[Texts, At("summary.hardware")]
    tree_url: Annotated[str | None, At("checkout/git_repository_url")]
    git_commit_tags: Annotated[Texts, At("checkout/")]


class TreeSummary(Model):
    common: Annotated[TreeCommon, At(".")]
    summary: Summaries
    filters: Annotated[Options, At("summary")]


class BuildItem(Model):
    """A build in a list. A missing value is `Unknown` where clients compare it, otherwise null."""

    source = "view/"
    id: str
    origin: str
    architecture: Annotated[str, At("architecture")]
    config_name: Annotated[str, At("config")]
    misc: Misc
    config_url: str | None
    compiler: Annotated[str, At("compiler")]
    status: Annotated[str, At("status")]
    duration: float | None
    log_url: str | None
    start_time: str | None
    git_repository_url: Annotated[str | None, At("checkout/")]
    git_repository_branch: Annotated[str | None, At("checkout/")]


class TestItem(Model):
    """A boot or a test in a list."""

    source = "view/"
    id: str
    origin: str
    status: Annotated[str, At("status")]
    duration: float | None
    path: Annotated[str, At("path")]
    start_time: str | None
    environment_compatible: Annotated[Texts | None, At("environment_compatible")]
    environment_misc: Annotated[Misc, At("environment_misc")]
    config: Annotated[str, At("config")]
    log_url: str | None
    architecture: Annotated[str, At("architecture")]
    compiler: Annotated[str, At("compiler")]
    lab: Annotated[str, At("lab")]


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


class HistoryCommit(Model):
    source = "newest/"
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    earliest_start_time: Annotated[str | None, At("earliest_start")]


class CommitItem(HistoryCommit):
    """A commit in the history of a tree."""

    builds: Annotated[StatusCount, At("counts.builds")]
    boots: Annotated[LowerCount, At("counts.boots")]
    tests: Annotated[LowerCount, At("counts.tests")]


class TreeLatest(Model):
    """The newest checkout of a tree, and the address of its summary."""

    source = "/"
    api_url: str
    old_api_url: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    origin: str


class TreeCommit(Model):
    source = "newest/"
    git_commit_hash: str
    start_time_end: Annotated[str | None, At("newest/start_time")]
    git_commit_name: str | None
    git_commit_tags: Texts


class SideCount(Model):
    pass_: Annotated[int, Field(alias="pass"), At("passed")]
    fail: Annotated[int, At("failed")]
    inconclusive: int


class Delta(Model):
    pass_: Annotated[int, Field(alias="pass"), At("passed_more")]
    fail: Annotated[int, At("failed_more")]


class Changes(Model):
    source = "/"
    regression: int
    fixed: int
    newFailure: int
    stillFailing: int
    newPass: int
    appeared: int
    disappeared: int


class Difference(Model):
    sideA: Annotated[SideCount, At("a.tally")]
    sideB: Annotated[SideCount, At("b.tally")]
    delta: Annotated[Delta, At(".")]
    changes: Changes


class Differences(Model):
    builds: Difference
    boots: Difference
    tests: Difference


class Comparison(Model):
    """Commit b against commit a."""

    source = "/"
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


class TestChange(Model):
    config_name: str
    architecture: str
    compiler: str
    path: str
    platform: str
    status_a: str | None
    status_b: str | None
