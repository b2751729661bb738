"""What every test may ask for: a clock that stands, ids that count, a store in memory, a bus, a hub, a client."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from lib.dialects.kcidb.codec import decode_text
from lib.domain.hub import Hub
from lib.store.port import Store
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.build import firestore
from tests.build.web import Web

if TYPE_CHECKING:
    from tests.build.carrier import PubsubCarrier


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-golden", action="store_true", help="rewrite the replies of the golden cases")


@pytest.fixture
def clock() -> build.FixedClock:
    return build.FixedClock()


@pytest.fixture
def ids() -> build.CountedIds:
    return build.CountedIds()


@pytest.fixture
def store_kind(request: pytest.FixtureRequest) -> str:
    """`sqlite`, or `firestore` where a test or its module says so."""
    kind: str = getattr(request, "param", "sqlite")
    return kind


@pytest.fixture
def store(request: pytest.FixtureRequest, store_kind: str, clock: build.FixedClock) -> Iterator[Store]:
    """A new store: at home in memory, and running every work twice, so that work which is not pure shows; far off, in
    a database of the test's own, whose log counts from 1 as SQLite's does."""
    if store_kind == "sqlite":
        store: Store = SqliteStore("", clock=clock, rehearse=True)
    else:
        store = firestore.open_store(firestore.database_of(request.node.nodeid), clock=clock, next_seq=lambda: 1)
    yield store
    store.close()


@pytest.fixture
def bus() -> build.RecordingBus:
    return build.RecordingBus()


@pytest.fixture(scope="module")
def far_side() -> Iterator[PubsubCarrier]:
    """The stand-in of Pub/Sub, which the environment names meanwhile; `reset` it."""
    from tests.build.carrier import PubsubCarrier

    with PubsubCarrier() as carrier:
        yield carrier


@pytest.fixture
def auth() -> build.PlainAuth:
    return build.PlainAuth()


@pytest.fixture
def hub(
    store: Store, bus: build.RecordingBus, auth: build.PlainAuth, clock: build.FixedClock, ids: build.CountedIds
) -> Hub:
    return Hub(store, bus, auth, clock=clock, ids=ids, decode=decode_text)


@pytest.fixture
def web() -> Iterator[Web]:
    """An HTTP server that answers as the test says."""
    with Web().serving() as web:
        yield web


@pytest.fixture
def client(hub: Hub, clock: build.FixedClock) -> build.Client:
    """A client of the whole edge."""
    from functions.edge import http, routes

    return build.Client(http.Edge(hub, routes.table()), clock)
