"""Retention: what is kept for a while only, and how long."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from lib.clock import stamp
from lib.store.port import WRITES_MAX, Scan, Store, Tx, Where

BATCHES_MAX = 20
"""Batches one run drops of each collection; the next run goes on."""


class Rule(NamedTuple):
    """Documents of a collection go when `field` is `age` in the past."""

    collection: str
    field: str
    age: timedelta


RULES: tuple[Rule, ...] = (
    Rule("event", "at", timedelta(days=7)),  # kernelci.md 9, EVENT_HISTORY_TTL_SECONDS
    Rule("telemetry", "ts", timedelta(days=14)),  # kernelci.md 9, TELEMETRY_TTL_SECONDS
    Rule("idempotency", "expires_at", timedelta(0)),
    Rule("item", "received_at", timedelta(days=30)),  # a list nobody pops from must not grow for ever
)


@dataclass(slots=True)
class Retention:
    """Drops what is past its time, in bounded batches."""

    store: Store

    def run(self, now: datetime) -> int:
        """Drop what the rules let go; gives how many documents went."""
        return sum(self._apply(rule, now) for rule in RULES)

    def _apply(self, rule: Rule, now: datetime) -> int:
        past = (Where(rule.field, "<=", stamp(now - rule.age)),)
        dropped = 0
        for _ in range(BATCHES_MAX):
            keys = [d.key for d in self.store.find(rule.collection, Scan(past, rule.field, WRITES_MAX)).docs]
            if not keys:
                break

            def work(tx: Tx, keys: list[str] = keys) -> None:
                for key in keys:
                    tx.drop(rule.collection, key)

            self.store.transact(work)
            dropped += len(keys)
        return dropped
