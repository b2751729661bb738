"""What operations of users cost over Firestore: documents read, written and deleted, index entries, messages, dollars.

    python -m tests.benchmarks.cost [--open 100000]

Everything is asked of the whole edge in this process, over the local stand-in, whose meter counts what the service
would bill. Before each operation the clock moves on, so that the caller's user record is read too, as by a process that
has not seen him for a second.
"""

from __future__ import annotations

import argparse
import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

from functions.edge import http, routes
from functions.edge.http import HeldPoll
from functions.flask_shell import FAR_POLL_EVERY_S, end_of
from lib.dialects.kcidb.codec import decode_text
from lib.dialects.wire import Request
from lib.domain.hub import Hub
from lib.domain.node import node as rules
from lib.domain.node.node import to_body
from tests import build
from tests.benchmarks import bodies
from tests.benchmarks.price import DAYS, MESSAGE_BYTES_MIN, REGIONS, TYPICAL, Cost
from tests.benchmarks.results import Results
from tests.benchmarks.sweep import ACTOR
from tests.benchmarks.table import Table, number
from tests.build import firestore

OPEN = 100_000
STORED_AT_ONCE = 300
DUE = (0, 10, 1000)
NODES_A_DAY = (10_000, 1_000_000)


class Desk:
    """A hub over a new database, a client of its edge, and the meter beside."""

    def __init__(self) -> None:
        self.clock = build.FixedClock()
        self.bus = build.RecordingBus()
        self.store = firestore.open_store(f"c{uuid.uuid4().hex[:20]}", clock=self.clock)
        self.hub = Hub(self.store, self.bus, build.PlainAuth(), clock=self.clock, decode=decode_text)
        self.client = build.Client(http.Edge(self.hub, routes.table()), self.clock)
        self.hub.accounts.make_group("kcidb:origin:bench", self.clock())
        user = build.register(self.hub.accounts, "bob", groups=["kcidb:origin:bench"])
        self.token = self.hub.accounts.auth.mint(user.id, self.clock(), None)

    def ask(self, request: str, body: Any = ..., status: int = 200) -> Any:
        """The reply to one request of the user."""
        method, _, target = request.partition(" ")
        reply = self.client.send(method, target, token=self.token, json_body=body)
        assert reply.status == status, reply.body
        return json.loads(reply.body or b"null")

    def listen(self, subscription: int) -> None:
        """One poll as a function holds it: looked at now and then, for two seconds at most."""
        headers = {"authorization": f"Bearer {self.token}"}
        outcome = self.client.edge.answer(
            Request("GET", f"/listen/{subscription}", "", headers, b"", self.clock(), "r")
        )
        if isinstance(outcome, HeldPoll):
            outcome = end_of(outcome, self.clock, FAR_POLL_EVERY_S, lambda s: self.clock.advance(seconds=s))
        assert build.finish(outcome).status == 200

    @contextmanager
    def metered(self) -> Iterator[Cost]:
        """What the block costs."""
        self.clock.advance(seconds=2)
        cost, before, told = Cost(), firestore.server().meter.bill(), len(self.bus.published)
        yield cost
        bill, messages = firestore.server().meter.bill() - before, self.bus.published[told:]
        cost.reads, cost.writes, cost.deletes, cost.entries = bill.reads, bill.writes, bill.deletes, bill.entries
        cost.messages = len(messages)
        cost.message_bytes = sum(max(MESSAGE_BYTES_MIN, len(m.data)) for m in messages)

    def cost(self, work: Callable[[], object]) -> Cost:
        with self.metered() as cost:
            work()
        return cost

    def close(self) -> None:
        self.hub.close()


def tree(root: Any, count: int) -> Any:
    """A job and its tests, so many nodes in all."""
    tests = [{"node": {**bodies.test(1, n, root["path"]), "id": None}, "child_nodes": []} for n in range(count - 1)]
    for test in tests:
        test["node"].pop("id")
    kept = {k: root[k] for k in ("kind", "name", "path", "data", "group")}
    return {"node": {**kept, "state": "done", "result": "pass"}, "child_nodes": tests}


