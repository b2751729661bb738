"""What tests are built from: a clock that stands, ids that count, a bus that remembers, an auth without crypto, a
client of the edge, and named nodes.

The node builders give bodies as a client would POST them, which are drafts as well.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import unquote, urlencode

from functions.edge.http import Edge
from functions.edge.pattern import PATTERNS, parse
from lib.auth.port import Claims, Purpose
from lib.dialects.wire import Reply, Request, Wait
from lib.domain.account.access import Actor
from lib.domain.account.account import Accounts
from lib.domain.hub import Hub
from lib.ids import Ids
from lib.messaging.port import Message, Wake
from lib.store.port import Tx

NOW = datetime(2024, 2, 1, 9, 58, 28, 479138, UTC)


class FixedClock:
    """A clock that stands still until it is advanced."""

    delta = timedelta

    def __init__(self, now: datetime = NOW) -> None:
        self._now = now

    def __call__(self) -> datetime:
        return self._now

    def advance(self, **by: float) -> datetime:
        self._now += timedelta(**by)
        return self._now


class CountedIds(Ids):
    """Ids in order: `000000000000000000000001`, `00000000-0000-4000-8000-000000000001`, …"""

    def __init__(self) -> None:
        self._records = itertools.count(1)
        self._events = itertools.count(1)

    def record(self, now: datetime) -> str:
        return f"{next(self._records):024x}"

    def event(self) -> str:
        return f"00000000-0000-4000-8000-{next(self._events):012x}"


class RecordingBus:
    """A bus that keeps the published messages in memory."""

    carries = True

    def __init__(self) -> None:
        self.published: list[Message] = []
        self.woken: list[str] = []
        self._watchers: list[Wake] = []

    def publish(self, messages: Sequence[Message]) -> None:
        self.published.extend(messages)

    def wake(self, channel: str) -> None:
        self.woken.append(channel)
        for watcher in list(self._watchers):
            watcher(channel)

    def watch(self, wake: Wake) -> Callable[[], None]:
        self._watchers.append(wake)
        return lambda: self._watchers.remove(wake)

    def close(self) -> None:
        pass


class PlainAuth:
    """The auth port without crypto: a hash shows its password, a token its subject and its end."""

    def hash(self, password: str) -> str:
        return f"plain:{password}"

    def verify(self, password: str, hashed: str) -> bool:
        return hashed == f"plain:{password}"

    def is_outdated(self, hashed: str) -> bool:
        return not hashed.startswith("plain:")

    def mint(self, subject: str, now: datetime, expires_s: int | None = None) -> str:
        end = "never" if expires_s is None else f"{now.timestamp() + expires_s:.0f}"
        return f"token.{subject}.{end}"

    def check(self, token: str, now: datetime) -> Mapping[str, Any] | None:
        parts = token.split(".")
        if len(parts) != 3 or parts[0] != "token":
            return None
        return {"sub": parts[1]} if parts[2] == "never" or float(parts[2]) > now.timestamp() else None

    def vouch(self, origins: Sequence[str], now: datetime, expires_s: int, name: str) -> str:
        claims = {"origin": list(origins), "jti": name}
        return f"submitter-token.{json.dumps([now.timestamp() + expires_s, claims]).encode().hex()}"

    def vouched(self, token: str, now: datetime) -> Claims | None:
        kind, _, packed = token.partition(".")
        if kind != "submitter-token":
            return None
        ends, claims = json.loads(bytes.fromhex(packed))
        return {**claims, "origin": tuple(claims["origin"])} if now.timestamp() < ends else None

    def seal(self, purpose: Purpose, claims: Claims, now: datetime, expires_s: int) -> str:
        return f"{purpose}-token.{json.dumps([now.timestamp() + expires_s, claims]).encode().hex()}"

    def unseal(self, purpose: Purpose, token: str, now: datetime) -> Claims | None:
        kind, _, packed = token.partition(".")
        if kind != f"{purpose}-token":
            return None
        ends, claims = json.loads(bytes.fromhex(packed))
        return claims if now.timestamp() < ends else None


def register(accounts: Accounts, name: str, now: datetime = NOW, **more: Any) -> Actor:
    """A verified user of this name, whose password is its name, as an actor."""
    values = {"is_verified": True, **more}
    return accounts.register(name, f"{name}@kernelci.org", name, now, **values).as_actor()


def deactivate(hub: Hub, id: str) -> None:
    """Deactivate a user."""

    def work(tx: Tx) -> None:
        doc = tx.load("user", id)
        assert doc is not None
        tx.save("user", id, {**doc.body, "is_active": False})

    hub.store.transact(work)


def fill(path: str) -> str:
    """A path that a template stands for, and no closer one: a parameter without a pattern gets what fits none."""
    parts = (part if isinstance(part, str) else _value(part.pattern) for part in parse(path))
    return "".join(f"/{part}" for part in parts)


def _value(pattern: str) -> str:
    return PATTERNS[pattern].example if pattern in PATTERNS else "some-thing"


class Client:
    """Speaks to the edge as a shell would: whole replies, polls asked once and then answered by their idle reply."""

    def __init__(self, edge: Edge, clock: FixedClock) -> None:
        self.edge, self.clock = edge, clock
        self.waits: list[Wait] = []

    def send(
        self,
        method: str,
        target: str,
        *,
        token: str | None = None,
        json_body: Any = ...,
        form: Mapping[str, str] | None = None,
        body: bytes = b"",
        headers: Mapping[str, str] = {},
        completes: bool = True,
    ) -> Reply:
        path, _, query_string = target.partition("?")
        sent = {k.lower(): v for k, v in headers.items()}
        if token is not None:
            sent.setdefault("authorization", f"Bearer {token}")
        if json_body is not ...:
            body = json.dumps(json_body).encode()
            sent.setdefault("content-type", "application/json")
        if form is not None:
            body = urlencode(form).encode()
            sent.setdefault("content-type", "application/x-www-form-urlencoded")
        now = self.clock()
        request = Request(method, unquote(path), query_string, sent, body, now, "test", "http://hub")
        answer = self.edge.answer(request)
        if isinstance(answer, Wait):
            self.waits.append(answer)
            answer = answer.poll(now) or answer.otherwise()
        return finish(answer) if completes else answer


def finish(reply: Reply) -> Reply:
    """Do what a shell does once the whole reply was handed over."""
    if not isinstance(reply.body, bytes):
        reply.body = b"".join(reply.body)
    if reply.on_sent is not None:
        reply.on_sent()
    if reply.after is not None:
        reply.after()
    return reply


Body = dict[str, Any]

REVISION: Body = {
    "tree": "mainline",
    "url": "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git",
    "branch": "master",
    "commit": "2a987e65025e2b79c6d453b78cb5985ac6e5eb26",
    "describe": "v5.16-rc4-31-g2a987e65025e",
}


def _named(kind: str, name: str, parent: Any, data: Body, more: Body) -> Body:
    above = getattr(parent, "path", None) or (parent["path"] if isinstance(parent, dict) else [])
    id = getattr(parent, "id", None) or (parent.get("id") if isinstance(parent, dict) else parent)
    body: Body = {"kind": kind, "name": name, "path": [*above, name], "data": data}
    return {**body, **({} if id is None else {"parent": id}), **more}


def checkout(**more: Any) -> Body:
    """A checkout of mainline."""
    return _named("checkout", "checkout", None, {"kernel_revision": dict(REVISION)}, more)


def kbuild(parent: Any = None, name: str = "kbuild-gcc-12-x86", **more: Any) -> Body:
    """A kernel build; `parent` is a node, its body, or its id."""
    data = {"kernel_revision": dict(REVISION), "arch": "x86_64", "compiler": "gcc-12", "defconfig": "defconfig"}
    return _named("kbuild", name, parent, data, {"group": name, **more})


def job(parent: Any = None, name: str = "baseline-x86", **more: Any) -> Body:
    """A job on a device."""
    data = {"platform": "qemu-x86", "runtime": "lava-collabora", "arch": "x86_64"}
    return _named("job", name, parent, data, {"group": name, **more})


def test_node(parent: Any = None, name: str = "login", **more: Any) -> Body:
    """A test of a job, done and passed."""
    return _named("test", name, parent, {}, {"state": "done", "result": "pass", **more})


test_node.__test__ = False  # type: ignore[attr-defined]
