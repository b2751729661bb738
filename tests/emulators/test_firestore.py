"""The local Firestore through the official client: a first round."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

from tests.emulators.firestore import Server, start

NUMBERS = itertools.count()


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    server = start()
    yield server
    server.stop()


def connect(server: Server) -> firestore.Client:
    """A client of a fresh database."""
    return firestore.Client(
        project=f"p{next(NUMBERS)}", credentials=AnonymousCredentials(), client_options={"api_endpoint": server.address}
    )


@pytest.fixture
def client(server: Server, monkeypatch: pytest.MonkeyPatch) -> firestore.Client:
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    return connect(server)


def test_documents_queries_counts(client: firestore.Client) -> None:
    nodes = client.collection("node")
    for n in range(5):
        nodes.document(f"n{n}").create({"n": n, "state": "done" if n % 2 else "running"})
    running = nodes.where(filter=FieldFilter("state", "==", "running")).order_by("n", direction="DESCENDING")
    assert [s.id for s in running.limit(2).stream()] == ["n4", "n2"]
    assert running.count().get()[0][0].value == 3


def test_a_transaction_reads_then_writes(client: firestore.Client) -> None:
    reference = client.document("counter/a")
    reference.set({"n": 1})

    @firestore.transactional
    def add(transaction: firestore.Transaction) -> None:
        transaction.update(reference, {"n": reference.get(transaction=transaction).get("n") + 1})

    add(client.transaction())
    assert reference.get().to_dict() == {"n": 2}


def test_a_query_without_its_index_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    server = start({"indexes": [], "fieldOverrides": []})
    monkeypatch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
    query = connect(server).collection("node").where(filter=FieldFilter("state", "==", "done")).order_by("created")
    with pytest.raises(FailedPrecondition, match=r"requires an index.*'node'.*state ASCENDING, created ASCENDING"):
        list(query.stream())
    server.stop()
