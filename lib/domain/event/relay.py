"""The relay: carries committed events out, settles the relatives of their nodes, and empties the outbox.

Where the log notes by itself what was sent (`Store.start_sending`), the outbox holds what is to be settled and no more.

At home a pump thread calls `drain` whenever there is something; where no thread outlives a request, the request drains
inline. Whatever a crash leaves behind, `repair` (part of the sweep) finds in the outbox and does again.

The relay is no `Follower`: entries are done in any order, and each is dropped when it is done, so there is no position.
"""

from __future__ import annotations

import logging
import threading
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lib.domain.event.due import due, in_parts
from lib.domain.event.event import News, message
from lib.domain.query.source import pages
from lib.errors import Unavailable
from lib.messaging.port import Bus
from lib.store.port import Doc, Event, Store, Tx

log = logging.getLogger(__name__)

BATCH_MAX = 200
REPAIR_MAX = 2000
"""Most outbox entries one sweep repairs; the next one goes on."""
GRACE = timedelta(seconds=5)
"""Younger entries are still in the hands of the process that wrote them."""


@dataclass(slots=True)
class Relay:
    """Publishes what was committed, at least once, in the order of the log. `is_noting`: the log notes what was
    sent."""

    store: Store
    bus: Bus
    is_noting: bool = False
    inline: bool = True
    settle: Callable[[Sequence[str]], None] = field(init=False)
    """Settles the relatives of nodes. Given last of all: what settles writes to the ledger, which hands over to `take`.
    """
    _waiting: deque[News] = field(default_factory=deque)
    _ready: threading.Event = field(default_factory=threading.Event)

    def take(self, news: Sequence[News]) -> None:
        """Remember what was just committed; carry it out now if nothing else will."""
        self._waiting.extend(news)
        if self.inline:
            self._drain_safely()
        else:
            self._ready.set()

    def pump(self, stop: threading.Event) -> None:
        """Drain whenever something waits, until `stop` is set: the body of the pump thread."""
        self.inline = False
        while not stop.is_set():
            if self._ready.wait(timeout=0.5):
                self._ready.clear()
                self._drain_safely()
        self._drain_safely()

    def _drain_safely(self) -> None:
        try:
            self.drain()
        except Exception:
            # The commit stands, and the pump must outlive any fault; what was held stays in the outbox.
            log.exception("outbox: left to the sweep")

    def drain(self) -> None:
        """Carry out everything taken so far. What fails stays in the outbox, or noted in the log, for `repair`."""
        if self.is_noting:
            try:
                self.store.send(self._publish)
            except Unavailable as error:
                log.warning("log: events stay for the sweep to send: %s", error)
        while self._waiting:
            batch: list[News] = []
            while self._waiting and len(batch) < BATCH_MAX:
                batch.append(self._waiting.popleft())
            try:
                self._carry(batch)
            except Unavailable as error:
                log.warning("outbox: %d entries stay for the sweep: %s", len(batch), error)

    def repair(self, now: datetime, grace: timedelta = GRACE) -> int:
        """Carry out what a crash left in the log or the outbox; gives the number of entries done. A lone process that
        starts has no others to give a grace to."""
        before = now - grace
        done = sum(
            in_parts([_news_of(doc) for doc in docs], self._carry, lambda news: f"outbox entry {news.key}")
            for docs in pages(self.store, "outbox", due(before, BATCH_MAX, "at"), REPAIR_MAX // BATCH_MAX)
        )
        # Last, for it needs the bus, and settling does not.
        return done + self.store.repair(before, self._publish if self.is_noting else None)

    def finish(self, key: str) -> bool:
        """Do what is left to do for an event that the bus has brought back, so that was carried out: settle and forget
        it. Whether anything was left."""
        doc = self.store.load("outbox", key)
        if doc is None:
            return False
        if doc.body["settle"] is not None:
            self.settle([doc.body["settle"]])
        self.store.transact(lambda tx: tx.drop("outbox", key))
        return True

    def _publish(self, events: Sequence[Event]) -> None:
        self.bus.publish([message(e) for e in events])

    def _carry(self, batch: Sequence[News]) -> int:
        if not self.is_noting:
            docs = [d for d in self.store.load_many("event", [e.key for e in batch]) if d is not None]
            events = [Event(d.body["seq"], d.body["channel"], d.body["at"], d.key, d.body) for d in docs]
            self._publish(sorted(events, key=lambda e: e.seq))
        self.settle([e.settle for e in batch if e.settle is not None])

        def forget(tx: Tx) -> None:
            for entry in batch:
                tx.drop("outbox", entry.key)

        self.store.transact(forget)
        return len(batch)


def _news_of(entry: Doc) -> News:
    return News(entry.body["channel"], entry.key, None, entry.body["settle"])
