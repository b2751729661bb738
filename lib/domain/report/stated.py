"""Reports that a node of the hub tells of too: taken apart into what submissions tell and what the node does. Pure.

Submissions only ever add; a node changes, and what it told before counts no more. So its copy is no part of the joined
state but kept beside it, and put in anew whenever either changes.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from lib.domain.report.join import grow, of_copy
from lib.domain.report.order import verdict_of
from lib.store.port import Body


class NodeStatement(NamedTuple):
    """What a node tells of a report. `at` counts while it alone does."""

    rev: int
    id: str
    fields: dict[str, Any]
    at: str


def is_projected_only(body: Body) -> bool:
    """Whether a node alone tells of a report."""
    return "node" in body and "base" not in body["node"]


def split(body: Body) -> tuple[Body | None, NodeStatement | None]:
    """The report as the submissions alone make it, and what a node tells of it."""
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
