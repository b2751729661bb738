"""What operations may cost over Firestore, as its stand-in bills them; and that a request's log line says it."""

from __future__ import annotations

import os

import pytest

from functions.edge import http, routes
from lib.dialects.wire import Request
from tests.benchmarks import bodies, cost
from tests.build import firestore


@pytest.fixture(scope="module")
def desk():
    desk = cost.Desk()
    if os.environ[firestore.HOST] != firestore.server().address:
        pytest.skip("another emulator has no meter")
    yield desk
    desk.close()


@pytest.fixture(scope="module")
def costs(desk):
    return dict(cost.operations(desk))


@pytest.mark.parametrize("name", ["POST a node", "POST a node under a parent", "PUT a node"])
def test_a_node_takes_four_writes_and_four_reads_told_and_sent(costs, name):
    assert costs[name].writes <= 4 and costs[name].reads <= 4 and costs[name].deletes == 0
    assert costs[name].messages == 1


@pytest.mark.parametrize(("name", "nodes"), [("PUT a tree of 200", 200), ("PUT a tree of 2,000", 2000)])
def test_a_tree_takes_two_writes_and_one_read_a_node_at_most(costs, name, nodes):
    assert costs[name].writes <= 2 * nodes and costs[name].reads <= nodes


def test_a_page_reads_one_more_than_it_shows_and_a_thousandth_of_what_it_counts(costs):
    matches = 2198
    assert costs["GET 100 nodes and their total"].reads <= 101 + -(-matches // 1000)
    assert costs["GET a count"].reads <= -(-matches // 1000)


def test_paging_by_offset_reads_no_page_twice(desk, costs, monkeypatch):
    for offset in range(0, 500, 100):
        cost = desk.cost(lambda offset=offset: desk.ask(f"GET /nodes/fast?kind=test&limit=100&offset={offset}"))
        assert cost.reads <= 102, offset
    monkeypatch.setattr(desk.hub.nodes.search, "seconds", lambda: float("inf"))
    assert desk.cost(lambda: desk.ask("GET /nodes/fast?kind=test&limit=100&offset=500")).reads > 600


def test_a_sweep_costs_by_what_is_due_not_by_what_is_open(desk, costs):
    cost.fill(desk, 500)
    cost.settle(desk)
    assert cost.sweep(desk, 0).reads <= 9 and cost.sweep(desk, 0).writes == 0
    due = cost.sweep(desk, 3)
    assert due.writes <= 3 * 4 + 1 and due.reads <= 8 + 3 * 7


def test_a_test_costs_four_reads_and_one_write_more_to_be_told_as_a_report(desk, costs):
    checkout = desk.ask("POST /node", bodies.checkout(7))
    job = desk.ask("POST /node", bodies.job(1, 1, ["checkout"]) | {"parent": checkout["id"]})
    cost.settle(desk)
    desk.ask(f"PUT /nodes/{job['id']}", cost.tree(job, 200))
    told = desk.cost(lambda: desk.hub.projector.run(desk.clock()))
    assert told.reads <= 4 * 200 and told.writes <= 200 + 30 and told.messages <= 10


def test_the_log_line_of_a_request_says_what_it_cost(desk):
    lines = []
    edge = http.Edge(desk.hub, routes.table(), say=lines.append)
    desk.clock.advance(seconds=2)
    headers = {"authorization": f"Bearer {desk.token}"}
    edge.answer(Request("GET", "/whoami", "", headers, b"", desk.clock(), "r"))
    body = b'{"kind":"checkout","name":"c","path":["c"]}'
    more = {**headers, "content-type": "application/json"}
    edge.answer(Request("POST", "/node", "", more, body, desk.clock(), "r"))
    edge.answer(Request("GET", "/nothing", "", headers, b"", desk.clock(), "r"))
    first, second, third = lines
    assert " status=200 " in first and " reads=2 actor=" in first and "writes" not in first
    assert " reads=1 writes=4 actor=bob " in second and " status=200 " in second
    assert "reads" not in third
