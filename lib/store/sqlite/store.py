"""The store on SQLite: one file, one connection that writes, readers on connections of their own.

Hides: connections, and the meaning of SQLite's errors. Called through `open.py` only. Source: `port.py`. The schema is
in `schema.py`, the SQL of scans in `scan.py`, transactions are in `tx.py`, and group commit is in `writer.py`. Several
processes may share a file: each batch holds SQLite's write lock from its start.
"""
# ruff: noqa: S608 - SQL is put together from declared column names; values are always bound

from __future__ import annotations

import os
import shutil
import sqlite3
import tempfile
import threading
import time
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

from lib.clock import Clock, now
from lib.errors import Invalid, Unavailable
from lib.store.collection import Collection
from lib.store.indexes import COLLECTIONS, EVENT
from lib.store.port import PAGE_DOCS_MAX, Body, Doc, Event, Page, Publish, Scan, Tx, Where
from lib.store.sqlite.scan import count_sql
from lib.store.sqlite.schema import Schema, encode_body, prepare
from lib.store.sqlite.tx import SqliteTx, find_rows, is_outage, load_row, load_rows, look_through, read_doc
from lib.store.sqlite.writer import Writer

T = TypeVar("T")

BUSY_TIMEOUT_S = 15.0
"""Seconds to wait for another process's transaction before answering Unavailable."""

WRITES_MAX = 1_000_000
BYTES_MAX = 1_000_000_000
IDLE_READERS_MAX = 16
STATEMENTS_CACHED = 512
CHECKPOINT_PAGES = 8000
"""Pages of 4 KiB in the write-ahead log after which a commit also moves them into the file."""

LOG_BYTES_KEPT = 128 * 1024 * 1024
WRITER_CACHE_KIB = 64 * 1024
READER_CACHE_KIB = 8 * 1024
MAPPED_BYTES = 1024 * 1024 * 1024
"""Bytes of the file that readers map into memory, shared among connections, instead of copying page by page."""

DECLARED = Schema(COLLECTIONS.values())

_OPEN: weakref.WeakSet[SqliteStore] = weakref.WeakSet()


