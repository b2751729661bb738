"""The projection: what a node tells as objects of KCIDB (kcidb.md 5.1 and 5.2).

Pure: a function of a node, of the nodes above it, and of what is known of those below a checkout. Nothing is withheld:
an attempt that failed, or a test that ran out of time, is told, for what comes later may still win.

    checkout → a checkout    kbuild → a build    test, job, process → a test (`run`)

A test that hangs from no build gets one made up, which its checkout tells of.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from lib.domain.bridge import value as value
from lib.domain.bridge.run import project_test
from lib.domain.bridge.trait import TIMED_OUT, comment_of, data_of, duration_of, inherited, lab_of, misc_of, revision_of
from lib.domain.bridge.value import given
from lib.domain.node.node import Node
from lib.domain.report.report import Fields

TEST_KINDS = ("test", "job", "process")
"""Kinds of nodes that are tests to KCIDB."""
BUILD_STATUS = {"pass": "PASS", "fail": "FAIL", "skip": None, "incomplete": "ERROR"}
_BUILD_FILES = ("build_log", "_config")
_BUILD_MISC = ("platform", "runtime", "job_id", "job_context", "kernel_type", "error_code", "error_msg")
_PATCH = re.compile(r"patch([0-9]*)")
_LOG = re.compile(r"(?:.*_)?log\Z")


class Projected(NamedTuple):
    """One object that a node tells of. `teller` is the node whose object it is: the checkout of a made-up build."""

    kind: str
    fields: Fields
    teller: Node


class FinishTimes(NamedTuple):
    """When the last build and the last test below a checkout were done; None while one is not, or may still come."""

    builds_at: datetime | None = None
    tests_at: datetime | None = None


UNFINISHED = FinishTimes()


def project_node(
    node: Node, line: Sequence[Node], origin: str, finish: FinishTimes = UNFINISHED, *, has_children: bool = False
) -> list[Projected]:
    """The objects of a node; `line` are the nodes above it, the root first. Nothing for one that has no place in KCIDB:
    a regression, a build without a checkout, a test without either, a suite, which is told of by its tests."""
    if node.kind == "checkout":
        return [Projected("checkouts", project_checkout(node, origin, finish), node)]
    checkout = next((above for above in reversed(line) if above.kind == "checkout"), None)
    if node.kind == "kbuild":
        return [] if checkout is None else [Projected("builds", project_build(node, checkout, origin), node)]
    if node.kind not in TEST_KINDS or (has_children and node.kind != "job"):
        return []
    at = next((n for n in range(len(line) - 1, -1, -1) if line[n].kind in ("kbuild", "checkout")), None)
    if at is None:
        return []
    stem, run = line[at], line[at + 1 :]
    made_up = [] if stem.kind == "kbuild" else [Projected("builds", project_made_up(stem, node, run, origin), stem)]
    build_id = made_up[0].fields["id"] if made_up else f"{origin}:{stem.id}"
    test = project_test(node, run, origin, build_id, is_built=not made_up)
    return [] if test is None else [*made_up, Projected("tests", test, node)]


def project_checkout(node: Node, origin: str, finish: FinishTimes) -> Fields:
    """The checkout of a checkout node."""
    revision, data = revision_of(node), data_of(node)
    artifacts = node.artifacts or {}
    log = next((name for name in sorted(artifacts) if _LOG.match(name)), "")
    return given(
        {
            "id": f"{origin}:{node.id}",
            "origin": origin,
            "tree_name": value.text(revision.get("tree")),
            "git_repository_url": value.repository(revision.get("url")),
            "git_repository_branch": value.text(revision.get("branch")),
            "git_repository_branch_tip": value.flag(revision.get("tip_of_branch")),
            "git_commit_hash": value.commit(revision.get("commit")),
            "git_commit_name": value.text(revision.get("describe")),
            "git_commit_tags": value.texts(revision.get("commit_tags")),
            "git_commit_message": value.text(revision.get("commit_message")),
            "patchset_hash": value.patchset(revision.get("patchset")),
            "patchset_files": _patches(node),
            "start_time": value.time(node.created),
            "origin_builds_finish_time": finish.builds_at and value.time(finish.builds_at),
            "origin_tests_finish_time": finish.tests_at and value.time(finish.tests_at),
            "log_url": value.url(artifacts.get(log)),
            "valid": _is_valid(node),
            "misc": misc_of(node, {"submitted_by": node.owner, **_errors(data)}),
        }
    )


def _is_valid(node: Node) -> bool | None:
    """Whether the sources could be checked out; unknown of a checkout that ran out of time."""
    if node.result == "pass":
        return True
    return False if node.result == "fail" or data_of(node).get("error_code") == "git_checkout_failure" else None


def _patches(node: Node) -> list[dict[str, str]] | None:
    """The patches in the order they are applied in: artifacts `patch0`, `patch1`, …"""
    if not revision_of(node).get("patchset"):
        return None
    numbers = {name: found[1].lstrip("0") for name in node.artifacts or {} if (found := _PATCH.match(name))}
    # By number: of two without leading zeros the longer one is larger. No `int`, which refuses very many digits.
    ordered = sorted(numbers, key=lambda name: (len(numbers[name]), numbers[name], name))
    files = [value.files({name: (node.artifacts or {})[name]}) for name in ordered]
    return [resource for some in files if some for resource in some] or None


def project_build(node: Node, checkout: Node, origin: str) -> Fields:
    """The build of a kbuild node."""
    data, artifacts = data_of(node), node.artifacts or {}
    misc = {name: value.free(data.get(name)) for name in _BUILD_MISC}
    return given(
        {
            "id": f"{origin}:{node.id}",
            "origin": origin,
            "checkout_id": f"{origin}:{checkout.id}",
            "comment": comment_of(node, value.text(revision_of(node).get("describe"))),
            "start_time": value.time(node.created),
            "duration": duration_of(node),
            "architecture": value.architecture(data.get("arch")),
            "compiler": value.text(data.get("compiler")),
            "config_name": value.text(data.get("config_full")) or value.text(data.get("defconfig")),
            "config_url": value.url(artifacts.get("_config")),
            "log_url": value.url(artifacts.get("build_log")),
            "output_files": value.files(artifacts, without=_BUILD_FILES),
            "status": status_of_build(node),
            "misc": misc_of(node, {**misc, "lab": lab_of(data.get("runtime"))}),
        }
    )


def status_of_build(node: Node) -> str | None:
    """The status of a build (kcidb.md 5.1, table Status)."""
    if node.result is None:
        return None
    code = data_of(node).get("error_code")
    if node.result == "incomplete" and code == TIMED_OUT:
        return "MISS"
    return "ERROR" if code else BUILD_STATUS[node.result]


def project_made_up(checkout: Node, node: Node, run: Sequence[Node], origin: str) -> Fields:
    """The build that tests which hang from a checkout are told to belong to; one an architecture."""
    arch = value.architecture(inherited(node, run, "arch"))
    return given(
        {
            "id": f"{origin}:dummy_{checkout.id}" + (f"_{arch}" if arch else ""),
            "origin": origin,
            "checkout_id": f"{origin}:{checkout.id}",
            "start_time": value.time(checkout.created),
            "architecture": arch,
            "comment": "Dummy build for tests hanging from checkout",
        }
    )


def _errors(data: Mapping[str, Any]) -> Fields:
    return {name: value.text(data.get(name)) for name in ("error_code", "error_msg")}
