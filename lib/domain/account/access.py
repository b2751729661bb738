"""The actor of a request, and whose results it may submit (kernelci.md 7, kcidb.md 2.5)."""

from __future__ import annotations

from dataclasses import dataclass, field


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
