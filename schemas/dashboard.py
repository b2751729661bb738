"""Wire models of the dashboard's REST API, which `kci-dev results` reads (kcidb.md 4.5).

They document the routes; replies are written by the codecs of the dialect and held to these shapes by its tests.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, StringConstraints


class Shape(BaseModel):
    """An object with these keys and no others."""

    model_config = ConfigDict(extra="forbid")


Texts = list[str]
Misc = dict[str, Any]


class StatusCount(Shape):
    """Results by status; NULL is the absent one."""

    PASS: int
    FAIL: int
    ERROR: int
    SKIP: int
    MISS: int
    DONE: int
    NULL: int


class LowerCount(Shape):
    """The same, as histories write it for boots and tests."""

    pass_: Annotated[int, Field(alias="pass")]
    fail: int
    error: int
    skip: int
    miss: int
    done: int
    null: int


class ReportCount(Shape):
    """The same, as reports write it for boots and tests."""

    pass_count: int
    fail_count: int
    error_count: int
    skip_count: int
    miss_count: int
    done_count: int
    null_count: int


class ListingCount(Shape):
    """Results, in three classes."""

    PASS: int
    FAIL: int
    INCONCLUSIVE: int


class TreeItem(Shape):
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


class IssueRef(Shape):
    """An issue seen in results, and how those ended."""

    id: str
    version: int
    comment: str | None
    report_url: str | None
    incidents_info: StatusCount


class BuildArchitecture(StatusCount):
    compilers: Texts


class TestArchitecture(Shape):
    arch: str
    compiler: str
    status: StatusCount


class PartSummary(Shape):
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


class Summaries(Shape):
    builds: BuildSummary
    boots: TestSummary
    tests: TestSummary


class AllOptions(Shape):
    configs: Texts
    architectures: Texts
    compilers: Texts


class BuildOptions(Shape):
    """What may be filtered by. `issues` are pairs of id and version."""

    issues: list[list[Any]]
    origins: Texts
    has_unknown_issue: bool
    labs: Texts


class TestOptions(BuildOptions):
    platforms: Texts


class Options(Shape):
    all: AllOptions
    builds: BuildOptions
    boots: TestOptions
    tests: TestOptions


class TreeCommon(Shape):
    hardware: Texts
    tree_url: str | None
    git_commit_tags: Texts


class SelectedStatus(Shape):
    builds: StatusCount
    boots: StatusCount
    tests: StatusCount


class HardwareTree(Shape):
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


class HardwareCommon(Shape):
    trees: list[HardwareTree]
    compatibles: Texts


class TreeSummary(Shape):
    common: TreeCommon
    summary: Summaries
    filters: Options


class HardwareSummary(Shape):
    common: HardwareCommon
    summary: Summaries
    filters: Options


class BuildItem(Shape):
    """A build in a list. What its origin does not tell is `Unknown` where clients compare it, else null."""

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


class TestItem(Shape):
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


class Builds(Shape):
    builds: list[BuildItem]


class Boots(Shape):
    boots: list[TestItem]


class Tests(Shape):
    tests: list[TestItem]


class TreeFull(TreeSummary):
    builds: list[BuildItem]
    boots: list[TestItem]
    tests: list[TestItem]


class HardwareFull(HardwareSummary):
    builds: list[BuildItem]
    boots: list[TestItem]
    tests: list[TestItem]


class CommitItem(Shape):
    """A commit in the history of a tree."""

    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    earliest_start_time: str | None
    builds: StatusCount
    boots: LowerCount
    tests: LowerCount


class TreeLatest(Shape):
    """The newest checkout of a tree, and where to read on."""

    api_url: str
    old_api_url: str
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    origin: str


class TreeCommit(Shape):
    git_commit_hash: str
    start_time_end: str | None
    git_commit_name: str | None
    git_commit_tags: Texts


class SideCount(Shape):
    pass_: Annotated[int, Field(alias="pass")]
    fail: int
    inconclusive: int


class Delta(Shape):
    pass_: Annotated[int, Field(alias="pass")]
    fail: int


class Changes(Shape):
    regression: int
    fixed: int
    newFailure: int
    stillFailing: int
    newPass: int
    appeared: int
    disappeared: int


class Difference(Shape):
    sideA: SideCount
    sideB: SideCount
    delta: Delta
    changes: Changes


class Differences(Shape):
    builds: Difference
    boots: Difference
    tests: Difference


class Comparison(Shape):
    """Commit b against commit a."""

    treeName: str
    branch: str
    gitUrl: str | None
    summary: Differences


class BuildChange(Shape):
    """A build at both commits; null where it is not."""

    config_name: str
    architecture: str
    compiler: str
    status_a: str | None
    status_b: str | None


class TestChange(BuildChange):
    path: str
    platform: str


class BuildDetails(Shape):
    """A build as its origin told of it, with its checkout. `origin` is the checkout's, `build_origin` its own."""

    id: str
    origin: str
    build_origin: str
    checkout_id: str
    architecture: str | None
    config_name: str | None
    misc: Misc
    config_url: str | None
    compiler: str | None
    status: str
    duration: float | None
    log_url: str | None
    log_excerpt: str | None
    start_time: str | None
    command: str | None
    comment: str | None
    input_files: list[Any] | None
    output_files: list[Any] | None
    tree_name: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_hash: str | None
    git_commit_name: str | None
    git_commit_tags: Texts


