"""Wire models of the dashboard: one build or test, and the history of a test (kcidb.md 4.5)."""

from __future__ import annotations

from typing import Any

from schemas.dashboard.shape import Misc, Model, Texts


class BuildDetails(Model):
    """A build as its origin reported it, with its checkout. `origin` is the checkout's, `build_origin` its own."""

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


class BuildTest(Model):
    id: str
    status: str
    duration: float | None
    path: str
    start_time: str | None
    environment_compatible: Texts | None
    environment_misc: Misc
    lab: str


class TestDetails(Model):
    """A test as its origin reported it, with its build and checkout. `origin` is the checkout's, `test_origin` its
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


class HistoryRun(Model):
    start_time: str | None
    id: str
    status: str
    git_commit_hash: str | None


class StatusHistory(Model):
    """The runs of a test, newest first; `regression_type` is regression, fixed, unstable, pass or fail."""

    status_history: list[HistoryRun]
    regression_type: str
