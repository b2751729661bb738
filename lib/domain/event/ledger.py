"""The ledger: a record and the news of it are one write.

Every verb that changes anything goes through `write`: its work and the events it tells of are committed as one. What is
still to be done after the commit has a small outbox entry that lives until then: the sending of an event, where neither
the log itself is all the carrying there is nor notes what was sent, and the settling of its node's relatives.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar

from lib.clock import stamp
from lib.domain.event.event import News
from lib.errors import Conflict, Invalid
from lib.messaging.port import Bus
from lib.store.port import Store, Tx

T = TypeVar("T")


ONCE_KEY_CHARS_MAX = 200
ONCE_KEPT = timedelta(hours=24)
"""How long the reply of a request with an idempotency key is kept."""


@dataclass(frozen=True, slots=True)
class Once:
    """A request that may be repeated and is to be done once: who sent what under which key.

    `encode` makes the reply that is kept from the result, and so is given again for a repetition.
    """

    key: str
    digest: str
    encode: Callable[[Any], str]

    @staticmethod
    def of(actor_id: str, method: str, path: str, key: str, body: bytes, encode: Callable[[Any], str]) -> Once:
        """The record key of an actor, method, path and key, with the digest of the body."""
        if not 1 <= len(key) <= ONCE_KEY_CHARS_MAX:
            raise Invalid("Idempotency-Key", f"has 1 to {ONCE_KEY_CHARS_MAX} characters")
        whole = "\0".join((actor_id, method, path, key))
        return Once(hashlib.sha256(whole.encode()).hexdigest(), hashlib.sha256(body).hexdigest(), encode)


class Done(Exception):
    """The request was done before; `reply` is what it was answered."""

    def __init__(self, reply: str) -> None:
        super().__init__("done before")
        self.reply = reply


@dataclass(slots=True)
class Ledger:
    """Writes to the store, wakes those who wait, and hands the news to the relay. `is_noting`: the log notes what was
    sent (`Store.start_sending`)."""

    store: Store
    bus: Bus
    hand_over: Callable[[Sequence[News]], None]
    is_noting: bool = False

    def write(self, now: datetime, work: Callable[[Tx], tuple[T, Sequence[News]]], once: Once | None = None) -> T:
        """Run `work` in a transaction; it gives its result and what is to be told. Raises what `work` raises.

        With `once`, a repetition of a request that was done raises Done, and another body under its key Conflict.
        """
        at = stamp(now)

        def whole(tx: Tx) -> tuple[T, Sequence[News]]:
            if once is not None:
                refuse_repetition(tx, once)
            result, news = work(tx)
            if once is not None:
                reply = {"digest": once.digest, "reply": once.encode(result), "expires_at": stamp(now + ONCE_KEPT)}
                tx.create("idempotency", once.key, reply)
            for item in news:
                if item.body is not None:
                    tx.append(item.channel, item.key, item.body)
            for item in self._left(news):
                tx.create("outbox", item.key, {"at": at, "channel": item.channel, "settle": item.settle})
            return result, news

        result, news = self.store.transact(whole)
        for channel in {item.channel for item in news}:
            self.bus.wake(channel)
        left = self._left(news)
        if left or (news and self.is_noting):
            self.hand_over(left)
        return result

    def _left(self, news: Sequence[News]) -> Sequence[News]:
        """What the outbox is to remember until it is done."""
        if self.bus.carries and not self.is_noting:
            return news
        return [n for n in news if n.settle is not None]


def refuse_repetition(reader: Tx | Store, once: Once) -> None:
    """Raise Done for a request that was done before, Conflict for another one under its key."""
    doc = reader.load("idempotency", once.key)
    if doc is None:
        return
    if doc.body["digest"] != once.digest:
        raise Conflict("the Idempotency-Key was used before, with another body")
    raise Done(doc.body["reply"])
