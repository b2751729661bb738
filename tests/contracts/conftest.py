"""The adapters under contract. A second one joins by one line of `STORES`."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from lib.clock import Clock
from lib.store.port import Store
from lib.store.sqlite.store import SqliteStore
from tests.build import firestore

Opener = Callable[[Path, Clock], Store]

STORES: dict[str, Opener] = {
    "sqlite": lambda folder, clock: SqliteStore(str(folder / "store.db"), clock=clock),
    "firestore": lambda folder, clock: firestore.open_store(firestore.database_of(str(folder)), clock=clock),
}


class Ticking:
    """A clock of the test's own: it stands until the test moves it, backwards too."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **by: float) -> None:
        self.instant += timedelta(**by)


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture(params=sorted(STORES))
def open_here(request: pytest.FixtureRequest, tmp_path: Path, ticking: Ticking) -> Iterator[Callable[[], Store]]:
    """Opens the test's data, each time anew, as another process would."""
    stores: list[Store] = []

    def open_again() -> Store:
        stores.append(STORES[request.param](tmp_path, ticking))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def store(open_here: Callable[[], Store]) -> Store:
    return open_here()
