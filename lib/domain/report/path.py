"""Paths into a report's view: the valid paths, and the values at them (kcidb.md 1.2). Pure.

Examples: `status`, `environment.compatible`, `number.value`; inside a `misc` any path: `environment.misc.platform`. A
path is checked where a user gives it, so that a misspelt field is reported at once instead of never matching.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from lib.errors import Invalid

PATH_CHARS_MAX = 300

_EVERY = ("id", "origin", "comment", "misc")
FIELDS: Mapping[str, tuple[str, ...]] = {
    "checkouts": (
        *_EVERY, "tree_name", "git_repository_url", "git_commit_hash", "git_commit_name", "git_commit_tags",
        "git_commit_message", "git_repository_branch", "git_repository_branch_tip", "patchset_files", "patchset_hash",
        "message_id", "start_time", "origin_builds_finish_time", "origin_tests_finish_time", "log_url", "log_excerpt",
        "valid",
    ),
    "builds": (
        *_EVERY, "checkout_id", "start_time", "duration", "architecture", "command", "compiler", "input_files",
        "output_files", "config_name", "config_url", "log_url", "log_excerpt", "status",
    ),
    "tests": (
        *_EVERY, "build_id", "environment", "environment.comment", "environment.compatible", "environment.misc", "path",
        "log_url", "log_excerpt", "status", "number", "number.value", "number.unit", "number.prefix", "start_time",
        "duration", "input_files", "output_files",
    ),
    "issues": (
        *_EVERY, "version", "report_url", "report_subject", "culprit", "culprit.code", "culprit.tool",
        "culprit.harness", "categories",
    ),
    "incidents": (*_EVERY, "issue_id", "issue_version", "build_id", "test_id", "present"),
}  # fmt: skip
"""The fields of each kind of the newest schema."""


def check_path(kind: str, path: object, where: str) -> str:
    """The path, if objects of this kind may have it. Raises Invalid at `where`."""
    if not isinstance(path, str) or not 1 <= len(path) <= PATH_CHARS_MAX:
        raise Invalid(where, f"must be the name of a field, of at most {PATH_CHARS_MAX} characters")
    if path in FIELDS[kind] or _is_in_misc(kind, path):
        return path
    near = difflib.get_close_matches(path, FIELDS[kind], 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise Invalid(where, f"{kind} have no field {path}{hint}")


def _is_in_misc(kind: str, path: str) -> bool:
    return path.startswith("misc.") or (kind == "tests" and path.startswith("environment.misc."))


def value_at(fields: Mapping[str, Any], path: str) -> Any:
    """The value at a path; None when there is none. Keys inside `misc` may hold dots: the longest matching key is
    used."""
    if "." not in path:
        return fields.get(path)
    return _inside(fields, path.split("."))


def _inside(value: Any, steps: list[str]) -> Any:
    if not steps:
        return value
    if not isinstance(value, Mapping):
        return None
    for end in range(len(steps), 0, -1):
        key = ".".join(steps[:end])
        if key in value:
            return _inside(value[key], steps[end:])
    return None