class BuildTest(Shape):
    id: str
    status: str
    duration: float | None
    path: str
    start_time: str | None
    environment_compatible: Texts | None
    environment_misc: Misc
    lab: str


class TestDetails(Shape):
    """A test as its origin told of it, with its build and checkout. `origin` is the checkout's, `test_origin` its
    own."""

    field_timestamp: str
    id: str
    build_id: str
    status: str
    path: str | None
    log_excerpt: str | None
    log_url: str | None
    misc: Misc
    environment_misc: Misc
    environment_compatible: Texts | None
    start_time: str | None
    output_files: list[Any] | None
    input_files: list[Any] | None
    compiler: str | None
    architecture: str | None
    config_name: str | None
    git_commit_hash: str | None
    git_commit_tags: Texts
    git_repository_branch: str | None
    git_repository_url: str | None
    tree_name: str | None
    origin: str
    test_origin: str


class HistoryRun(Shape):
    start_time: str | None
    id: str
    status: str
    git_commit_hash: str | None


class StatusHistory(Shape):
    """The runs of a test, newest first; `regression_type` is regression, fixed, unstable, pass or fail."""

    status_history: list[HistoryRun]
    regression_type: str


class HardwareItem(Shape):
    """A platform; `hardware` is what it is compatible with."""

    hardware: Texts | None
    platform: str
    build_status_summary: ListingCount
    boot_status_summary: ListingCount
    test_status_summary: ListingCount


class HardwareList(Shape):
    hardware: list[HardwareItem]


class RevisionHardwareItem(Shape):
    hardware: Texts | None
    platform: str
    build_status_summary: StatusCount
    boot_status_summary: StatusCount
    test_status_summary: StatusCount


class RevisionHardware(Shape):
    hardware: list[RevisionHardwareItem]


class SelectorRevision(Shape):
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    start_time: str | None


class SelectorBranch(Shape):
    git_repository_url: str | None
    git_repository_branch: str | None
    revisions: list[SelectorRevision]


class SelectorTree(Shape):
    tree_name: str | None
    branches: list[SelectorBranch]


class Selectors(Shape):
    trees: list[SelectorTree]


class HistoryCommit(Shape):
    git_commit_hash: str
    git_commit_name: str | None
    git_commit_tags: Texts
    earliest_start_time: str | None


class CommitTable(Shape):
    """The commits of each tree, newest first, by `<tree>:<repository>:<branch>`."""

    commit_history_table: dict[str, list[HistoryCommit]]


class Incident(Shape):
    """Where an issue was seen."""

    first_seen: str
    git_commit_hash: str | None
    git_repository_url: str | None
    git_repository_branch: str | None
    git_commit_name: str | None
    tree_name: str | None
    issue_version: int
    checkout_id: str


class IssueItem(Shape):
    field_timestamp: str
    id: str
    comment: str | None
    origin: str
    version: int
    culprit_code: bool | None
    culprit_tool: bool | None
    culprit_harness: bool | None
    categories: Texts | None


class IssueOptions(Shape):
    origins: Texts
    culprits: Texts
    categories: Texts


class IssueList(Shape):
    """Issues, and where each was seen first."""

    issues: list[IssueItem]
    extras: dict[str, Incident]
    filters: IssueOptions


class VersionTree(Shape):
    tree_name: str | None
    git_repository_branch: str | None


class IssueVersion(Shape):
    id: str
    version: int
    trees: list[VersionTree]
    tags: Texts


class IssueExtra(Shape):
    first_incident: Incident | None
    last_incident: Incident | None
    versions: dict[str, IssueVersion]


class IssueExtras(Shape):
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


class ReportRun(HistoryRun):
    """A run of a test in a report's history."""


Histories = dict[str, dict[str, dict[str, dict[str, list[ReportRun]]]]]


class ReportIssue(Shape):
    """An issue of a report, at the first result that shows it; the ids of other kinds of result are null."""

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


class ReportIssues(Shape):
    builds: list[ReportIssue]
    boots: list[ReportIssue]
    tests: list[ReportIssue]


class TreeReport(Shape):
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


class Origins(Shape):
    checkout_origins: Texts
    test_origins: Texts


# What is taken.

Word = Annotated[str, StringConstraints(max_length=1000)]
Seconds = str | int | float


class HardwareQuery(BaseModel):
    """Which results on some hardware. Times are seconds since 1970; `selectedCommits` names a commit, or `head`, by a
    tree's `index`, and empty takes the newest of every tree; `filter` has the names of the query's filters."""

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
    """The same, and the trees whose commits are asked for."""

    commitHeads: Annotated[list[CommitHead], Field(max_length=100)] = []


class ExtrasQuery(BaseModel):
    """Issues, each by its id and version."""

    issues: Annotated[list[tuple[Word, Annotated[int, Field(ge=0, lt=2**63)] | None]], Field(max_length=500)]
