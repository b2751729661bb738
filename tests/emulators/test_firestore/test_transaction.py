"""Transactions: isolation, conflicts, races, and the turn of those who lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from google.api_core.exceptions import Aborted, InvalidArgument
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from tests.emulators.firestore.limits import TRANSACTION_IDLE_S_MAX
from tests.emulators.firestore.server import Server

from .conftest import connect


def add(client, reference):
    """Each run has a wrapper of its own: the client keeps there which attempt it repeats."""

    @firestore.transactional
    def work(transaction):
        found = reference.get(transaction=transaction).get("n")
        transaction.update(reference, {"n": found + 1})
        return found

    return work(client.transaction())


def test_read_then_write(client, node):
    node.set({"n": 1})
    assert add(client, node) == 1
    assert node.get().to_dict() == {"n": 2}


def test_an_exception_rolls_back(client, node):
    @firestore.transactional
    def work(transaction):
        transaction.set(node, {"n": 99})
        raise KeyError("stop")

    with pytest.raises(KeyError):
        work(client.transaction())
    assert not node.get().exists


def test_no_update_is_lost(client, node):
    node.set({"n": 0})
    seen = []

    @firestore.transactional
    def work(transaction):
        seen.append(node.get(transaction=transaction).get("n"))
        if len(seen) == 1:
            node.update({"n": firestore.Increment(100)})
        transaction.update(node, {"n": seen[-1] + 1})

    work(client.transaction())
    assert (seen, node.get().get("n")) == ([0, 100], 101)


def begun(client, **options):
    transaction = client.transaction(**options)
    transaction._begin()
    return transaction


@pytest.mark.parametrize(("read", "change"), [
    (lambda nodes, t: nodes.document("a").get(transaction=t), lambda nodes: nodes.document("a").delete()),
    (lambda nodes, t: nodes.document("z").get(transaction=t), lambda nodes: nodes.document("z").set({"v": 1})),
    (lambda nodes, t: list(nodes.stream(transaction=t)), lambda nodes: nodes.document("z").set({"v": 1})),
    (lambda nodes, t: list(nodes.where(filter=FieldFilter("v", "==", 1)).stream(transaction=t)),
     lambda nodes: nodes.document("b").update({"v": 1})),
    (lambda nodes, t: nodes.count().get(transaction=t), lambda nodes: nodes.document("a").delete()),
], ids=["deleted", "created", "joined", "became a match", "counted"])  # fmt: skip
def test_what_was_read_must_still_hold(client, fill, read, change):
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}})
    transaction = begun(client)
    read(nodes, transaction)
    change(nodes)
    transaction.set(nodes.document("other"), {"v": 3})
    with pytest.raises(Aborted, match="contention"):
        transaction._commit()
    assert not nodes.document("other").get().exists


@pytest.mark.parametrize("change", [
    lambda nodes: nodes.document("b").update({"v": 3}),
    lambda nodes: nodes.document("z").set({"v": 9}),
    lambda nodes: nodes.document("a").set({"v": 1}),
], ids=["another stays out", "a new one stays out", "written as it was"])  # fmt: skip
def test_what_was_not_read_may_change(client, fill, change):
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}})
    transaction = begun(client)
    found = list(nodes.where(filter=FieldFilter("v", "==", 1)).stream(transaction=transaction))
    change(nodes)
    transaction.update(found[0].reference, {"v": 5})
    transaction._commit()
    assert nodes.document("a").get().get("v") == 5


@pytest.mark.parametrize("is_read_only", [True, False])
def test_all_reads_are_of_one_instant(client, fill, is_read_only):
    nodes = fill({"a": {"v": 1}, "b": {"v": 1}})
    transaction = begun(client, read_only=is_read_only)
    assert nodes.document("a").get(transaction=transaction).get("v") == 1
    nodes.document("b").set({"v": 2})
    nodes.document("c").set({"v": 1})
    nodes.document("a").delete()
    assert nodes.document("b").get(transaction=transaction).get("v") == 1
    ones = nodes.where(filter=FieldFilter("v", "==", 1)).stream(transaction=transaction)
    assert [s.id for s in ones] == ["a", "b"]
    transaction._rollback()


def test_a_transaction_that_only_reads_cannot_write(client, node):
    transaction = begun(client, read_only=True)
    write = {"delete": node._document_path}
    with pytest.raises(InvalidArgument, match="read-only"):
        client._firestore_api.commit(
            request={"database": client._database_string, "writes": [write], "transaction": transaction.id}
        )


def test_ids_are_known_once(client, node):
    one, other = begun(client), begun(client)
    assert one.id != other.id
    one.set(node, {"x": 1})
    request = {"database": client._database_string, "transaction": one.id}
    one._commit()
    with pytest.raises(InvalidArgument, match="no longer valid"):
        client._firestore_api.commit(request=request)
    with pytest.raises(InvalidArgument, match="Invalid transaction"):
        client._firestore_api.commit(request={**request, "transaction": b"none"})
    with pytest.raises(InvalidArgument, match="Invalid transaction"):
        client._firestore_api.rollback(request={**request, "transaction": b"none"})
    client._firestore_api.rollback(request=request)
    other._rollback()


def test_an_idle_transaction_ends():
    now = [1_700_000_000_000_000]
    server = Server(clock=lambda: now[0])
    client = connect(server)
    transaction = begun(client)
    now[0] += (TRANSACTION_IDLE_S_MAX + 1) * 1_000_000
    with pytest.raises(InvalidArgument, match="expired"):
        client.document("a/b").get(transaction=transaction)
    client.close()
    server.stop()


@pytest.mark.parametrize("threads", [4, 8])
def test_counting_in_threads(client, node, threads):
    """With the client's own five attempts: who lost once has its turn."""
    node.set({"n": 0})

    def count(_: int) -> None:
        for _ in range(10):
            add(client, node)

    with ThreadPoolExecutor(threads) as pool:
        list(pool.map(count, range(threads)))
    assert node.get().get("n") == threads * 10


