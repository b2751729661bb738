"""Subscriptions: a stored cursor into one channel's log, so that any process serves any poll.

Each poll takes a ticket. An event counts as delivered only to the latest ticket whose response was handed over whole;
listening again acknowledges it. So a poll that a client abandoned loses nothing, and the next one is never in its way.

A subscription is no `Follower`: its position advances when a client acknowledges, not when work is done, and the ticket
rather than the revision decides which of two polls may advance it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.account.account import unique_key
from lib.domain.event.journal import check_channel
from lib.domain.query.query import Filter, matches
from lib.domain.query.source import every
from lib.errors import Forbidden, Invalid, NotFound
from lib.store.port import Event, Scan, Store, Tx

FILTERS = ("kind", "state", "result", "op", "name", "group", "owner")
"""Members of an event's data that a subscription may ask for, so that what it does not want is never sent."""
IDLE_MAX = timedelta(minutes=15)
"""A subscription without a subscriber id ends when nobody polled it for so long."""
DURABLE_IDLE_MAX = timedelta(days=30)
"""One with a subscriber id is forgotten then: what it missed went from the log long before."""
REAPED_AT_ONCE = 200
READ_MAX = 200
"""Events read at a time while looking for one that passes the subscription's filter."""
SENT_MAX = 10_000
SUBSCRIBER_ID_CHARS_MAX = 200
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
    filters: dict[str, str] = field(default_factory=dict)
    is_ended: bool = False

    def is_stale(self, now: datetime) -> bool:
        """Whether nobody was interested for so long that it may go."""
        idle = IDLE_MAX if self.subscriber_id is None else DURABLE_IDLE_MAX
        return max(self.created_at, self.last_poll_at or "") < stamp(now - idle)

    def passes(self, event: Event) -> bool:
        """Without promiscuity, others' events are skipped; those without an owner pass (kernelci.md 5.3)."""
        owner = event.body["owner"]
        if not (self.promiscuous or owner is None or owner == self.user):
            return False
        data = event.body["data"]
        asked = [Filter(name, "eq", value) for name, value in self.filters.items()]
        return not asked or (isinstance(data, dict) and matches(data, asked))


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
    wake: Callable[[str], None]
    _sent: OrderedDict[int, tuple[int, int]] = field(default_factory=OrderedDict)
    _open: OrderedDict[int, int] = field(default_factory=OrderedDict)

    def subscribe(
        self,
        actor: Actor,
        channel: str,
        now: datetime,
        *,
        promiscuous: bool = False,
        subscriber_id: str | None = None,
        filters: Mapping[str, str] = {},
    ) -> Subscription:
        """A new subscription that hears what is told from now on.

        With a `subscriber_id` that was used before: that subscription again, on its own channel, going on after the
        last event it acknowledged (kernelci.md 5.4). Raises Forbidden when it is another user's.
        """
        check_channel(channel)
        if subscriber_id is not None and not 1 <= len(subscriber_id) <= SUBSCRIBER_ID_CHARS_MAX:
            raise Invalid("subscriber_id", f"has 1 to {SUBSCRIBER_ID_CHARS_MAX} characters")
        position = self.store.last(channel)
        claim = None if subscriber_id is None else unique_key("subscriber", subscriber_id)

        def work(tx: Tx) -> Subscription:
            counter = tx.load("counter", _COUNTER)
            holder = None if claim is None else tx.load("unique", claim)
            if holder is not None:
                doc = tx.load("subscription", str(holder.body["id"]))
                if doc is not None:
                    return _resume(tx, _from_body(doc.body), actor, promiscuous, dict(filters), now)
            id = 1 if counter is None else counter.body["value"] + 1
            made = Subscription(
                id=id, channel=channel, user=actor.username, promiscuous=promiscuous, subscriber_id=subscriber_id,
                created_at=stamp(now), last_poll_at=None, position=position, offered=None, ticket=0,
                received_at=stamp(now), filters=dict(filters),
            )  # fmt: skip
            (tx.create if counter is None else tx.save)("counter", _COUNTER, {"value": id})
            if claim is not None:
                (tx.create if holder is None else tx.save)("unique", claim, {"id": id})
            tx.create("subscription", str(id), _to_body(made))
            return made

        return self.store.transact(work)

    def unsubscribe(self, actor: Actor, id: int) -> None:
        """End a subscription; a poll that still waits answers at once. One with a subscriber id keeps its position."""

        def work(tx: Tx) -> str:
            stored = _owned(tx, actor, id)
            if stored.subscriber_id is None:
                tx.drop("subscription", str(id))
            else:
                tx.save("subscription", str(id), _to_body(replace(stored, is_ended=True, ticket=stored.ticket + 1)))
            return stored.channel

        self.wake(self.store.transact(work))

    def every(self) -> Iterator[Subscription]:
        """All live subscriptions, oldest first."""
        return (s for s in self._stored() if not s.is_ended)

    def _stored(self) -> Iterator[Subscription]:
        docs = every(self.store, "subscription", Scan(order="received_at", limit=READ_MAX))
        return (_from_body(doc.body) for doc in docs)

    def reap(self, now: datetime) -> int:
        """End subscriptions that nobody polled for IDLE_MAX, and forget those with a subscriber id after
        DURABLE_IDLE_MAX; gives how many."""
        stale = [s for s in self._stored() if s.is_stale(now)]

        def work(tx: Tx) -> None:
            docs = tx.load_many("subscription", [str(s.id) for s in chunk])
            for stored in [_from_body(d.body) for d in docs if d is not None]:
                if stored.is_stale(now):
                    tx.drop("subscription", str(stored.id))
                    if stored.subscriber_id is not None:
                        tx.drop("unique", unique_key("subscriber", stored.subscriber_id))

        for start in range(0, len(stale), REAPED_AT_ONCE):
            chunk = stale[start : start + REAPED_AT_ONCE]
            self.store.transact(work)
        return len(stale)

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
        # Only a poll still open here has to hear that it was superseded: waking the channel for every poll that
        # begins would have each of n listeners look n times.
        if self._open.pop(id, None) is not None:
            self.wake(poll.channel)
        self._open[id] = poll.ticket
        while len(self._open) > SENT_MAX:
            self._open.popitem(last=False)
        return poll

    def look(self, poll: Poll) -> Event | None:
        """The next event of a poll, or None while there is none. Raises NotFound once the poll was superseded; where
        every read is billed, and polls are short, that is found out when there is an event."""
        events = self.store.read(poll.channel, poll.scanned, READ_MAX)
        if not events and not self.store.is_near:
            return None
        doc = self.store.load("subscription", str(poll.id))
        if doc is None or doc.body["ticket"] != poll.ticket:
            raise NotFound("poll", poll.ticket)
        subscription = _from_body(doc.body)
        while events:
            for event in events:
                if subscription.passes(event):
                    return event
                poll.scanned = event.seq
            events = self.store.read(poll.channel, poll.scanned, READ_MAX)
        return None

    def sent(self, poll: Poll, event: Event) -> None:
        """Note, without touching the store, that the response with this event was handed over."""
        self._sent[poll.id] = (poll.ticket, event.seq)
        self._end(poll)
        while len(self._sent) > SENT_MAX:
            self._sent.popitem(last=False)

    def _end(self, poll: Poll) -> None:
        if self._open.get(poll.id) == poll.ticket:
            self._open.pop(poll.id, None)

    def settle(self, poll: Poll, offered: int | None) -> None:
        """Store how a poll ended, for other processes and for a restart: what it was given, or how far it looked.

        Nothing is left to store once the next poll has begun, which most clients do at once."""
        self._end(poll)
        seen = self.store.load("subscription", str(poll.id))
        if seen is None or seen.body["ticket"] != poll.ticket:
            return

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
    if subscription.is_ended:
        raise NotFound("subscription", id)
    if subscription.user != actor.username:
        raise Forbidden("The subscription belongs to another user")
    return subscription


def _resume(
    tx: Tx, stored: Subscription, actor: Actor, promiscuous: bool, filters: dict[str, str], now: datetime
) -> Subscription:
    """A durable subscription taken up again. What was offered and never acknowledged is offered again; polls of the
    time before are superseded."""
    if stored.user != actor.username:
        raise Forbidden("The subscriber id belongs to another user")
    resumed = replace(
        stored, promiscuous=promiscuous, filters=filters, offered=None, is_ended=False, ticket=stored.ticket + 1,
        created_at=stamp(now),
    )  # fmt: skip
    tx.save("subscription", str(stored.id), _to_body(resumed))
    return resumed


_NAMES = tuple(Subscription.__dataclass_fields__)


def _to_body(subscription: Subscription) -> dict[str, Any]:
    return {name: getattr(subscription, name) for name in _NAMES}


def _from_body(body: dict[str, Any]) -> Subscription:
    return Subscription(**{name: body[name] for name in _NAMES if name in body})
