"""Events of nodes: the content of the event for a written node (kernelci.md 5.1)."""

from __future__ import annotations

from typing import Any

from lib.domain.event.event import NODE_CHANNEL, News, body_of
from lib.domain.node.node import Node


def node_news(key: str, source: str, node: Node, previous: Node | None, *, is_hierarchy: bool = False) -> News:
    """The event of a written node. `previous` is None for a new node: the event of a creation has no previous values.
    The event of an update always has them, since the scheduler uses them to detect an edge."""
    data: dict[str, Any] = {
        "op": "created" if previous is None else "updated",
        "id": node.id,
        "kind": node.kind,
        "name": node.name,
        "path": node.path,
        "group": node.group,
        "state": node.state,
        "result": node.result,
        "owner": node.owner,
        "data": node.data,
        "is_hierarchy": is_hierarchy,
    }
    if previous is not None:
        data["previous_state"] = previous.state
        data["previous_result"] = previous.result
    unsettled = node.state == "closing" or (node.state == "done" and bool(node.ancestors))
    return News(NODE_CHANNEL, key, body_of(data, owner=node.owner, source=source), node.id if unsettled else None)
