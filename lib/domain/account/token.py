"""Tokens: named secrets that act as their owner, restricted to scopes, until they expire or are revoked (docs/auth.md).

A secret is `trb_<id>_<random>`: `id` is the key of the record, `random` are 256 bits. The record holds a digest of the
secret.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field, replace
from datetime import datetime, timedelta

from lib.clock import stamp, unstamp
from lib.domain.account.access import ADMIN, ANY_ORIGIN, SCOPES, SUBMIT, Actor, scope_of
from lib.domain.account.account import TOKENS_MAX, Accounts
from lib.domain.account.recent import Recent
from lib.domain.account.submitter import check_origin
from lib.errors import Conflict, Forbidden, Invalid, NotFound
from lib.ids import Ids, is_node_id
from lib.store.port import Body, Scan, Store, Tx, Where

SECRET = re.compile(r"trb_([0-9a-f]{24})_[0-9a-f]{64}")
NAME_CHARS_MAX = 200
SCOPES_MAX = 100
LIFETIME_MAX = timedelta(days=3650)
USE_NOTED_EVERY = timedelta(hours=1)
PAGE = 500
_LIFETIME = re.compile(r"([1-9][0-9]{0,4})([hd])")
_UNITS = {"h": "hours", "d": "days"}


@dataclass(frozen=True, slots=True)
class Token:
    """A token's record; instants are canonical texts. No `scopes`: everything that its owner may do, but for the powers
    of a superuser."""

    id: str
    user_id: str
    name: str
    digest: str
    created_at: str
    scopes: tuple[str, ...] = ()
    expires_at: str | None = None
    last_used_at: str | None = None

    def is_of(self, secret: str, now: datetime) -> bool:
        """Whether it is in force and this is its secret."""
        is_genuine = hmac.compare_digest(self.digest, _digest(secret))
        return is_genuine and (self.expires_at is None or stamp(now) < self.expires_at)

    def is_use_news(self, now: datetime) -> bool:
        """Whether the last use that was written is so long ago that one at this instant is to be."""
        return self.last_used_at is None or now >= unstamp(self.last_used_at) + USE_NOTED_EVERY


@dataclass(slots=True)
class Tokens:
    """Make, list and revoke tokens, and find the actor of a secret."""

    store: Store
    accounts: Accounts
    ids: Ids
    _read: Recent[Token | None] = field(default_factory=Recent)

    def create(
        self, owner: Actor, name: str, scopes: Sequence[str], lifetime: str | None, now: datetime
    ) -> tuple[Token, str]:
        """A new token and its secret, which is not kept. `lifetime` is hours or days (`12h`, `90d`), None for no end.
        Raises Invalid, Conflict past TOKENS_MAX, and Forbidden for an owner who acts by a token: what leaks must not
        outlive its revocation."""
        if owner.token_id and not owner.is_superuser:
            raise Forbidden("A token makes no other token: log in")
        if not 1 <= len(name) <= NAME_CHARS_MAX or not name.isprintable():
            raise Invalid("name", f"has 1 to {NAME_CHARS_MAX} printable characters")
        if ADMIN in scopes and not owner.is_superuser:
            raise Invalid("scopes", f"{ADMIN} is for superusers")
        _check_scopes(scopes)
        expires_at = None if lifetime is None else stamp(now + _lifetime(lifetime))
        if self.store.count("token", _of(owner.id)) >= TOKENS_MAX:
            raise Conflict(f"a user has at most {TOKENS_MAX} tokens")
        id = self.ids.record(now)
        secret = f"trb_{id}_{secrets.token_hex(32)}"
        token = Token(id, owner.id, name, _digest(secret), stamp(now), tuple(dict.fromkeys(scopes)), expires_at)

        def work(tx: Tx) -> None:
            if tx.load("user", owner.id) is None:
                raise NotFound("user", owner.id)
            tx.create("token", id, _to_body(token))

        self.store.transact(work)
        return token, secret

    def actor_of(self, secret: str, now: datetime) -> Actor | None:
        """The owner of a token in force, with the rights that the token has; None for any other text."""
        found = SECRET.fullmatch(secret)
        token = None if found is None else self._read.get(found[1], now, self._load)
        if token is None or not token.is_of(secret, now):
            return None
        owner = self.accounts.actor(token.user_id, now)
        return None if owner is None else owner.by_token(token.id, frozenset(token.scopes))

    def is_use_news(self, id: str, now: datetime) -> bool:
        """Whether `note_use` would write. Reads nothing: the token was read for the request that asks."""
        token = self._read.peek(id)
        return token is not None and token.is_use_news(now)

    def note_use(self, id: str, now: datetime) -> None:
        """Write `last_used_at`, once in USE_NOTED_EVERY."""

        def work(tx: Tx) -> None:
            doc = tx.load("token", id)
            if doc is not None and _from_body(doc.body).is_use_news(now):
                tx.save("token", id, {**doc.body, "last_used_at": stamp(now)})

        self.store.transact(work)
        self._read.forget(id)

    def find(self, user_id: str) -> list[Token]:
        """A user's tokens, oldest first."""
        page = self.store.find("token", Scan(_of(user_id), "created_at", TOKENS_MAX))
        return [_from_body(doc.body) for doc in page.docs]

    def all(self) -> Iterator[Token]:
        """Every user's tokens, oldest first."""
        scan = Scan((), "created_at", PAGE)
        while True:
            page = self.store.find("token", scan)
            yield from (_from_body(doc.body) for doc in page.docs)
            if page.next is None:
                return
            scan = replace(scan, after=page.next)

    def revoke(self, id: str, actor: Actor | None = None) -> None:
        """Remove a token: the actor's own, or any for a superuser and for None. Raises NotFound."""

        def work(tx: Tx) -> None:
            doc = tx.load("token", id) if is_node_id(id) else None
            if doc is None or not (actor is None or actor.is_superuser or doc.body["user_id"] == actor.id):
                raise NotFound("token", id)
            tx.drop("token", id)

        self.store.transact(work)
        self._read.forget(id)

    def _load(self, id: str) -> Token | None:
        doc = self.store.load("token", id)
        return None if doc is None else _from_body(doc.body)


def _check_scopes(scopes: Sequence[str]) -> None:
    if len(scopes) > SCOPES_MAX:
        raise Invalid("scopes", f"are at most {SCOPES_MAX}")
    for scope in scopes:
        if scope_of(scope) not in SCOPES:
            raise Invalid("scopes", f"there is no scope {scope[:100]!r}; there are {', '.join(SCOPES)}")
        if (origin := scope.removeprefix(SUBMIT)) not in (scope, ANY_ORIGIN):
            check_origin(origin, "scopes")


def _lifetime(text: str) -> timedelta:
    found = _LIFETIME.fullmatch(text)
    lifetime = timedelta(**{_UNITS[found[2]]: int(found[1])}) if found is not None else timedelta.max
    if lifetime > LIFETIME_MAX:
        raise Invalid("expires", f"is hours or days, at most {LIFETIME_MAX.days} days, like 12h or 90d")
    return lifetime


def _of(user_id: str) -> tuple[Where, ...]:
    return (Where("user", "==", user_id),)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _to_body(token: Token) -> Body:
    return {**asdict(token), "scopes": list(token.scopes)}


def _from_body(body: Body) -> Token:
    return Token(**{**body, "scopes": tuple(body["scopes"])})
