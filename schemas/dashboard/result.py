"""Wire models of the dashboard: one build or test, and the history of a test (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Annotated, Any

from schemas.dashboard.shape import At, Misc, Model, Texts


class BuildDetails(Model):
    """A build as its origin reported it, with its checkout. `origin` is the checkout's, `build_origin` its own."""

    source = "view/"
    id: str
    origin: Annotated[str, At("checkout_origin")]
    build_origin: Annotated[str, At("view/origin")]
    checkout_id: str
    architecture: str | None
    config_name: str | None
    config_url: str | None
    compiler: str | None
    duration: float | None
    log_url: str | None
    log_excerpt: str | None
    start_time: str | None
    command: str | None
    comment: str | None
    input_files: list[Any] | None
    output_files: list[Any] | None
    misc: Misc
    status: Annotated[str, At("status")]
    tree_name: Annotated[str | None, At("checkout/")]
    git_repository_url: Annotated[str | None, At("checkout/")]
    git_repository_branch: Annotated[str | None, At("checkout/")]
    git_commit_hash: Annotated[str | None, At("checkout/")]
    git_commit_name: Annotated[str | None, At("checkout/")]
    git_commit_tags: Annotated[Texts, At("checkout/")]


class BuildTest(Model):
    source = "view/"
    id: str
    status: Annotated[str, At("status")]
    duration: float | None
    path: Annotated[str, At("path")]
    start_time: str | None
    environment_compatible: Annotated[Texts | None, At("environment_compatible")]
    environment_misc: Annotated[Misc, At("environment_misc")]
    lab: Annotated[str, At("lab")]


class TestDetails(Model):
    """A test as its origin reported it, with its build and checkout. `origin` is the checkout's, `test_origin` its
    own."""

    source = "view/"
    field_timestamp: Annotated[str, At("changed_at")]
    id: str
    build_id: str
    path: str | None
    log_excerpt: str | None
    log_url: str | None
    start_time: str | None
    output_files: list[Any] | None
    input_files: list[Any] | None
    status: Annotated[str, At("status")]
    misc: Misc
    environment_misc: Annotated[Misc, At("stated_environment")]
    environment_compatible: Annotated[Texts | None, At("view/environment/compatible")]
    compiler: Annotated[str | None, At("build.view/")]
    architecture: Annotated[str | None, At("build.view/")]
    config_name: Annotated[str | None, At("build.view/")]
    git_commit_hash: Annotated[str | None, At("checkout/")]
    git_repository_branch: Annotated[str | None, At("checkout/")]
    git_repository_url: Annotated[str | None, At("checkout/")]
    tree_name: Annotated[str | None, At("checkout/")]
    git_commit_tags: Annotated[Texts, At("checkout/")]
    origin: Annotated[str, At("checkout_origin")]
    test_origin: Annotated[str, At("view/origin")]


class HistoryRun(Model):
    start_time: Annotated[str | None, At("started")]
    id: Annotated[str, At("view/")]
    status: str
    git_commit_hash: Annotated[str | None, At("checkout/")]


class StatusHistory(Model):
    """The runs of a test, newest first; `regression_type` is regression, fixed, unstable, pass or fail."""

    source = "/"
    status_history: list[HistoryRun]
    regression_type: str
