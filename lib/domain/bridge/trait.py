"""Traits that builds and tests of nodes have alike, and what a test has from the job it ran in (kcidb.md 5.1).

Pure. Called by `projection` and `run`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.domain.bridge import value as value
from lib.domain.bridge.value import given
from lib.domain.node.node import Node
from lib.domain.report.report import Fields

TIMED_OUT = "node_timeout"
LABS = ("lava-", "pull-labs-")
"""How the names of runtimes that are labs begin."""


def data_of(node: Node) -> Mapping[str, Any]:
    """The data of a node, nothing where it has none."""
    return node.data or {}


def revision_of(node: Node) -> Mapping[str, Any]:
    """The kernel revision in a node's data, nothing where it has none."""
    found = data_of(node).get("kernel_revision")
    return found if isinstance(found, Mapping) else {}


def nearest(node: Node, run: Sequence[Node], name: str) -> Node | None:
    """The node itself or the nearest one above, within its run, whose data tells this."""
    return next((n for n in (node, *reversed(run)) if data_of(n).get(name) is not None), None)


def inherited(node: Node, run: Sequence[Node], name: str) -> Any:
    """What the data of the nearest one tells."""
    found = nearest(node, run, name)
    return None if found is None else data_of(found)[name]


def lab_of(runtime: object) -> str | None:
    """The lab a runtime is; None for one that is none."""
    return value.text(runtime) if isinstance(runtime, str) and runtime.startswith(LABS) else None


def comment_of(node: Node, text: str | None) -> str | None:
    """A comment that tells of the attempt, if it is not the first."""
    if node.retry_counter <= 0:
        return text
    return f"{text} (retry {node.retry_counter})" if text else f"retry {node.retry_counter}"


def misc_of(node: Node, members: Fields) -> Fields | None:
    """The misc of an object: what is known of its members, and which attempt it was."""
    retry = node.retry_counter if node.retry_counter > 0 else None
    by = value.text((node.debug or {}).get("retry_by"))
    return given({**members, "retry_counter": retry, "retry_by": by}) or None


def duration_of(node: Node) -> int | float | None:
    """How long it took until its result; unknown of one that is not done, or ran out of time."""
    if node.state != "done" or data_of(node).get("error_code") == TIMED_OUT:
        return None
    return value.seconds(node.created, node.finished_at or node.updated)