def operations(desk: Desk) -> Iterator[tuple[str, Cost]]:
    """Each operation of a user and what it costs."""
    checkout = desk.ask("POST /node", bodies.checkout(1))
    yield "POST a node", desk.cost(lambda: desk.ask("POST /node", bodies.checkout(2)))
    job = bodies.job(1, 1, ["checkout"]) | {"parent": checkout["id"]}
    yield "POST a node under a parent", desk.cost(lambda: desk.ask("POST /node", job))
    node = desk.ask("POST /node", job)
    yield "GET a node", desk.cost(lambda: desk.ask(f"GET /node/{node['id']}"))
    yield "PUT a node", desk.cost(lambda: desk.ask(f"PUT /node/{node['id']}", {**node, "result": "fail"}))
    done = {**node, "state": "done", "result": "pass"}
    yield "PUT a node that is done", desk.cost(lambda: desk.ask(f"PUT /node/{node['id']}", done))
    root = desk.ask("POST /node", job)
    yield "PUT a tree of 200", desk.cost(lambda: desk.ask(f"PUT /nodes/{root['id']}", tree(root, 200)))
    large = desk.ask("POST /node", job)
    yield "PUT a tree of 2,000", desk.cost(lambda: desk.ask(f"PUT /nodes/{large['id']}", tree(large, 2000)))
    page = "GET /nodes?kind=test&limit=100"
    yield "GET 100 nodes and their total", desk.cost(lambda: desk.ask(page))
    yield "GET a count", desk.cost(lambda: desk.ask("GET /count?kind=test&result=pass"))
    yield "GET a tree of 200", desk.cost(lambda: desk.ask(f"GET /tree/{root['id']}"))
    subscription = desk.ask("POST /subscribe/node?promisc=true")["id"]
    yield "listen, 2 s of nothing", desk.cost(lambda: desk.listen(subscription))
    desk.ask("POST /node", bodies.checkout(3))
    yield "listen, with an event", desk.cost(lambda: desk.listen(subscription))
    job = desk.ask("POST /node", job)
    settle(desk)
    desk.ask(f"PUT /nodes/{job['id']}", tree(job, 200))
    yield "publish a tree of 200 to KCIDB", desk.cost(lambda: desk.hub.projector.run(desk.clock()))
    first, second, *_ = list(Results(1).submissions())[1:]
    yield "submit 11 objects", desk.cost(lambda: desk.ask("POST /submit", first))
    yield "submit the same again", desk.cost(lambda: desk.ask("POST /submit", first))
    changed = {**second, "builds": first["builds"]}
    yield "submit 11 objects, one of them known", desk.cost(lambda: desk.ask("POST /submit", changed))
    yield "GET a test of KCIDB", desk.cost(lambda: desk.ask("GET /kcidb/tests/bench:t0-0-1"))
    yield "GET a build and its 10 tests", desk.cost(lambda: desk.ask("GET /kcidb/builds/bench:b0-0?children=1"))


def fill(desk: Desk, count: int) -> None:
    """Open nodes that time out in a year."""
    later: dict[str, Any] = {"timeout": desk.clock() + timedelta(days=365)}
    for start in range(0, count, STORED_AT_ONCE):
        made = []
        for n in range(start, min(count, start + STORED_AT_ONCE)):
            draft = {"kind": "job", "name": f"job-{n}", "path": ["job"], "state": "running", **later}
            id = desk.hub.nodes.ids.record(desk.clock())
            made.append(rules.create(draft, id=id, owner="ci", now=desk.clock(), parent=None))
        desk.store.transact(lambda tx, made=made: [tx.create("node", n.id, to_body(n)) for n in made])  # type: ignore[misc]


def settle(desk: Desk) -> None:
    """Have everything told that is there to be told."""
    while desk.hub.projector.run(desk.clock()):
        pass


def sweep(desk: Desk, due: int) -> Cost:
    """One sweep that finds so many nodes due, and what it costs."""
    for n in range(due):
        past: dict[str, Any] = {"timeout": desk.clock() + timedelta(seconds=1)}
        desk.hub.nodes.submit(ACTOR, {"kind": "job", "name": f"due-{n}", "path": ["job"], **past}, desk.clock())
    settle(desk)
    with desk.metered() as cost:
        moved = desk.hub.sweep(desk.clock())["moved"]
    assert moved == due, f"{moved} moved, not {due}"
    return cost


def show(table: Table, name: str, cost: Cost) -> None:
    columns = (cost.reads, cost.writes, cost.deletes, cost.entries, cost.messages)
    dollars = [f"{sum(cost.dollars(region)) * 1_000_000:,.2f}" for region in REGIONS]
    table.row(name, *(f"{n:,}" for n in columns), *dollars)


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.cost", description="Count what is billed.")
    parser.add_argument("--open", type=int, default=OPEN, help="open nodes while the sweep is measured")
    options = parser.parse_args()
    desk = Desk()
    prices = [f"$ per million, {region.name}" for region in REGIONS]
    table = Table("One operation", "operation", "reads", "writes", "deletes", "index entries", "messages", *prices)
    costs = {}
    for name, cost in operations(desk):
        costs[name] = cost
        show(table, name, cost)
    fill(desk, options.open)
    for due in DUE:
        name = f"sweep, {due or 'nothing'} due"
        costs[name] = sweep(desk, due)
        show(table, name, costs[name])
    desk.close()
    table = Table("A month", "nodes a day", "region", "reads", "writes", "deletes", "database $", "messages $")
    for nodes in NODES_A_DAY:
        month = TYPICAL.day(nodes, costs).times(DAYS)
        for region in REGIONS:
            counts = (month.reads, month.writes, month.deletes)
            table.row(f"{nodes:,}", region.name, *(f"{n:,.0f}" for n in counts), *map(number, month.dollars(region)))


if __name__ == "__main__":
    main()
