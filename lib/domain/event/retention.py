"""Retention: lets go of what is kept for a while only, as `indexes.py` says of each collection."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from lib.clock import stamp
from lib.store.collection import Ttl
from lib.store.indexes import COLLECTIONS
from lib.store.port import WRITES_MAX, Scan, Store, Tx, Where

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
        return sum(self._apply(c.name, c.ttl, now) for c in COLLECTIONS.values() if c.ttl is not None)

    def _apply(self, collection: str, ttl: Ttl, now: datetime) -> int:
        past = (Where(ttl.field, "<=", stamp(now - ttl.age)),)
        dropped = 0
        for _ in range(BATCHES_MAX):
            keys = [d.key for d in self.store.find(collection, Scan(past, ttl.field, WRITES_MAX)).docs]
            if not keys:
                break

            def work(tx: Tx, keys: list[str] = keys) -> None:
                for key in keys:
                    tx.drop(collection, key)

            self.store.transact(work)
            dropped += len(keys)
        return dropped