class SqliteStore:
    """A store in one SQLite file. With `path` "" it exists as long as this object, in a temporary file, so that it
    behaves like any other; that file is never synced.

    `clock` dates events. `batch_s` bounds how long one batch accepts more work before it commits. `rehearse` runs every
    work twice and discards the first run, so that tests detect work that is not pure.
    """

    writes_max = WRITES_MAX
    bytes_max = BYTES_MAX
    is_expiring = False
    is_near = True

    def __init__(
        self,
        path: str,
        *,
        clock: Clock = now,
        rehearse: bool = False,
        batch_s: float = 0.02,
        collections: Iterable[Collection] | None = None,
    ) -> None:
        self._clock = clock
        self._schema = DECLARED if collections is None else Schema(collections)
        self._is_durable = bool(path)
        self._path = path or self._make_temporary()
        self._refusal: Exception | None = None
        self._idle: list[sqlite3.Connection] = []
        with _translated():
            self._writer = Writer(self._open_writer, self._begin, batch_s=batch_s, rehearse=rehearse)
            self._witness = self._connect("PRAGMA query_only = 1")
        self._witness_gate = threading.Lock()
        _OPEN.add(self)

    def load(self, collection: str, key: str) -> Doc | None:
        with self._reader() as connection:
            row = load_row(connection, self._schema.layouts[collection], key)
        return None if row is None else read_doc(row)

    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]:
        with self._reader() as connection:
            rows = load_rows(connection, self._schema.layouts[collection], keys)
        return [None if row is None else read_doc(row) for row in rows]

    def find(self, collection: str, scan: Scan) -> Page:
        with self._reader() as connection:
            rows, cursor = find_rows(connection, self._schema.layouts[collection], scan)
        return Page([read_doc(row) for row in rows], cursor)

    def count(self, collection: str, where: tuple[Where, ...]) -> int:
        with self._reader() as connection:
            look = look_through(connection)
            statement = count_sql(self._schema.layouts[collection], where, look)
            return 0 if statement is None else look(statement.sql, statement.values)

    def read(self, channel: str, after: int, limit: int) -> list[Event]:
        # Numbers are assigned under SQLite's write lock and become visible in that order, so no reader can miss one.
        if not 1 <= limit <= PAGE_DOCS_MAX:
            raise Invalid("limit", f"must be 1 to {PAGE_DOCS_MAX}")
        layout = self._schema.layouts[EVENT.name]
        statement = (
            f'SELECT {layout.selected} FROM "{layout.name}" AS d INDEXED BY "event_by_channel" '
            'WHERE d."channel" = ? AND d."seq" > ? ORDER BY d."seq" LIMIT ?'
        )
        with self._reader() as connection:
            rows = connection.execute(statement, (channel, after, limit)).fetchall()
        return [Event(row[0], row[4], row[5], row[1], read_doc(row).body) for row in rows]

    def last(self, channel: str) -> int:
        statement = (
            'SELECT "seq" FROM "event" INDEXED BY "event_by_channel" WHERE "channel" = ? ORDER BY "seq" DESC LIMIT 1'
        )
        with self._reader() as connection:
            row = connection.execute(statement, (channel,)).fetchone()
        return row[0] if row else 0

    def generation(self) -> object:
        # SQLite counts, for each connection, the commits of all others; this connection never writes.
        self._check()
        with self._witness_gate, _translated():
            return self._witness.execute("PRAGMA data_version").fetchone()[0]

    def weigh(self, collection: str, key: str, body: Body) -> int:
        return len(encode_body(body))

    def start_sending(self) -> bool:
        return False

    def send(self, publish: Publish) -> None:
        """No effect: the outbox lists the events to send."""

    def repair(self, before: datetime, publish: Publish | None) -> int:
        """No effect: an event and its number are one write."""
        return 0

    def transact(self, work: Callable[[Tx], T]) -> T:
        self._check()
        return self._writer.run(work)

    def close(self) -> None:
        """Finish the queued work, then close; safe to call again."""
        if self._refusal is not None:
            return
        self._refusal = Unavailable("the store is closed")
        self._writer.close()
        with self._witness_gate:
            self._witness.close()
        while self._idle:
            self._idle.pop().close()
        if not self._is_durable:
            self._remove()

    def _make_temporary(self) -> str:
        """A new file in a folder that is deleted with this object, or at the latest with the process."""
        folder = tempfile.mkdtemp(prefix="tributary-")
        self._remove = weakref.finalize(self, shutil.rmtree, folder, ignore_errors=True)
        path = Path(folder, "store.db")
        path.write_bytes(self._schema.blank)
        return str(path)

    def _check(self) -> None:
        if self._refusal is not None:
            raise type(self._refusal)(*self._refusal.args)

    def _connect(self, *pragmas: str) -> sqlite3.Connection:
        connection = sqlite3.connect(
            self._path,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
            cached_statements=STATEMENTS_CACHED,
        )
        for pragma in (*pragmas, f"PRAGMA mmap_size = {MAPPED_BYTES}"):
            connection.execute(pragma)
        return connection

    def _open_writer(self) -> sqlite3.Connection:
        connection = self._connect(
            f"PRAGMA synchronous = {'FULL' if self._is_durable else 'OFF'}",
            f"PRAGMA wal_autocheckpoint = {CHECKPOINT_PAGES}",
            f"PRAGMA journal_size_limit = {LOG_BYTES_KEPT}",
            f"PRAGMA cache_size = -{WRITER_CACHE_KIB}",
        )
        connection.execute("PRAGMA mmap_size = 0")
        _enter_wal(connection)
        prepare(connection, self._schema)
        return connection

    def _begin(self, connection: sqlite3.Connection) -> SqliteTx:
        return SqliteTx(connection, self._schema, self._clock, self.writes_max)

    @contextmanager
    def _reader(self) -> Iterator[sqlite3.Connection]:
        """A connection for one read, from those that are idle."""
        self._check()
        with _translated():
            try:
                connection = self._idle.pop()
            except IndexError:
                connection = self._connect("PRAGMA query_only = 1", f"PRAGMA cache_size = -{READER_CACHE_KIB}")
            try:
                yield connection
            finally:
                if self._refusal is None and len(self._idle) < IDLE_READERS_MAX:
                    self._idle.append(connection)
                else:
                    connection.close()


@contextmanager
def _translated() -> Iterator[None]:
    """Convert temporary SQLite errors to Unavailable."""
    try:
        yield
    except sqlite3.Error as error:
        if not is_outage(error):
            raise
        raise Unavailable(f"the store cannot answer now: {error}") from error


def _enter_wal(connection: sqlite3.Connection) -> None:
    """Turn on the write-ahead log. If two processes create a file at once, SQLite refuses one of them without
    waiting."""
    until = time.monotonic() + BUSY_TIMEOUT_S
    while True:
        try:
            connection.execute("PRAGMA journal_mode = WAL")
            return
        except sqlite3.OperationalError:
            if time.monotonic() >= until:
                raise
            time.sleep(0.01)


def _refuse_after_fork() -> None:
    """A child process shares its parent's connections: using them would corrupt the file."""
    for store in _OPEN:
        store._refusal = RuntimeError("this store was opened before the process forked: open it in the child")
        if not store._is_durable:
            store._remove.detach()  # these are the parent's files


os.register_at_fork(after_in_child=_refuse_after_fork)
