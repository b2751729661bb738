"""Views of merged objects, field by field: the newest schema in normal form (kcidb.md 2.3).

Fields are typed for readers; the table of the schema in `schemas/kcidb` is the rule, and a test compares both. A view
may hold a long `log_excerpt` as a reference (`report.is_lifted`).
"""

from __future__ import annotations

from typing import Any, Required, TypedDict

Misc = dict[str, Any]


class Resource(TypedDict, total=False):
    """A file by its URL."""

    name: Required[str]
    url: Required[str]


class Checkout(TypedDict, total=False):
    """A checkout."""

    id: Required[str]
    origin: Required[str]
    tree_name: str
    git_repository_url: str
    git_commit_hash: str
    git_commit_name: str
    git_repository_branch: str
    patchset_files: list[Resource]
    patchset_hash: str
    message_id: str
    comment: str
    start_time: str
    log_url: str
    log_excerpt: str | dict[str, Any]
    valid: bool
    misc: Misc
    _timestamp: str
    git_commit_tags: list[str]
    git_commit_message: str
    git_repository_branch_tip: bool
    origin_builds_finish_time: str
    origin_tests_finish_time: str


class Build(TypedDict, total=False):
    """A build."""

    start_time: str
    duration: float
    architecture: str
    command: str
    compiler: str
    input_files: list[Resource]
    output_files: list[Resource]
    config_name: str
    config_url: str
    log_url: str
    misc: Misc
    id: Required[str]
    origin: Required[str]
    checkout_id: Required[str]
    comment: str
    log_excerpt: str | dict[str, Any]
    _timestamp: str
    status: str


class Environment(TypedDict, total=False):
    """What a test ran on."""

    misc: Misc
    comment: str
    compatible: list[str]


class Number(TypedDict, total=False):
    """The measured number of a test."""

    value: Required[float]
    unit: str
    prefix: str


class Test(TypedDict, total=False):
    """A test."""

    environment: Environment
    path: str
    status: str
    start_time: str
    duration: float
    output_files: list[Resource]
    misc: Misc
    build_id: Required[str]
    id: Required[str]
    origin: Required[str]
    comment: str
    log_url: str
    log_excerpt: str | dict[str, Any]
    _timestamp: str
    number: Number
    input_files: list[Resource]


class Culprit(TypedDict, total=False):
    """What an issue is blamed on."""

    code: bool
    tool: bool
    harness: bool


class Issue(TypedDict, total=False):
    """A version of an issue."""

    id: Required[str]
    version: Required[int]
    origin: Required[str]
    report_url: str
    report_subject: str
    culprit: Culprit
    comment: str
    misc: Misc
    _timestamp: str
    categories: list[str]


class Incident(TypedDict, total=False):
    """An issue in a build or a test."""

    id: Required[str]
    origin: Required[str]
    issue_id: Required[str]
    issue_version: Required[int]
    build_id: str
    test_id: str
    present: bool
    comment: str
    misc: Misc
    _timestamp: str
