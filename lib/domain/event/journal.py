"""The journal: publishing to a channel and reading the log by what its events say (kernelci.md 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.event import event as rules
from lib.domain.event.event import News
from lib.domain.event.ledger import Ledger
from lib.domain.query.query import Filter, Query, matcher
from lib.domain.query.search import Searcher
from lib.errors import Exists, Forbidden, Invalid
from lib.ids import Ids, derived, is_node_id
from lib.store.port import Doc, Store, Tx

CHANNEL_CHARS_MAX = 200
ATTRIBUTES_MAX = 50
READ_MAX = 200
"""Events of the log that are looked through at a time."""
RECEIVED_KEPT = timedelta(days=31)
"""How long an event from elsewhere is known to have come: as long as Pub/Sub can keep one to deliver it again."""


@dataclass(slots=True)
class Journal:
    """Publish and look up events."""

    store: Store
    ledger: Ledger
    search: Searcher
    ids: Ids
    source: str

    def publish(
        self,
        actor: Actor,
        channel: str,
        data: Any,
        now: datetime,
        *,
        type: str | None = None,
        source: str | None = None,
        attributes: Mapping[str, Any] = {},
    ) -> None:
        """Append an event to a channel; its owner is the caller. Raises Forbidden for a channel of the hub's own."""
        _check(channel, attributes)
        body = rules.body_of(
            data,
            owner=actor.username,
            source=source or self.source,
            type=type or rules.TYPE_DEFAULT,
            attributes=attributes,
        )
        news = News(channel, self.ids.event(), body)
        self.ledger.write(now, lambda tx: (None, [news]))

    def receive(
        self,
        owner: str,
        channel: str,
        data: Any,
        now: datetime,
        *,
        id: str,
        source: str,
        type: str,
        attributes: Mapping[str, Any] = {},
    ) -> bool:
        """Append an event from elsewhere, once; whether it is new. `source` and `id` tell it from all others; here it
        has an id of its own made of both."""
        _check(channel, attributes)
        key = derived(source, id)
        body = rules.body_of(data, owner=owner, source=source, type=type, attributes=attributes)
        seen = {"expires_at": stamp(now + RECEIVED_KEPT)}

        def work(tx: Tx) -> tuple[bool, list[News]]:
            if tx.load("idempotency", key) is not None:
                return False, []
            tx.create("idempotency", key, seen)
            return True, [News(channel, key, body)]

        try:
            return self.ledger.write(now, work)
        except Exists:  # it came twice at the same time, and the other one was first
            return False

    def source_of(self, id: str) -> str | None:
        """Who told an event of the log; None when the log holds none of this id."""
        try:
            doc = self.store.load("event", id)
        except Invalid:
            return None
        return None if doc is None else doc.body["source"]

    def find(self, query: Query) -> list[Doc]:
        """Events that meet the filters, in the order of their channel's log."""
        return self.search.find("event", query, "seq")

    def last(self, channel: str) -> int:
        """The position of a channel's newest event."""
        check_channel(channel)
        return self.store.last(channel)

    def tail(self, channel: str, position: int, filters: Sequence[Filter]) -> tuple[list[Doc], int]:
        """Those of the next READ_MAX events of a channel that meet the filters, and the position behind all of them:
        the one that was given, at the end of the log."""
        events = self.store.read(channel, position, READ_MAX)
        docs = [Doc(e.key, 1, {**e.body, "channel": channel, "seq": e.seq, "at": e.at}) for e in events]
        meets = matcher(filters)
        found = [d for d in docs if meets({**d.body, "id": d.key})]
        return found, events[-1].seq if events else position

    def nodes_of(self, events: Sequence[Doc]) -> dict[str, Doc]:
        """The nodes these events speak of, as they are now, by id."""
        ids = (d.body["data"].get("id") for d in events if isinstance(d.body["data"], dict))
        # Other events have ids of their own, which may be anything.
        found = self.store.load_many("node", sorted({id for id in ids if isinstance(id, str) and is_node_id(id)}))
        return {d.key: d for d in found if d is not None}


def _check(channel: str, attributes: Mapping[str, Any]) -> None:
    """Refuse what no client may publish."""
    check_channel(channel)
    if channel in rules.RESERVED:
        raise Forbidden(f"only the hub itself tells on the channel {channel}")
    check_attributes(attributes)


def check_channel(channel: str) -> None:
    """Refuse a channel name no backend could carry."""
    if not 1 <= len(channel) <= CHANNEL_CHARS_MAX:
        raise Invalid("channel", f"a channel name has 1 to {CHANNEL_CHARS_MAX} characters")


def check_attributes(attributes: Mapping[str, Any]) -> None:
    """Refuse more attributes than an event may have."""
    if len(attributes) > ATTRIBUTES_MAX:
        raise Invalid("attributes", f"at most {ATTRIBUTES_MAX}")
