"""Submitters: who may tell results of which origins, by tokens that can be revoked (kcidb.md 2.5 and 3.5)."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lib.auth.port import Auth, Claims
from lib.clock import stamp
from lib.domain.account.access import ORIGIN_GROUP, Actor
from lib.domain.account.recent import Recent
from lib.errors import Invalid
from lib.ids import Ids
from lib.store.port import Store, Tx

ORIGINS_MAX = 100
ORIGIN_CHARS_MAX = 100
NAME_CHARS_MAX = 200
_ORIGIN = re.compile(r"[a-z0-9_]+\Z", re.ASCII)


@dataclass(slots=True)
class Submitters:
    """Mint, tell and revoke the tokens of those who submit."""

    store: Store
    auth: Auth
    ids: Ids
    _revoked: Recent[bool] = field(default_factory=Recent)

    def mint(self, origins: Sequence[str], now: datetime, expires_s: int, name: str = "") -> str:
        """A token for these origins. Raises Invalid."""
        if not 1 <= len(origins) <= ORIGINS_MAX:
            raise Invalid("origin", f"name 1 to {ORIGINS_MAX}")
        for origin in origins:
            check_origin(origin)
        if len(name) > NAME_CHARS_MAX:
            raise Invalid("name", f"has at most {NAME_CHARS_MAX} characters")
        return self.auth.vouch(list(origins), now, expires_s, name or self.ids.record(now))

    def actor_of(self, token: str, now: datetime) -> Actor | None:
        """Whom a token lets submit; None for a token that is no submitter's, not in force, or revoked."""
        claims = self.auth.vouched(token, now)
        if claims is None:
            return None
        name = _name(claims, token)
        if self._revoked.get(name, now, self._is_revoked):
            return None
        return Actor(f"submitter:{name}", f"submitter:{name}", origins=frozenset(claims["origin"]))

    def named_by(self, text: str, now: datetime) -> str:
        """The name under which to revoke: of a token, if the text is one that is in force, else the text."""
        claims = self.auth.vouched(text, now)
        return text if claims is None else _name(claims, text)

    @staticmethod
    def origins_of(actor: Actor) -> frozenset[str]:
        """The origins an actor may submit for; a superuser for any beside them."""
        return actor.origins | {g.removeprefix(ORIGIN_GROUP) for g in actor.groups if g.startswith(ORIGIN_GROUP)}

    def revoke(self, name: str, now: datetime) -> None:
        """From now on the tokens of this name (of one that has none: `name_of` it) let nobody submit."""

        def work(tx: Tx) -> None:
            if tx.load("revocation", _key(name)) is None:
                tx.create("revocation", _key(name), {"name": name, "at": stamp(now)})

        self.store.transact(work)
        self._revoked.forget(name)

    def _is_revoked(self, name: str) -> bool:
        return self.store.load("revocation", _key(name)) is not None


def check_origin(origin: str, path: str = "origin") -> None:
    """Refuse what no object may have as its origin (kcidb.md 1.2)."""
    if not _ORIGIN.match(origin) or len(origin) > ORIGIN_CHARS_MAX:
        raise Invalid(path, "must be lower-case letters, digits and _, like `my_lab`")


def _name(claims: Claims, token: str) -> str:
    return str(claims.get("jti") or name_of(token))


def name_of(token: str) -> str:
    """The name of a token that was minted elsewhere, without one: of its digest."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def _key(name: str) -> str:
    return hashlib.sha256(name.encode("utf-8", "surrogatepass")).hexdigest()
