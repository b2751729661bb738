"""Accounts: user records, groups, logging in (kernelci.md 2.2, 4.3 and 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lib.auth.port import Auth
from lib.clock import stamp
from lib.domain.access import Actor
from lib.domain.query import Filter, Query, Searcher
from lib.errors import Coded, Conflict, Exists, Invalid
from lib.ids import Ids
from lib.store.port import Body, Doc, Store, Tx

PASSWORD_CHARS_MAX = 1024


class Group(NamedTuple):
    """A named set of users."""

    id: str
    name: str


@dataclass(slots=True)
class User:
    """A user record. `groups` are copies of the group records; `username` and folded `email` are unique."""

    id: str
    username: str
    email: str
    hashed_password: str
    received_at: str
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = False
    groups: list[dict[str, str]] = field(default_factory=list)

    def as_actor(self) -> Actor:
        names = frozenset(g["name"] for g in self.groups)
        return Actor(self.id, self.username, self.email, self.is_superuser, self.is_verified, names)


_NAMES = tuple(User.__dataclass_fields__)


def to_body(user: User) -> Body:
    return {**{name: getattr(user, name) for name in _NAMES}, "email_folded": user.email.casefold()}


def from_body(body: Body) -> User:
    return User(**{name: body[name] for name in _NAMES})


def unique_key(noun: str, value: str) -> str:
    """The key under which a name is claimed: hashed, since names may hold what keys may not."""
    return f"{noun}:{hashlib.sha256(value.encode()).hexdigest()}"


@dataclass(slots=True)
class Accounts:
    """Log in, tell who a token is, register users, make groups."""

    store: Store
    auth: Auth
    search: Searcher
    ids: Ids

    def login(self, username: str, password: str, now: datetime) -> str:
        """A token for a user. Raises Coded with the wire's constant when the pair is wrong or the user unverified."""
        user = self._by_name(username)
        hashed = user.hashed_password if user is not None else ""
        if not self.auth.verify(password[:PASSWORD_CHARS_MAX], hashed) or user is None or not user.is_active:
            raise Coded("LOGIN_BAD_CREDENTIALS")
        if not user.is_verified:
            raise Coded("LOGIN_USER_NOT_VERIFIED")
        if self.auth.is_outdated(hashed):
            self._rehash(user.id, self.auth.hash(password))
        return self.auth.mint(user.id, now)

    def actor_of(self, token: str, now: datetime) -> Actor | None:
        """Who a token stands for; None for a token not in force or a user gone or inactive."""
        claims = self.auth.check(token, now)
        if claims is None:
            return None
        user = self.get(str(claims["sub"]))
        return user.as_actor() if user is not None and user.is_active else None

    def get(self, id: str) -> User | None:
        """The user, or None."""
        try:
            doc = self.store.load("user", id)
        except Invalid:
            return None
        return None if doc is None else from_body(doc.body)

    def find(self, query: Query) -> list[Doc]:
        """Users of a page, oldest first."""
        return self.search.find("user", query)

    def count(self, filters: tuple[Filter, ...]) -> int:
        return self.search.count("user", filters)

    def register(
        self,
        username: str,
        email: str,
        password: str,
        now: datetime,
        *,
        is_superuser: bool = False,
        is_verified: bool = False,
        groups: Sequence[str] = (),
    ) -> User:
        """A new user. Raises Conflict-like refusals the KernelCI way: Invalid for the name, Coded for the email."""
        if not username or not password:
            raise Invalid("username" if not username else "password", "must not be empty")
        if len(password) > PASSWORD_CHARS_MAX:
            raise Invalid("password", f"at most {PASSWORD_CHARS_MAX} characters")
        hashed = self.auth.hash(password)
        id = self.ids.record(now)
        name_key, email_key = unique_key("username", username), unique_key("email", email.casefold())
        group_keys = [unique_key("group", name) for name in groups]

        def work(tx: Tx) -> User:
            taken = tx.load_many("unique", [name_key, email_key, *group_keys])
            if taken[0] is not None:
                raise Exists(f"Username already exists: {username}")
            if taken[1] is not None:
                raise Coded("REGISTER_USER_ALREADY_EXISTS")
            held = []
            for name, doc in zip(groups, taken[2:], strict=True):
                if doc is None:
                    raise Invalid("groups", f"User group does not exist with name: {name}")
                held.append({"id": doc.body["id"], "name": name})
            user = User(
                id=id, username=username, email=email, hashed_password=hashed, received_at=stamp(now),
                is_superuser=is_superuser, is_verified=is_verified, groups=held,
            )  # fmt: skip
            tx.create("unique", name_key, {"id": id})
            tx.create("unique", email_key, {"id": id})
            tx.create("user", id, to_body(user))
            return user

        return self.store.transact(work)

    def make_group(self, name: str, now: datetime) -> Group:
        """A new group. Raises Exists for a name that is taken."""
        id = self.ids.record(now)
        key = unique_key("group", name)

        def work(tx: Tx) -> Group:
            if tx.load("unique", key) is not None:
                raise Exists(f"Group already exists with name: {name}")
            tx.create("unique", key, {"id": id})
            tx.create("group", id, {"id": id, "name": name, "received_at": stamp(now)})
            return Group(id, name)

        return self.store.transact(work)

    def _by_name(self, username: str) -> User | None:
        claim = self.store.load("unique", unique_key("username", username))
        return None if claim is None else self.get(claim.body["id"])

    def _rehash(self, id: str, hashed: str) -> None:
        def work(tx: Tx) -> None:
            doc = tx.load("user", id)
            if doc is not None:
                tx.save("user", id, {**doc.body, "hashed_password": hashed})

        self.store.transact(work)


def first_admin(accounts: Accounts, username: str, email: str, password: str, now: datetime) -> User | None:
    """The first administrator, made once; None when the name is taken already."""
    try:
        return accounts.register(username, email, password, now, is_superuser=True, is_verified=True)
    except (Exists, Conflict, Coded):
        return None
