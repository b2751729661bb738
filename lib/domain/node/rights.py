"""Rights over nodes: the permission to edit a node (kernelci.md 7)."""

from __future__ import annotations

from lib.domain.account.access import Actor
from lib.domain.node.node import Node
from lib.errors import NotEditable

EDIT_ANY_GROUP = "node:edit:any"


def may_edit(actor: Actor, node: Node) -> bool:
    """Whether the actor may change this node: its owner, a superuser, or a member of a group that grants it."""
    if actor.is_superuser or actor.username == node.owner or EDIT_ANY_GROUP in actor.groups:
        return True
    if not actor.groups.isdisjoint(node.user_groups):
        return True
    runtime = (node.data or {}).get("runtime")
    return runtime is not None and not actor.groups.isdisjoint(
        (f"runtime:{runtime}:node-editor", f"runtime:{runtime}:node-admin")
    )


def require_edit(actor: Actor, node: Node) -> None:
    """Raise NotEditable for an actor without the right to change this node."""
    if not may_edit(actor, node):
        raise NotEditable("Unauthorized to complete the operation")
