"""Who may do what: the actor of a request and the rules of editing (kernelci.md 7)."""

from __future__ import annotations

from dataclasses import dataclass, field

from lib.domain.node import Node
from lib.errors import NotEditable

EDIT_ANY_GROUP = "node:edit:any"


@dataclass(frozen=True, slots=True)
class Actor:
    """An authenticated, active user as the rules see them."""

    id: str
    username: str
    email: str = ""
    is_superuser: bool = False
    is_verified: bool = False
    groups: frozenset[str] = field(default_factory=frozenset)
    origins: frozenset[str] = field(default_factory=frozenset)
    """Whose results a submitter's token may tell (kcidb.md 2.5)."""


ORIGIN_GROUP = "kcidb:origin:"
"""Begins the name of a group whose members may submit for an origin."""


ANY_ORIGIN = "*"


def may_submit(actor: Actor, origin: str) -> bool:
    """Whether the actor may tell results of this origin: a superuser, whose token says so, or a member of its group."""
    if actor.is_superuser or ANY_ORIGIN in actor.origins:
        return True
    return origin in actor.origins or ORIGIN_GROUP + origin in actor.groups


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
    """Refuse an actor who may not change this node."""
    if not may_edit(actor, node):
        raise NotEditable("Unauthorized to complete the operation")
