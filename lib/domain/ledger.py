"""The ledger: a record and the news of it are one write.

Every verb that changes anything goes through `write`: its work and the events it tells of are committed as one, each
event with a small outbox entry that lives until the event was carried out and its node's relatives were settled.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TypeVar

from lib.clock import stamp
from lib.domain.event import News
from lib.messaging.port import Bus
from lib.store.port import Store, Tx

T = TypeVar("T")


@dataclass(slots=True)
class Ledger:
    """Writes to the store, wakes those who wait, and hands the news to the relay."""

    store: Store
    bus: Bus
    hand_over: Callable[[Sequence[News]], None]

    def write(self, now: datetime, work: Callable[[Tx], tuple[T, Sequence[News]]]) -> T:
        """Run `work` in a transaction; it gives its result and what is to be told. Raises what `work` raises."""
        at = stamp(now)

        def whole(tx: Tx) -> tuple[T, Sequence[News]]:
            result, news = work(tx)
            for item in news:
                if item.body is not None:
                    tx.append(item.channel, item.key, item.body)
                tx.create("outbox", item.key, {"at": at, "channel": item.channel, "settle": item.settle})
            return result, news

        result, news = self.store.transact(whole)
        for channel in {item.channel for item in news}:
            self.bus.wake(channel)
        if news:
            self.hand_over(news)
        return result
