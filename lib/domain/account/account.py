"""Accounts: user records, groups, logging in (kernelci.md 2.2, 4.3 and 8)."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any, NamedTuple

from lib.auth.port import Auth
from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.account.recent import Recent
from lib.domain.query.query import Filter, Query
from lib.domain.query.search import Searcher
from lib.errors import Coded, Conflict, Exists, Invalid, NotFound
from lib.ids import Ids
from lib.store.port import Body, Doc, Scan, Store, Tx, Where

PASSWORD_CHARS_MAX = 1024
GROUP_CHARS_MAX = 200
MEMBERS_AT_ONCE = 100
TOKENS_MAX = 100
"""Most tokens of a user (`token`)."""


class Group(NamedTuple):
    """A named set of users."""

    id: str
    name: str


class FederatedLogin(NamedTuple):
    """A user whom another authority vouches for, and what it grants beside what the record says."""

    id: str
    groups: frozenset[str]
    is_superuser: bool


@dataclass(slots=True)
class User:
    """A user record. `groups` are copies of the group records; `username` and folded `email` are unique. `authority`
    names who else vouches for the user, "" for nobody."""

    id: str
    username: str
    email: str
    hashed_password: str
    received_at: str
    is_active: bool = True
    is_superuser: bool = False
    is_verified: bool = False
    groups: list[dict[str, str]] = field(default_factory=list)
    authority: str = ""

    def as_actor(self) -> Actor:
        names = frozenset(g["name"] for g in self.groups)
        return Actor(self.id, self.username, self.email, self.is_superuser, self.is_verified, names)


_NAMES = tuple(User.__dataclass_fields__)


def to_body(user: User) -> Body:
    derived = {"email_folded": user.email.casefold(), "group_names": [g["name"] for g in user.groups]}
    return {**{name: getattr(user, name) for name in _NAMES}, **derived}


def from_body(body: Body) -> User:
    return User(**{name: body[name] for name in _NAMES if name in body})


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
    vouch: Callable[[str, datetime], FederatedLogin | None] | None = None
    """Tells the users of another authority by their tokens."""
    _actors: Recent[Actor | None] = field(default_factory=Recent)

    def login(self, username: str, password: str, now: datetime) -> str:
        """A token for a user. Raises Coded with the wire's constant when the pair is wrong or the user unverified."""
        user = self.by_name(username)
        hashed = user.hashed_password if user is not None else ""
        if not self.auth.verify(password[:PASSWORD_CHARS_MAX], hashed) or user is None or not user.is_active:
            raise Coded("LOGIN_BAD_CREDENTIALS")
        if not user.is_verified:
            raise Coded("LOGIN_USER_NOT_VERIFIED")
        if self.auth.is_outdated(hashed):
            self._rehash(user.id, self.auth.hash(password))
        return self.auth.mint(user.id, now)

    def actor_of(self, token: str, now: datetime) -> Actor | None:
        """The user whose session a token is; None for a token not in force or a user gone or inactive."""
        claims = self.auth.check(token, now)
        if claims is not None:
            return self.actor(str(claims["sub"]), now)
        vouched = self.vouch(token, now) if self.vouch is not None else None
        actor = None if vouched is None else self.actor(vouched.id, now)
        if vouched is None or actor is None:
            return None
        is_superuser = actor.is_superuser or vouched.is_superuser
        return replace(actor, is_superuser=is_superuser, groups=actor.groups | vouched.groups)

    def actor(self, id: str, now: datetime) -> Actor | None:
        """The active user of an id. A change made here counts at once, one by another process within a second."""
        return self._actors.get(id, now, self._read_actor)

    def _read_actor(self, id: str) -> Actor | None:
        user = self.get(id)
        return user.as_actor() if user is not None and user.is_active else None

    def get(self, id: str) -> User | None:
        """The user, or None."""
        try:
            doc = self.store.load("user", id)
        except Invalid:
            return None
        return None if doc is None else from_body(doc.body)

    def by_name(self, username: str) -> User | None:
        """The user of this name, or None."""
        return self._holder(unique_key("username", username))

    def by_email(self, email: str) -> User | None:
        """The user of this address, however it is written, or None."""
        return self._holder(unique_key("email", email.casefold()))

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
        """A new user. Raises Exists for a username that is taken, Coded for an email that is.

        A former username may be given anew here, and only here: nodes name their owner by it, so whoever takes it owns
        what it left.
        """
        if not username:
            raise Invalid("username", "must not be empty")
        hashed = self.auth.hash(_checked_password(password))
        id = self.ids.record(now)
        name_key, email_key = unique_key("username", username), unique_key("email", email.casefold())

        def work(tx: Tx) -> User:
            taken = tx.load_many("unique", [name_key, email_key])
            former = taken[0] is not None and taken[0].body.get("is_former", False)
            if taken[0] is not None and not former:
                raise Exists(f"Username already exists: {username}")
            if taken[1] is not None:
                raise Coded("REGISTER_USER_ALREADY_EXISTS")
            held = _groups(tx, groups)
            user = User(
                id=id, username=username, email=email, hashed_password=hashed, received_at=stamp(now),
                is_superuser=is_superuser, is_verified=is_verified, groups=held,
            )  # fmt: skip
            (tx.save if former else tx.create)("unique", name_key, {"id": id})
            tx.create("unique", email_key, {"id": id})
            tx.create("user", id, to_body(user))
            return user

        return self.store.transact(work)

    def edit(self, id: str, changes: Mapping[str, Any], check: Callable[[User], None] | None = None) -> User:
        """Change a user's `username`, `email`, `password`, flags or `groups` (names; replaces the set).

        Raises NotFound, Invalid for an unknown group, Exists for a name that is taken, Coded for an email that is.
        A new email is not verified, unless the change says so. `check` may refuse, of the user as it is then.
        """
        changes = dict(changes)
        password = changes.pop("password", None)
        hashed = None if password is None else self.auth.hash(_checked_password(password))
        names = changes.pop("groups", None)

        def work(tx: Tx) -> User:
            doc = tx.load("user", id)
            if doc is None:
                raise NotFound("user", id)
            user = from_body(doc.body)
            if check is not None:
                check(user)
            if hashed is not None and user.authority:
                raise Invalid("password", f"is kept by {user.authority}, not here")
            held = None if names is None else _groups(tx, names)
            claims = _Claims(tx, id)
            name, email = changes.get("username", user.username), changes.get("email", user.email)
            claims.move("username", user.username, name, Exists(f"Username already exists: {name}"))
            claims.move("email", user.email.casefold(), email.casefold(), Coded("UPDATE_USER_EMAIL_ALREADY_EXISTS"))
            if email.casefold() != user.email.casefold():
                changes.setdefault("is_verified", False)
            for field_name, value in changes.items():
                setattr(user, field_name, value)
            user.hashed_password = hashed or user.hashed_password
            user.groups = user.groups if held is None else held
            tx.save("user", id, to_body(user))
            claims.write()
            return user

        edited = self.store.transact(work)
        self._actors.forget(id)
        return edited

    def update_password(self, username: str, password: str, new_password: str) -> None:
        """Change a password, knowing the old one. Raises Coded when the pair is wrong."""
        user = self.by_name(username)
        hashed = user.hashed_password if user is not None else ""
        if not self.auth.verify(password[:PASSWORD_CHARS_MAX], hashed) or user is None or not user.is_active:
            raise Coded("LOGIN_BAD_CREDENTIALS")
        self.edit(user.id, {"password": new_password})

    def delete(self, id: str) -> None:
        """Remove a user and the user's tokens; what the user submitted stays. Raises NotFound."""

        def work(tx: Tx) -> None:
            doc = tx.load("user", id)
            if doc is None:
                raise NotFound("user", id)
            name_key = unique_key("username", doc.body["username"])
            tx.load("unique", name_key)
            tokens = tx.find("token", Scan((Where("user", "==", id),), limit=TOKENS_MAX)).docs
            for token in tokens:
                tx.drop("token", token.key)
            tx.drop("user", id)
            tx.save("unique", name_key, {"id": id, "is_former": True})
            tx.drop("unique", unique_key("email", doc.body["email_folded"]))

        self.store.transact(work)
        self._actors.forget(id)

    def make_group(self, name: str, now: datetime) -> Group:
        """A new group. Raises Exists for a name that is taken."""
        if not 1 <= len(name) <= GROUP_CHARS_MAX:
            raise Invalid("name", f"has 1 to {GROUP_CHARS_MAX} characters")
        id = self.ids.record(now)
        key = unique_key("group", name)

        def work(tx: Tx) -> Group:
            if tx.load("unique", key) is not None:
                raise Exists(f"Group already exists with name: {name}")
            tx.create("unique", key, {"id": id})
            tx.create("group", id, {"id": id, "name": name, "received_at": stamp(now)})
            return Group(id, name)

        return self.store.transact(work)

    def group(self, id: str) -> Group | None:
        """The group, or None."""
        doc = self.store.load("group", id)
        return None if doc is None else Group(id, doc.body["name"])

    def find_groups(self, query: Query) -> list[Doc]:
        """Groups of a page, oldest first."""
        return self.search.find("group", query)

    def count_groups(self, filters: tuple[Filter, ...]) -> int:
        return self.search.count("group", filters)

    def delete_group(self, id: str, *, leave: bool = False) -> None:
        """Remove a group. Raises NotFound, and Conflict while a user has it, unless `leave` takes it from them."""
        group = self.group(id)
        if group is None:
            raise NotFound("group", id)
        where = (Where("group_names", "contains", group.name),)
        if self.store.count("user", where) and not leave:
            raise Conflict(f"The group is assigned to users: {group.name}")
        while members := self.store.find("user", Scan(where, "received_at", MEMBERS_AT_ONCE)).docs:
            for doc in members:
                self.edit(doc.key, {"groups": [g["name"] for g in doc.body["groups"] if g["name"] != group.name]})

        def work(tx: Tx) -> None:
            tx.drop("group", id)
            tx.drop("unique", unique_key("group", group.name))

        self.store.transact(work)

    def _holder(self, key: str) -> User | None:
        claim = self.store.load("unique", key)
        return None if claim is None or claim.body.get("is_former") else self.get(claim.body["id"])

    def _rehash(self, id: str, hashed: str) -> None:
        def work(tx: Tx) -> None:
            doc = tx.load("user", id)
            if doc is not None:
                tx.save("user", id, {**doc.body, "hashed_password": hashed})

        self.store.transact(work)


