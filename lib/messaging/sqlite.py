"""The bus of one machine: all processes read the log in the store's SQLite file, so this bus only wakes waiters.

Hides: how commits of other processes are noticed. Called through `open.py` only. Source: `port.py`. A publish or `wake`
calls the watchers at once. While there are watchers, a thread also checks every few milliseconds whether another
process committed to the file. It then wakes with None: any channel may have new events.
"""

from __future__ import annotations

import logging
import sqlite3
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from lib.messaging.port import Message, Wake

POLL_S = 0.01
"""Seconds between two checks of the file; one check takes a few microseconds."""

log = logging.getLogger(__name__)


class EmbeddedBus:
    """Wakes the watchers of this process; with `store_path`, also for commits of other processes to that file."""

    carries = False

    def __init__(self, store_path: str | None) -> None:
        self._path = store_path
        self._watchers: dict[object, Wake] = {}
        self._gate = threading.Lock()
        self._is_closed = threading.Event()
        self._is_watched = threading.Event()
        self._thread: threading.Thread | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        for channel in dict.fromkeys(m.channel for m in messages):
            self._wake(channel)

    @property
    def hears_others(self) -> bool:
        """Whether commits of other processes wake the watchers."""
        return self._path is not None

    def wake(self, channel: str | None) -> None:
        self._wake(channel)

    def watch(self, wake: Wake) -> Callable[[], None]:
        ticket = object()
        with self._gate:
            self._watchers[ticket] = wake
            self._is_watched.set()
            if self._path is not None and self._thread is None and not self._is_closed.is_set():
                self._thread = threading.Thread(target=self._poll, name="sqlite-watch", daemon=True)
                self._thread.start()

        def stop() -> None:
            with self._gate:
                self._watchers.pop(ticket, None)
                if not self._watchers and not self._is_closed.is_set():
                    self._is_watched.clear()

        return stop

    def close(self) -> None:
        """Stop the thread; no watcher is woken afterwards."""
        with self._gate:
            self._is_closed.set()
            self._is_watched.set()
            self._watchers.clear()
        if self._thread is not None:
            self._thread.join()

    def _wake(self, channel: str | None) -> None:
        for wake in list(self._watchers.values()):
            try:
                wake(channel)
            except Exception:
                # A failing watcher must neither stop the others nor fail the publish.
                log.exception("a watcher of the bus raised")

    def _poll(self) -> None:
        connection: sqlite3.Connection | None = None
        seen: object = None
        while not self._is_closed.wait(POLL_S):
            self._is_watched.wait()
            try:
                connection = connection or self._connect()
                version = connection.execute("PRAGMA data_version").fetchone()
            except sqlite3.OperationalError:
                # No file yet, or a lock: check again at the next tick.
                continue
            if seen is not None and version != seen:
                self._wake(None)
            seen = version
        if connection is not None:
            connection.close()

    def _connect(self) -> sqlite3.Connection:
        """A connection that never creates the file: only the store does."""
        assert self._path is not None
        uri = f"{Path(self._path).absolute().as_uri()}?mode=rw"
        return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
