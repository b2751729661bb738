"""Subscriptions: a stored cursor into one channel's log, so that any process serves any poll.

Each poll takes a ticket. An event counts as delivered only to the latest ticket whose response was handed over whole;
listening again acknowledges it. So a poll that a client abandoned loses nothing, and the next one is never in its way.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lib.clock import stamp
from lib.domain.access import Actor
from lib.domain.journal import check_channel
from lib.errors import Forbidden, NotFound
from lib.store.port import Event, Store, Tx

READ_MAX = 200
"""Events read at a time while looking for one that passes the subscription's filter."""
SENT_MAX = 10_000
_COUNTER = "subscription"


@dataclass(frozen=True, slots=True)
class Subscription:
    """A cursor of one user into one channel. `position` is the seq of the last acknowledged event; `offered` that of
    the one whose delivery the next poll acknowledges."""

    id: int
    channel: str
    user: str
    promiscuous: bool
    subscriber_id: str | None
    created_at: str
    last_poll_at: str | None
    position: int
    offered: int | None
    ticket: int
    received_at: str

    def passes(self, event: Event) -> bool:
        """Without promiscuity, others' events are skipped; those without an owner pass (kernelci.md 5.3)."""
        owner = event.body["owner"]
        return self.promiscuous or owner is None or owner == self.user


@dataclass(slots=True)
class Poll:
    """One poll of a subscription: its ticket, and how far it has looked."""

    id: int
    ticket: int
    channel: str
    scanned: int


@dataclass(slots=True)
class Subscriptions:
    """Subscribe, listen, unsubscribe."""

    store: Store
    wake: Any
    _sent: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict)

    def subscribe(self, actor: Actor, channel: str, now: datetime, *, promiscuous: bool = False) -> Subscription:
        """A new subscription that hears what is told from now on."""
        check_channel(channel)

        def work(tx: Tx) -> Subscription:
            counter = tx.load("counter", _COUNTER)
            id = 1 if counter is None else counter.body["value"] + 1
            made = Subscription(
                id=id, channel=channel, user=actor.username, promiscuous=promiscuous, subscriber_id=None,
                created_at=stamp(now), last_poll_at=None, position=position, offered=None, ticket=0,
                received_at=stamp(now),
            )  # fmt: skip
            if counter is None:
                tx.create("counter", _COUNTER, {"value": id})
            else:
                tx.save("counter", _COUNTER, {"value": id})
            tx.create("subscription", str(id), _to_body(made))
            return made

        position = self.store.last(channel)
        return self.store.transact(work)

    def unsubscribe(self, actor: Actor, id: int) -> None:
        """End a subscription; a poll that still waits answers at once."""

        def work(tx: Tx) -> str:
            channel = _owned(tx, actor, id).channel
            tx.drop("subscription", str(id))
            return channel

        self.wake(self.store.transact(work))

    def listen(self, actor: Actor, id: int, now: datetime) -> Poll:
        """Begin a poll: take a ticket, acknowledge what the poll before was given."""
        sent = self._sent.pop(id, None)

        def work(tx: Tx) -> Poll:
            stored = _owned(tx, actor, id)
            offered = sent[1] if sent is not None and sent[0] == stored.ticket else stored.offered
            position = max(stored.position, offered or 0)
            body = _to_body(stored)
            body.update(ticket=stored.ticket + 1, position=position, offered=None, last_poll_at=stamp(now))
            tx.save("subscription", str(id), body)
            return Poll(id, stored.ticket + 1, stored.channel, position)

        poll = self.store.transact(work)
        self.wake(poll.channel)
        return poll

    def look(self, poll: Poll) -> Event | None:
        """The next event of a poll, or None while there is none. Raises NotFound once the poll was superseded."""
        doc = self.store.load("subscription", str(poll.id))
        if doc is None or doc.body["ticket"] != poll.ticket:
            raise NotFound("poll", poll.ticket)
        subscription = _from_body(doc.body)
        while events := self.store.read(poll.channel, poll.scanned, READ_MAX):
            for event in events:
                if subscription.passes(event):
                    return event
                poll.scanned = event.seq
        return None

    def sent(self, poll: Poll, event: Event) -> None:
        """Note, without touching the store, that the response with this event was handed over."""
        self._sent[poll.id] = (poll.ticket, event.seq)
        while len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)

    def settle(self, poll: Poll, offered: int | None) -> None:
        """Store how a poll ended, for other processes and for a restart: what it was given, or how far it looked."""

        def work(tx: Tx) -> None:
            doc = tx.load("subscription", str(poll.id))
            if doc is None or doc.body["ticket"] != poll.ticket:
                return
            changed = {"offered": offered} if offered is not None else {"position": poll.scanned}
            if any(doc.body[k] != v for k, v in changed.items()):
                tx.save("subscription", str(poll.id), {**doc.body, **changed})

        self.store.transact(work)


def _owned(tx: Tx, actor: Actor, id: int) -> Subscription:
    doc = tx.load("subscription", str(id))
    if doc is None:
        raise NotFound("subscription", id)
    subscription = _from_body(doc.body)
    if subscription.user != actor.username:
        raise Forbidden("The subscription belongs to another user")
    return subscription


_NAMES = tuple(Subscription.__dataclass_fields__)


def _to_body(subscription: Subscription) -> dict[str, Any]:
    return {name: getattr(subscription, name) for name in _NAMES}


def _from_body(body: dict[str, Any]) -> Subscription:
    return Subscription(**{name: body[name] for name in _NAMES})
