"""What the documents and bytes of an operation cost: list prices, a day's traffic, a month's bill.

Prices are Google's list prices as known on 1 June 2025, in US dollars, without free quotas, taxes or discounts.
Compare them with https://cloud.google.com/firestore/pricing and https://cloud.google.com/pubsub/pricing before you rely
on a sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

DAYS = 30
SUBSCRIBERS = 2
"""Subscriptions each message is delivered to; the first publication is billed like a delivery."""
MESSAGE_BYTES_MIN = 1000
MESSAGE_DOLLARS = 40 / 1024**4
"""Of a byte published or delivered."""


@dataclass(frozen=True, slots=True)
class Region:
    """Dollars for 100,000 documents read, written, deleted."""

    name: str
    reads: float
    writes: float
    deletes: float


REGIONS = (
    Region("us-central1", 0.03, 0.09, 0.01),
    Region("nam5 (multi-region)", 0.06, 0.18, 0.02),
)


@dataclass(slots=True)
class Cost:
    """Of one operation, or of many."""

    reads: float = 0
    writes: float = 0
    deletes: float = 0
    entries: float = 0
    messages: float = 0
    message_bytes: float = 0

    def times(self, count: float) -> Cost:
        return Cost(*(getattr(self, name) * count for name in self.__slots__))

    def __add__(self, other: Cost) -> Cost:
        return Cost(*(getattr(self, name) + getattr(other, name) for name in self.__slots__))

    def dollars(self, region: Region) -> tuple[float, float]:
        """Of the database, and of the messages."""
        documents = self.reads * region.reads + self.writes * region.writes + self.deletes * region.deletes
        return documents / 100_000, self.message_bytes * (1 + SUBSCRIBERS) * MESSAGE_DOLLARS


@dataclass(frozen=True, slots=True)
class Traffic:
    """A day of a hub: how often each operation is done for a node that arrives, and how often whatever arrives."""

    per_node: Mapping[str, float] = field(default_factory=dict)
    per_day: Mapping[str, float] = field(default_factory=dict)

    def day(self, nodes: int, costs: Mapping[str, Cost]) -> Cost:
        total = Cost()
        for name, count in self.per_node.items():
            total += costs[name].times(count * nodes)
        for name, count in self.per_day.items():
            total += costs[name].times(count)
        return total


TYPICAL = Traffic(
    per_node={
        "POST a node": 0.1,
        "PUT a node that is done": 0.1,
        "PUT a tree of 200": 0.9 / 200,
        "publish a tree of 200 to KCIDB": 1 / 200,
        "GET 100 nodes and their total": 0.02,
        "GET a count": 0.02,
        "listen, with an event": 0.2 + 0.9 / 200,
    },
    per_day={"sweep, nothing due": 24 * 60, "listen, 2 s of nothing": 5 * 24 * 60 * 60 / 2},
)
"""A tenth of the nodes come alone and are updated once, the others in trees of 200; all are told as reports of KCIDB;
every event is heard by one of five listeners that poll the hub day and night; dashboards ask for a page and a count for
every 50 nodes; the sweep runs each minute."""
