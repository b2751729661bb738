"""The actor of a request, what its token permits, and whose results it may submit (kernelci.md 7, kcidb.md 2.5)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

ORIGIN_GROUP = "kcidb:origin:"
"""Begins the name of a group whose members may submit for an origin."""
ANY_ORIGIN = "*"
ADMIN = "ops:admin"
SUBMIT = "kcidb:submit:"
"""Begins a scope that ends with an origin."""

SCOPES: Mapping[str, str] = {
    "read": "read what is not public: users, watches, one's own tokens",
    "nodes:write": "create and change nodes",
    "events": "subscribe and publish, lists, key-value pairs, telemetry",
    f"{SUBMIT}<origin>": "submit results of this origin to KCIDB; `*` stands for every origin",
    "kcidb:watch": "make and end watches",
    "lava:submit": "submit jobs in LAVA's manner (no route takes them yet)",
    ADMIN: "everything, as a superuser if the owner is one",
}
"""What each scope of a token permits, within what its owner may do. `wire.Route.scope` says which one a route needs."""


def scope_of(held: str) -> str:
    """The line of SCOPES that a token's scope belongs to, if any."""
    return f"{SUBMIT}<origin>" if held.startswith(SUBMIT) else held


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
    """Whose results a token may tell, beside those of its owner's groups (kcidb.md 2.5)."""
    token_id: str = ""
    """The stored token that the actor acts by; "" for a session."""
    scopes: frozenset[str] = field(default_factory=frozenset)
    """What that token is restricted to; none for everything but the powers of a superuser."""

    def permits(self, scope: str) -> bool:
        """Whether the actor's token opens routes of this scope; "" is in none."""
        return not self.scopes or any(scope_of(held) in (scope, ADMIN) for held in self.scopes)

    def by_token(self, token_id: str, scopes: frozenset[str]) -> Actor:
        """This user, acting by a token."""
        if ADMIN in scopes:
            return replace(self, token_id=token_id, scopes=scopes)
        origins = frozenset(scope.removeprefix(SUBMIT) for scope in scopes if scope.startswith(SUBMIT))
        is_for_all = not scopes or ANY_ORIGIN in origins
        groups = frozenset(
            name for name in self.groups
            if is_for_all or not name.startswith(ORIGIN_GROUP) or name.removeprefix(ORIGIN_GROUP) in origins
        )  # fmt: skip
        # A superuser may submit for every origin, so the scope alone says for which.
        granted = origins if self.is_superuser else frozenset()
        return replace(self, is_superuser=False, groups=groups, origins=granted, token_id=token_id, scopes=scopes)


def may_submit(actor: Actor, origin: str) -> bool:
    """Whether the actor may tell results of this origin: a superuser, whose token says so, or a member of its group."""
    if actor.is_superuser or ANY_ORIGIN in actor.origins:
        return True
    return origin in actor.origins or ORIGIN_GROUP + origin in actor.groups
