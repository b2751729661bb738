"""Items: what `push` puts into a named list and exactly one `pop` takes out (kernelci.md 2.5).

A popped item is leased, not removed: it goes only once the response that holds it was handed over, and comes back when
the lease runs out before that. So an abandoned pop loses nothing. The pop finds and leases in one transaction, which
needs no `claim` of entries that were found before it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.event.event import TYPE_DEFAULT, body_of, envelope
from lib.domain.event.journal import check_attributes, check_channel
from lib.ids import Ids
from lib.store.port import Event, Scan, Store, Tx, Where

LEASE = timedelta(seconds=30)


def bell_of(list: str) -> str:
    """The name under which those who wait for an item of a list are woken; no event is ever told there."""
    return f"list:{list}"


@dataclass(slots=True)
class Queues:
    """Push and pop."""

    store: Store
    ids: Ids
    source: str
    wake: Callable[[str], None]

    def push(
        self,
        list: str,
        data: Any,
        now: datetime,
        *,
        source: str | None,
        type: str | None = None,
        attributes: Mapping[str, Any] = {},
    ) -> None:
        """Put one item at the end of a list."""
        check_channel(list)
        check_attributes(attributes)
        key, at = self.ids.event(), stamp(now)
        body = body_of(data, owner=None, source=source or self.source, type=type or TYPE_DEFAULT, attributes=attributes)
        item = {"list": list, "received_at": at, "leased_until": at, "event": body}
        self.store.transact(lambda tx: tx.create("item", key, item))
        self.wake(bell_of(list))

    def pop(self, list: str, now: datetime) -> tuple[str, dict[str, Any]] | None:
        """Lease the oldest free item: its key and its CloudEvent; None when there is none."""
        check_channel(list)

        def work(tx: Tx) -> tuple[str, dict[str, Any]] | None:
            free = (Where("list", "==", list), Where("leased_until", "<=", stamp(now)))
            docs = tx.find("item", Scan(free, "received_at", 1)).docs
            if not docs:
                return None
            key, body = docs[0].key, docs[0].body
            tx.save("item", key, {**body, "leased_until": stamp(now + LEASE)})
            shown = envelope(Event(0, list, body["received_at"], key, body["event"]))
            shown.pop("_sequence_id")
            return key, shown

        return self.store.transact(work)

    def settle(self, key: str) -> None:
        """Remove an item whose response was handed over."""
        self.store.transact(lambda tx: tx.drop("item", key))
