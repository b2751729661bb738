"""Retention: lets go of what is kept for a while only, as `indexes.py` says of each collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lib.domain.event.due import due
from lib.store.indexes import COLLECTIONS
from lib.store.port import WRITES_MAX, Scan, Store, Tx

BATCHES_MAX = 20
"""Batches one run drops of each collection; the next run goes on."""


@dataclass(slots=True)
class Retention:
    """Drops what is past its time, in bounded batches."""

    store: Store

    def run(self, now: datetime) -> int:
        """Drop what is past its time, unless the store does it by itself; gives how many documents went."""
        if self.store.is_expiring:
            return 0
        return sum(
            drop_found(self.store, c.name, due(now - c.ttl.age, WRITES_MAX, c.ttl.field), BATCHES_MAX)
            for c in COLLECTIONS.values()
            if c.ttl is not None
        )


def drop_found(store: Store, collection: str, scan: Scan, most: int) -> int:
    """Drop what a scan finds, each page in a transaction, at most so many pages; gives how many documents went."""
    dropped = 0
    for _ in range(most):
        keys = [doc.key for doc in store.find(collection, scan).docs]
        if not keys:
            break

        def work(tx: Tx, keys: list[str] = keys) -> None:
            for key in keys:
                tx.drop(collection, key)

        store.transact(work)
        dropped += len(keys)
    return dropped
