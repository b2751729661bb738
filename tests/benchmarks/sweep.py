"""The sweep: what one costs over a store of so many nodes, with nothing due and with some.

    python -m tests.benchmarks.sweep [--sizes 1000,100000,1000000] [--store FILE]

In this process, over a SQLite file that grows from size to size. Nodes that are due lie under nodes of their own and
have timed out; the time of a sweep that moves them includes the telling of it, since no pump runs beside it.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from lib.domain.account.access import Actor
from lib.domain.hub import Hub
from lib.domain.node import node as rules
from lib.domain.node.node import Node, to_body
from lib.messaging.open import open_bus
from lib.store.open import open_store
from lib.store.port import Store, Tx
from tests.benchmarks import bodies
from tests.benchmarks.table import Table, machine, milliseconds, percentile
from tests.build import PlainAuth

SIZES = (1_000, 100_000, 1_000_000)
DUE = (0, 100)
TURNS = {0: 30, 100: 10}
"""How often each sweep is measured."""
BATCH_NODES = 5_000
TESTS_A_JOB = 50
JOBS_A_CHECKOUT = 20
SPAN_A_NODE = timedelta(milliseconds=100)
ACTOR = Actor("benchmark", "service:pipeline", is_superuser=True)


class Stock:
    """Finished nodes, small ones: checkouts, jobs under them, tests under those, as the store takes them."""

    def __init__(self, hub: Hub, at: datetime) -> None:
        self.hub, self.at = hub, at
        self.count = 0
        self._nodes = self._make()

    def grow(self, count: int) -> None:
        """Store more until there are so many."""
        while self.count < count:
            batch = [next(self._nodes) for _ in range(min(BATCH_NODES, count - self.count))]
            store(self.hub.store, batch)
            self.count += len(batch)

    def _make(self) -> Iterator[Node]:
        number = 0
        while True:
            number += 1
            checkout = self._node(bodies.checkout(number), None)
            yield checkout
            for j in range(JOBS_A_CHECKOUT):
                job = self._node(bodies.job(number, j, checkout.path), checkout)
                yield job
                for i in range(TESTS_A_JOB):
                    yield self._node({**bodies.test(number, i, job.path), "data": {}}, job)

    def _node(self, body: bodies.Body, parent: Node | None) -> Node:
        self.at += SPAN_A_NODE
        draft = {"result": "pass", **body, "state": "done"}
        return rules.create(draft, id=self.hub.nodes.ids.record(self.at), owner="ci", now=self.at, parent=parent)


def store(into: Store, nodes: list[Node]) -> None:
    """Create nodes in one transaction."""

    def work(tx: Tx) -> None:
        for node in nodes:
            tx.create("node", node.id, to_body(node))

    into.transact(work)


def make_due(hub: Hub, count: int, now: datetime) -> None:
    """Running jobs that have timed out."""
    past: dict[str, Any] = {"timeout": now - timedelta(seconds=1)}
    for i in range(count):
        hub.nodes.submit(ACTOR, {**bodies.job(i, i, []), **past}, now)


def sweeps(hub: Hub, due: int) -> list[float]:
    """The seconds of every sweep with so many nodes due."""
    times = []
    for _ in range(TURNS[due]):
        now = datetime.now(UTC)
        make_due(hub, due, now)
        began = time.perf_counter()
        moved = hub.sweep(now)["moved"]
        times.append(time.perf_counter() - began)
        assert moved == due, f"{moved} moved, not {due}"
    return times


def megabytes(path: Path) -> float:
    """The size of the store's file and of its log."""
    return sum(part.stat().st_size for part in path.parent.glob(f"{path.name}*")) / 1e6


def measure(path: Path, sizes: tuple[int, ...]) -> None:
    """Print a row for every size and number of due nodes."""
    table = Table("One sweep", "stored nodes", "due", "p50 ms", "max ms", "files MB", "filled in s")
    url = f"sqlite:///{path.resolve()}"
    hub = Hub(open_store(url), open_bus("embedded", url), PlainAuth(), clock=lambda: datetime.now(UTC))
    stock = Stock(hub, datetime.now(UTC) - SPAN_A_NODE * max(sizes) - timedelta(days=1))
    for size in sizes:
        began = time.perf_counter()
        stock.grow(size)
        filled_s = time.perf_counter() - began
        for due in DUE:
            times = sweeps(hub, due)
            table.row(
                f"{size:,}", due, milliseconds(percentile(times, 50)), milliseconds(max(times)),
                f"{megabytes(path):,.0f}", f"{filled_s:.0f}",
            )  # fmt: skip
    hub.close()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.sweep", description="Measure one sweep.")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)), help="default: 1000,100000,1000000")
    parser.add_argument("--store", type=Path, help="a new SQLite file; by default a temporary one")
    options = parser.parse_args()
    sizes = tuple(sorted(int(size) for size in options.sizes.split(",")))
    print(machine())
    with tempfile.TemporaryDirectory(prefix="tributary-benchmark-") as folder:
        measure(options.store or Path(folder, "hub.db"), sizes)


if __name__ == "__main__":
    main()