def _checked_password(password: str) -> str:
    if not 1 <= len(password) <= PASSWORD_CHARS_MAX:
        raise Invalid("password", f"has 1 to {PASSWORD_CHARS_MAX} characters")
    return password


def _groups(tx: Tx, names: Sequence[str]) -> list[dict[str, str]]:
    """The copies of the groups of these names that a user record holds."""
    held = []
    for name, doc in zip(names, tx.load_many("unique", [unique_key("group", n) for n in names]), strict=True):
        if doc is None:
            raise Invalid("groups", f"User group does not exist with name: {name}")
        held.append({"id": doc.body["id"], "name": name})
    return held


class _Claims:
    """Moves of unique names, read first and written after, as a transaction wants it.

    A username that is given up stays claimed as a former one: nodes name their owner by it.
    """

    def __init__(self, tx: Tx, id: str) -> None:
        self._tx, self._id = tx, id
        self._writes: list[Callable[[], object]] = []

    def move(self, noun: str, old: str, new: str, taken: Exception) -> None:
        """Give up `old` for `new`; raises `taken` when another holds it, or held it."""
        if old == new:
            return
        tx, old_key, new_key = self._tx, unique_key(noun, old), unique_key(noun, new)
        held, _ = tx.load_many("unique", [new_key, old_key])
        if held is not None and held.body["id"] != self._id:
            raise taken
        claim = tx.create if held is None else tx.save
        self._writes.append(lambda: claim("unique", new_key, {"id": self._id}))
        if noun == "username":
            self._writes.append(lambda: tx.save("unique", old_key, {"id": self._id, "is_former": True}))
        else:
            self._writes.append(lambda: tx.drop("unique", old_key))

    def write(self) -> None:
        for write in self._writes:
            write()


def first_admin(accounts: Accounts, username: str, email: str, password: str, now: datetime) -> User | None:
    """The first administrator, made once; None when the name is taken already."""
    try:
        return accounts.register(username, email, password, now, is_superuser=True, is_verified=True)
    except (Exists, Coded):
        return None
