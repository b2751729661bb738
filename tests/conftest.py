"""What every test may ask for: a clock that stands, ids that count, a store in memory, a bus, a hub, a client."""

from __future__ import annotations

import os
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest
from hypothesis import HealthCheck, settings

from lib.dialects.kcidb.codec import decode_text
from lib.domain.hub import Hub
from lib.store.port import Store
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.build import firestore
from tests.build.web import Web

if TYPE_CHECKING:
    from tests.build.carrier import PubsubCarrier

WORKERS_MAX = 8
"""Each worker imports everything and starts stand-ins of its own, so more of them cost more than they save."""

# How long an example takes, and to make one, depends on the machine.
settings.register_profile("tributary", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tributary")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--update-golden", action="store_true", help="rewrite the replies of the golden cases (one process)"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> None:
    """Keep an update of the golden files in one process: a file holds many cases, and each case rewrites it whole."""
    if config.option.update_golden:
        config.option.numprocesses, config.option.dist, config.option.tx = 0, "no", []


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers(config: pytest.Config) -> int:
    """How many workers `-n auto` means: one more than there are processors, for many tests wait for a server."""
    return min((os.cpu_count() or 1) + 1, WORKERS_MAX)


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
