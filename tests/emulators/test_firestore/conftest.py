"""One stand-in for the whole folder, and a fresh database for each test."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Mapping
from typing import Any

import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore

from tests.emulators.firestore import Server, start
from tests.emulators.firestore.index import Source

PROJECTS = itertools.count(1)

Docs = Mapping[str, Mapping[str, Any]]
Filled = Callable[[Docs], firestore.CollectionReference]


def connect(server: Server, project: str = "", database: str | None = None) -> firestore.Client:
    """A client of a database of its own, unless one is named."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        return firestore.Client(
            project=project or f"p{next(PROJECTS)}", database=database, credentials=AnonymousCredentials()
        )


def connect_async(server: Server) -> firestore.AsyncClient:
    """The same, for use inside one event loop."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("FIRESTORE_EMULATOR_HOST", server.address)
        return firestore.AsyncClient(project=f"p{next(PROJECTS)}", credentials=AnonymousCredentials())


@pytest.fixture(scope="package")
def server() -> Iterator[Server]:
    """Allows every query."""
    server = start()
    yield server
    server.stop()


@pytest.fixture
def client(server: Server) -> Iterator[firestore.Client]:
    client = connect(server)
    yield client
    client.close()


@pytest.fixture
def nodes(client: firestore.Client) -> firestore.CollectionReference:
    return client.collection("node")


@pytest.fixture
def node(nodes: firestore.CollectionReference) -> firestore.DocumentReference:
    return nodes.document("a")


@pytest.fixture
def fill(nodes: firestore.CollectionReference) -> Filled:
    """Puts documents into the collection of the test."""
    return lambda docs: put(nodes, docs)


def put(collection: firestore.CollectionReference, docs: Docs) -> firestore.CollectionReference:
    batch = collection._client.batch()
    for id, fields in docs.items():
        batch.set(collection.document(id), dict(fields))
    batch.commit()
    return collection


@pytest.fixture
def start_with() -> Iterator[Callable[[Source], firestore.Client]]:
    """Starts a stand-in that has only these indexes, and connects to it."""
    servers: list[Server] = []

    def start_another(indexes: Source) -> firestore.Client:
        servers.append(start(indexes))
        return connect(servers[-1])

    yield start_another
    for server in servers:
        server.stop()
