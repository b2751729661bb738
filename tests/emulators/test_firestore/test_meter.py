"""What the stand-in counts is what the service bills; and its other hooks for tests."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from google.api_core.exceptions import FailedPrecondition, InvalidArgument, MethodNotImplemented
from google.cloud import firestore
from google.cloud.firestore_v1.base_vector_query import DistanceMeasure
from google.cloud.firestore_v1.query_profile import ExplainOptions
from google.cloud.firestore_v1.vector import Vector
from grpc import StatusCode

from tests.emulators.firestore import Server
from tests.emulators.firestore.meter import Bill

from .conftest import connect, put
from .test_index import declare
from .test_listen import Heard
from .test_query import F

MANY = {f"{n:04}": {"n": n, "a": n % 2, "b": n % 5} for n in range(40)}
INDEXES = declare("a, n", "b, n", "a, b, n")


@pytest.fixture(scope="module")
def metered():
    server = Server(INDEXES)
    client = connect(server)
    put(client.collection("node"), MANY)
    yield server, client.collection("node")
    client.close()
    server.stop()


A, B = F("a", "==", 0), F("b", "==", 0)

COSTS = [
    ("a document", lambda c: c.document("0001").get(), Bill(reads=1)),
    ("a missing document", lambda c: c.document("none").get(), Bill(reads=1)),
    ("all", lambda c: list(c.stream()), Bill(reads=40, entries=40)),
    ("a limit", lambda c: list(c.limit(3).stream()), Bill(reads=3, entries=3)),
    ("an offset", lambda c: list(c.offset(5).limit(3).stream()), Bill(reads=8, entries=8)),
    ("nothing found", lambda c: list(c.where(filter=F("a", "==", 9)).stream()), Bill(reads=1)),
    ("a count", lambda c: c.count().get(), Bill(reads=1, entries=40)),
    ("a count of nothing", lambda c: c.where(filter=F("a", "==", 9)).count().get(), Bill(reads=1)),
    ("one index", lambda c: list(c.where(filter=A).order_by("n").limit(4).stream()), Bill(reads=4, entries=4)),
    ("a range of it", lambda c: list(c.where(filter=A).where(filter=F("n", ">=", 30)).stream()),
     Bill(reads=5, entries=5)),
    ("a cursor in it", lambda c: list(c.where(filter=A).order_by("n").start_at({"n": 36}).stream()),
     Bill(reads=2, entries=2)),
    ("the collections", lambda c: list(c.document("0001").collections()), Bill(reads=1)),
    ("a list", lambda c: list(c.list_documents()), Bill(reads=40)),
    ("writes", lambda c: c.document("x").set({"n": 1}), Bill(writes=1)),
    ("a write that changes nothing", lambda c: c.document("x").set({"n": 1}), Bill(writes=1)),
    ("deletes", lambda c: c.document("x").delete(), Bill(deletes=1)),
]  # fmt: skip


@pytest.mark.parametrize(("work", "want"), [row[1:] for row in COSTS], ids=[row[0] for row in COSTS])
def test_cost(metered, work, want):
    server, nodes = metered
    before = server.meter.bill()
    work(nodes)
    assert server.meter.bill() - before == want


def test_merged_indexes_read_more_than_they_find():
    """Each index is read by turns, and passes over what the other does not have."""
    server = Server(declare("a, n", "b, n"))
    client = connect(server)
    nodes = put(client.collection("node"), MANY)
    before = server.meter.bill()
    assert len(list(nodes.where(filter=A).where(filter=B).order_by("n").stream())) == 4
    bill = server.meter.bill() - before
    assert bill.reads == 4 and 8 < bill.entries <= 28
    client.close()
    server.stop()


def test_a_count_costs_a_read_for_a_thousand_entries(server, client, nodes):
    writer = client.batch()
    for n in range(1001):
        writer.set(nodes.document(f"{n}"), {})
    writer.commit()
    before = server.meter.bill()
    nodes.count().get()
    assert server.meter.bill() - before == Bill(reads=2, entries=1001)


def test_a_listener_costs_a_read_for_each_document_it_is_told_of(server, nodes):
    before, heard = server.meter.bill(), Heard(nodes)
    heard.next()
    for n in range(2):
        nodes.document("a").set({"n": n})
        heard.next()
    heard.stop()
    assert server.meter.bill() - before == Bill(reads=3, writes=2)


def test_a_refused_commit_costs_nothing(server, client, node):
    node.set({})
    before = server.meter.bill()
    with pytest.raises(FailedPrecondition):
        node.update({"x": 1}, option=client.write_option(last_update_time=datetime(2020, 1, 1, tzinfo=UTC)))
    assert server.meter.bill() == before


def test_reset_forgets_all():
    server = Server()
    client = connect(server)
    client.document("a/b").set({})
    server.fail("Commit", StatusCode.ABORTED)
    server.reset()
    assert server.meter.bill() == Bill() and not server.calls
    assert not client.document("a/b").get().exists
    client.document("a/b").set({})
    server.meter.clear()
    assert server.meter.bill() == Bill()
    client.close()
    server.stop()


def test_faults_on_demand(server, client, node):
    server.fail("Commit", StatusCode.INVALID_ARGUMENT)
    with pytest.raises(InvalidArgument, match="asked for"):
        node.set({})
    assert not node.get().exists
    server.fail("Commit", StatusCode.ABORTED, times=2)
    runs = []

    @firestore.transactional
    def work(transaction):
        runs.append(transaction.id)
        transaction.set(node, {"x": 1})

    before = server.calls["Commit"]
    work(client.transaction())
    assert len(set(runs)) == 3 == server.calls["Commit"] - before


def test_times_to_live_pass_on_demand():
    policy = {"collectionGroup": "node", "fieldPath": "gone_at", "ttl": True, "indexes": []}
    server = Server({"indexes": [], "fieldOverrides": [policy]})
    client = connect(server)
    old, new = datetime(2020, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC)
    nodes = put(
        client.collection("node"), {"a": {"gone_at": old}, "b": {"gone_at": new}, "c": {"gone_at": "2020"}, "d": {}}
    )
    put(client.collection("other"), {"a": {"gone_at": old}})
    assert server.expire() == 1 and [s.id for s in nodes.stream()] == ["b", "c", "d"]
    assert server.expire(new) == 1 and [s.id for s in nodes.stream()] == ["c", "d"]
    client.close()
    server.stop()


def test_a_query_is_explained(metered):
    _, nodes = metered
    query = nodes.where(filter=A).order_by("n").limit(4)
    plan = query.get(explain_options=ExplainOptions(analyze=False)).get_explain_metrics()
    assert plan.plan_summary.indexes_used == [
        {"query_scope": "COLLECTION", "properties": "(a ASCENDING, n ASCENDING, __name__ ASCENDING)"}
    ]
    done = query.get(explain_options=ExplainOptions(analyze=True))
    assert len(list(done)) == 4
    stats = done.get_explain_metrics().execution_stats
    assert (stats.results_returned, stats.read_operations) == (4, 4)
    assert stats.debug_stats == {"index_entries_scanned": "4"}


def test_what_it_cannot_do_it_says(client, nodes):
    query = nodes.find_nearest("v", Vector([1.0]), distance_measure=DistanceMeasure.COSINE, limit=1)
    with pytest.raises(MethodNotImplemented, match="vector search"):
        query.get()
    with pytest.raises(MethodNotImplemented, match="pipelines"):
        client.pipeline().collection("node").execute()


def test_started_from_the_command_line(tmp_path):
    command = [sys.executable, "-m", "tests.emulators.firestore", "--port", "0"]
    with subprocess.Popen(command, cwd=Path(__file__).parents[3], stdout=subprocess.PIPE, text=True) as process:
        name, _, address = process.stdout.readline().strip().partition("=")
        assert name == "FIRESTORE_EMULATOR_HOST" and address.startswith("127.0.0.1:")
        process.terminate()
        assert process.wait(10) == 0
