"""The projection of tests: nodes of kind test, job and process (kcidb.md 5.1 and 5.2).

Pure. The *run* of a test are the nodes between it and its build: the job it ran in, and the suites within. What a test
does not tell by itself it has from its run, and from nowhere above: a kernel image is the build's file, not the test's.
It has nothing that the nodes of its run do not show in tests of their own, so `passes_on` tells when it is to be made
anew.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from lib.domain.bridge import value as value
from lib.domain.bridge.trait import TIMED_OUT, comment_of, data_of, duration_of, inherited, lab_of, misc_of, nearest
from lib.domain.bridge.value import given
from lib.domain.node.node import Node
from lib.domain.report.report import Fields

STATUS: Mapping[str, str | None] = {"pass": "PASS", "fail": "FAIL", "skip": "SKIP", "incomplete": None}
INCOMPLETE: Mapping[str, str] = {
    **dict.fromkeys(("Canceled", "Infrastructure", "LAVATimeout", "MultinodeTimeout", "Test"), "ERROR"),
    **dict.fromkeys(
        (
            "Bug", "Configuration", "Job", "ObjectNotPersisted", "RequestBodyTooLarge", "submit_error",
            "invalid_job_params", "job_generation_error", "kbuild_internal_error", "Unexisting permission codename.",
        ),
        "MISS",
    ),
    TIMED_OUT: "MISS",
}  # fmt: skip
"""What became of an incomplete test, by its own error code; others tell nothing."""
FAILED = ("fail", "incomplete")
ERRORS = ("error_code", "error_msg")
MISC = ("test_source", "test_revision", "compiler", "kernel_type", "arch")
BROKEN = "Infrastructure"
"""The error code, own or inherited, with which nothing that did not pass is the fault of what was tested."""
LOGS = ("lava_log", "test_log")
"""Artifacts that are the log, the better one first."""
SUITE = "kcidb_test_suite"
"""In a job's data: the part of its tests' paths that stands for it."""
PASSED_ON = ("build_id", "path", "comment", "environment", "output_files", "log_url", "misc")
"""Fields that show what tests below have from a test."""

_ODD = re.compile(r"[^A-Za-z0-9_.-]")
_DOTS = re.compile(r"\.{2,}")


def passes_on(before: Fields, after: Fields) -> bool:
    """Whether what tests below have from this one has changed."""
    return any(before.get(name) != after.get(name) for name in PASSED_ON)


def project_test(
    node: Node, run: Sequence[Node], origin: str, build_id: str, *, is_built: bool = True
) -> Fields | None:
    """The test of a node; None for one whose path is not told (`path_of`)."""
    path = path_of(node, run, is_built=is_built)
    if path is None:
        return None
    runtime, platform = (value.text(inherited(node, run, name)) for name in ("runtime", "platform"))
    fields = {
        "id": f"{origin}:{node.id}",
        "origin": origin,
        "build_id": build_id,
        "path": path,
        "comment": comment_of(node, _place(node, platform, runtime)),
        "start_time": value.time(node.created),
        "environment": _environment(node, run, platform, runtime),
        "status": status_of_test(node, run),
    }
    # Of what was not run there is nothing more to tell.
    return given({**fields, **({} if _result(node) == "skip" else _outcome(node, run, runtime))})


def path_of(node: Node, run: Sequence[Node], *, is_built: bool) -> str | None:
    """The path of a test: that of its node without the checkout and the build. None for an empty one, and for what only
    sets a test up."""
    suites = {job.name: value.text(data_of(job).get(SUITE)) or job.name for job in (*run, node) if job.kind == "job"}
    steps = _once([value.text(step) or "" for step in node.path[2 if is_built else 1 :]])
    steps = _once([step for step in (suites.get(step, step) for step in steps) if step])
    path = _DOTS.sub(".", _ODD.sub("_", ".".join(steps))).strip(".")
    return None if not path or ("setup" in path and "os-release" not in path) else path


def _once(steps: list[str]) -> list[str]:
    """Without the first one if the second is the same: a job's only suite often has its name."""
    return steps[1:] if len(steps) > 1 and steps[0] == steps[1] else steps


def _place(node: Node, platform: str | None, runtime: str | None) -> str | None:
    name = value.text(node.name)
    parts = [name, platform and f"on {platform}", runtime and f"in {runtime}"]
    return " ".join(part for part in parts if part) or None


def _environment(node: Node, run: Sequence[Node], platform: str | None, runtime: str | None) -> Fields | None:
    job = nearest(node, run, "job_id")
    told = {} if job is None else data_of(job)
    free = data_of(node).get("misc")
    misc = {
        "platform": platform,
        "measurement": value.free(free.get("measurement")) if isinstance(free, Mapping) else None,
        "job_id": value.free(told.get("job_id")),
        "job_context": value.free(told.get("job_context")),
    }
    return given({"comment": runtime and f"Runtime: {runtime}", "misc": given(misc) or None}) or None


def _result(node: Node) -> str | None:
    """The result, once it is final."""
    return node.result if node.state == "done" else None


def status_of_test(node: Node, run: Sequence[Node]) -> str | None:
    """The status of a test (kcidb.md 5.1, table Status); one that ran out of time did not come to a result."""
    result = _result(node)
    if result is None:
        return None
    if result in FAILED and _errors(node, run).get("error_code") == BROKEN:
        return "ERROR"
    if result == "incomplete":
        code = data_of(node).get("error_code")
        return INCOMPLETE.get(code) if isinstance(code, str) else None
    return STATUS[result]


def _outcome(node: Node, run: Sequence[Node], runtime: str | None) -> Fields:
    """What a test that was run left behind."""
    holder = next((n for n in (node, *reversed(run)) if n.artifacts and _result(n) != "skip"), node)
    artifacts = holder.artifacts or {}
    data = data_of(node)
    misc = {name: value.free(data.get(name)) for name in MISC}
    return {
        "duration": duration_of(node),
        "log_url": next((value.url(artifacts[name]) for name in LOGS if name in artifacts), None),
        "output_files": value.files(artifacts, without=LOGS),
        "misc": misc_of(node, {**misc, "runtime": runtime, "lab": lab_of(runtime), **_errors(node, run)}),
    }


def _errors(node: Node, run: Sequence[Node]) -> Fields:
    """What went wrong with one that failed: by its own account, or by that of the nearest one above that failed too."""
    failed = [n for n in (*run, node) if _result(n) in FAILED]
    teller = nearest(node, failed, "error_code") if _result(node) in FAILED else None
    return {} if teller is None else {name: value.free(data_of(teller).get(name)) for name in ERRORS}
