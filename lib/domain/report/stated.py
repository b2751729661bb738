"""Reports with a copy of a node: split into the state of the submissions and the copy of the node. Pure.

Submissions only add; a node changes, and its new copy replaces the former one. So the node's copy is not part of the
joined state. It is stored beside that state, and joined to it again whenever either changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lib.domain.report.join import grow, of_copy
from lib.domain.report.order import verdict_of
from lib.store.port import Body


class NodeStatement(NamedTuple):
    """The copy of a node. `at` is used while no submission holds the object."""

    rev: int
    id: str
    fields: dict[str, Any]
    at: str


def is_projected_only(body: Body) -> bool:
    """Whether a report holds only the copy of a node."""
    return "node" in body and "base" not in body["node"]


def split(body: Body) -> tuple[Body | None, NodeStatement | None]:
    """The report of the submissions alone, and the copy of the node."""
    node = body.get("node")
    if node is None:
        return body, None
    base = node.get("base")
    if base is None:
        return None, NodeStatement(node["rev"], node["id"], body["object"], body["first_received"])
    return base, NodeStatement(node["rev"], node["id"], node["fields"], "")


def unite(kind: str, base: Body | None, told: NodeStatement | None) -> Body:
    """The reverse of `split`."""
    if told is None:
        assert base is not None
        return base
    by = (told.rev, verdict_of(kind, told.fields), f"node:{told.id}")
    node: Body = {"id": told.id, "rev": told.rev}
    if base is None:
        times = {"first_received": told.at, "last_received": told.at}
        return {"object": told.fields, "by": list(by), **times, "node": {**node, "alone": True}}
    node["fields"] = told.fields
    node["base"] = base = {name: value for name, value in base.items() if name != "changed_at"}
    # The times are those of the submissions.
    copy = of_copy(kind, told.fields, by, base["first_received"])
    return {**grow(kind, base, copy), "node": node}