def test_one_of_those_who_create_wins(client, node):
    barrier = threading.Barrier(8)

    def claim(who):
        attempts = []

        @firestore.transactional
        def work(transaction):
            attempts.append(transaction.id)
            if node.get(transaction=transaction).exists:
                return False
            if len(attempts) == 1:
                barrier.wait(10)
            transaction.set(node, {"owner": who})
            return True

        return work(client.transaction())

    with ThreadPoolExecutor(8) as pool:
        won = list(pool.map(claim, range(8)))
    assert sum(won) == 1 and won[node.get().get("owner")]


def test_a_query_inside(client, fill):
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}})

    @firestore.transactional
    def work(transaction):
        found = [s.reference for s in nodes.where(filter=FieldFilter("v", "==", 1)).stream(transaction=transaction)]
        for reference in found:
            transaction.update(reference, {"v": 5})
        return len(found)

    assert work(client.transaction()) == 1
    assert nodes.document("a").get().to_dict() == {"v": 5}


def test_readers_see_whole_commits(client, nodes):
    """Two documents of one sum: whoever reads both, in a transaction or by a query, finds that sum."""
    one, other = nodes.document("a"), nodes.document("b")
    one.set({"v": 50})
    other.set({"v": 50})

    def move(amount: int) -> None:
        @firestore.transactional
        def work(transaction):
            found = {s.id: s.get("v") for s in transaction.get_all([one, other])}
            transaction.update(one, {"v": found["a"] - amount})
            transaction.update(other, {"v": found["b"] + amount})

        for _ in range(5):
            work(client.transaction())

    def look(_: int) -> None:
        for _ in range(10):
            transaction = begun(client, read_only=True)
            first = one.get(transaction=transaction).get("v")
            assert first + other.get(transaction=transaction).get("v") == 100
            transaction._rollback()
            assert sum(s.get("v") for s in nodes.stream()) == 100
            assert nodes.sum("v", alias="s").get()[0][0].value == 100

    with ThreadPoolExecutor(4) as pool:
        moves, looks = pool.map(move, (1, 7)), pool.map(look, range(2))
        assert list(moves) == list(looks) == [None, None]
    assert one.get().get("v") == 100 - 50 - 5 * (1 + 7) and other.get().get("v") == 50 + 5 * (1 + 7)
