"""Partial edits of a node: PATCH (kernelci.md 2.4) and RFC 7396 merges. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Any

from lib.domain.node import node as rules
from lib.domain.node.node import Node
from lib.errors import Invalid

PATCHABLE = (
    "state", "result", "artifacts", "data", "debug", "jobfilter", "platform_filter", "timeout", "holdoff",
    "processed_by_kcidb_bridge",
)  # fmt: skip
MERGEABLE = ("artifacts", "data", "debug")


def patch(stored: Node, changes: Mapping[str, Any], now: datetime, *, merge: bool = False) -> Node:
    """The node with only the given fields changed; `merge` merges objects instead of replacing them.

    A null state changes nothing, a null result clears it. The bridge's flag is stored when given without a change of
    state, and false otherwise. Raises Invalid when nothing patchable is given, and for a forbidden transition.
    """
    given = {name: changes[name] for name in PATCHABLE if name in changes}
    if not given:
        raise Invalid("", f"nothing to change: a patch gives one or more of {', '.join(PATCHABLE)}")
    if given.get("state") is None:
        given.pop("state", None)
    state = given.get("state", stored.state)
    rules.check_transition(stored.state, state)
    if merge:
        for name in MERGEABLE:
            if name in given:
                given[name] = merged(getattr(stored, name), given[name])
    given["processed_by_kcidb_bridge"] = bool(given.get("processed_by_kcidb_bridge")) and state == stored.state
    node = replace(stored, updated=now, **given)
    node.finished_at = rules.finish(stored, node, now)
    rules.check_indexed(node)
    return node


def merged(target: Any, patch: Any) -> Any:
    """RFC 7396: objects merge member by member, null removes one, anything else replaces."""
    if not isinstance(patch, Mapping):
        return patch
    result = dict(target) if isinstance(target, Mapping) else {}
    for name, value in patch.items():
        if value is None:
            result.pop(name, None)
        else:
            result[name] = merged(result.get(name), value)
    return result
