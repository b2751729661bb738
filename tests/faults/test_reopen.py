"""A connection that broke, and for which SQLite gives no new one at first: whoever waits is told, and all goes on."""

from __future__ import annotations

import asyncio
import sqlite3
import threading

import pytest

from lib.errors import Unavailable
from lib.store.sqlite.store import SqliteStore
from lib.waiting import Fiber

WAIT_S = 60


def _break(store: SqliteStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Close the writer's connection; the first attempt to open another fails."""
    writer = store._writer
    reopen = writer._open
    refusals = [sqlite3.OperationalError("unable to open database file")]

    def open_or_refuse() -> sqlite3.Connection:
        if refusals:
            raise refusals.pop()
        return reopen()

    monkeypatch.setattr(writer, "_open", open_or_refuse)
    writer.connection.close()


def _create(store: SqliteStore, key: str, errors: list[BaseException | None]) -> None:
    try:
        store.transact(lambda tx: tx.create("node", key, {"id": key}))
        errors.append(None)
    except BaseException as error:
        errors.append(error)


def test_threads_are_told_when_no_connection_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore("")
    _break(store, monkeypatch)
    errors: list[BaseException | None] = []
    for key in ("a", "b", "c"):
        thread = threading.Thread(target=_create, args=(store, key, errors), daemon=True)
        thread.start()
        thread.join(WAIT_S)
    assert isinstance(errors[0], Unavailable)
    assert errors[-1] is None
    store.close()


def test_an_event_loop_is_told_when_no_connection_can_be_opened(monkeypatch: pytest.MonkeyPatch) -> None:
    store = SqliteStore("")
    _break(store, monkeypatch)
    errors: list[BaseException | None] = []

    async def write(key: str) -> None:
        done = asyncio.Event()

        def work() -> None:
            _create(store, key, errors)
            done.set()

        Fiber(work, asyncio.get_running_loop()).switch()
        async with asyncio.timeout(WAIT_S):
            await done.wait()

    async def write_all() -> None:
        for key in ("a", "b", "c"):
            await write(key)

    asyncio.run(write_all())
    assert isinstance(errors[0], Unavailable)
    assert errors[-1] is None
    store.close()
