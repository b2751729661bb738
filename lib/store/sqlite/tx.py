"""Transactions on SQLite: the reads and writes of one piece of work.

Hides: how a document and its side rows are read and written. `store.py` passes a `SqliteTx` to the work and then calls
`apply`. Writes are collected until the work is done, so work that fails or is rehearsed leaves nothing to undo. Source:
`port.py` (Tx, and the limits).
"""
# ruff: noqa: S608 - SQL is put together from declared column names; values are always bound

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, timedelta
from typing import Any

import orjson

from lib.clock import Clock, stamp, unstamp
from lib.errors import Exists, Invalid
from lib.store.indexes import EVENT
from lib.store.port import BODY_BYTES_MAX, Body, Doc, Page, Scan, check_key, encode_cursor
from lib.store.sqlite.scan import Look, find_sql
from lib.store.sqlite.schema import LOG_OWN, Layout, Promoted, Schema, SideTable, decode_body, encode_body
from lib.store.sqlite.tally import Combination

Row = Sequence[Any]
"""A row of `Layout.selected`: rowid, key, rev, body, channel, at; of a scan, the order value too."""

_MICROSECOND = timedelta(microseconds=1)


def read_doc(row: Row) -> Doc:
    """The document of a row. An event's body gets the log's own fields."""
    stored = row[3]
    if row[4] is None and type(stored) is bytes:
        return Doc(row[1], row[2], stored=stored)
    body = decode_body(stored)
    if row[4] is not None:
        body.update(seq=row[0], channel=row[4], at=row[5])
    return Doc(row[1], row[2], body)


def load_row(connection: sqlite3.Connection, layout: Layout, key: str) -> Row | None:
    check_key(key)
    row: Row | None = connection.execute(layout.load, (key,)).fetchone()
    return row


def load_rows(connection: sqlite3.Connection, layout: Layout, keys: Sequence[str]) -> list[Row | None]:
    """The rows of the keys, in their order, by one statement."""
    for key in keys:
        check_key(key)
    statement = (
        f'SELECT j.key, {layout.selected} FROM json_each(?) AS j CROSS JOIN "{layout.name}" AS d ON d."key" = j.value'
    )
    found: list[Row | None] = [None] * len(keys)
    for place, *row in connection.execute(statement, (orjson.dumps(list(keys)).decode(),)):
        found[place] = row
    return found


def find_rows(connection: sqlite3.Connection, layout: Layout, scan: Scan) -> tuple[list[Row], str | None]:
    """The rows of one page, and the cursor after it."""
    statement = find_sql(layout, scan, look_through(connection))
    if statement is None:
        return [], None
    rows = connection.execute(statement.sql, statement.values).fetchall()
    if len(rows) <= scan.limit:
        return rows, None
    rows.pop()
    return rows, encode_cursor(rows[-1][6], rows[-1][1])


def look_through(connection: sqlite3.Connection) -> Look:
    """A function that runs a counting statement and returns its one number."""

    def look(sql: str, values: Sequence[Any]) -> int:
        number: int = connection.execute(sql, values).fetchone()[0]
        return number

    return look


def is_outage(error: BaseException) -> bool:
    """Whether an SQLite error is temporary: a full or broken disk, a lock held for too long."""
    # A damaged file raises the base class itself; its other subclasses are faults of the caller.
    return isinstance(error, sqlite3.OperationalError) or type(error) is sqlite3.DatabaseError


class HalfDone(Exception):
    """A write failed after other writes of its transaction were done, so SQLite's transaction must be rolled back.

    The caller of `transact` gets its cause.
    """


@dataclass(slots=True)
class _Held:
    """A document that this transaction may save, in its stored state or in its state after the writes so far."""

    id: int
    rev: int
    stored: bytes | str


class SqliteTx:
    """One run of one piece of work: reads on the writer's connection, writes collected for `apply`.

    A read after a write, and a `save` of a document that was not read, are faults of the product: RuntimeError.
    """

    def __init__(self, connection: sqlite3.Connection, schema: Schema, clock: Clock, writes_max: int) -> None:
        self._connection = connection
        self._layouts = schema.layouts
        self._clock = clock
        self._writes_max = writes_max
        self._known: dict[tuple[str, str], _Held] = {}
        self._writes: list[tuple[Any, ...]] = []  # the method, then its arguments
        self._rows: dict[SideTable, list[tuple[Any, ...]]] = {}  # of new documents, not yet in side tables
        self._changes: dict[Layout, Counter[Combination]] = {}  # of tallied documents, not yet in their tallies
        self._last_at: str | None = None

    def load(self, collection: str, key: str) -> Doc | None:
        layout = self._read_from(collection)
        row = load_row(self._connection, layout, key)
        return None if row is None else self._know(layout, row)

    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]:
        layout = self._read_from(collection)
        rows = load_rows(self._connection, layout, keys)
        return [None if row is None else self._know(layout, row) for row in rows]

    def find(self, collection: str, scan: Scan) -> Page:
        layout = self._read_from(collection)
        rows, cursor = find_rows(self._connection, layout, scan)
        return Page([self._know(layout, row) for row in rows], cursor)

    def create(self, collection: str, key: str, body: Body) -> None:
        layout = self._write_to(collection)
        check_key(key)
        stored, promoted = _encode(layout, body)
        self._writes.append((SqliteTx._insert, layout, key, stored, promoted))

    def save(self, collection: str, key: str, body: Body) -> int:
        layout = self._write_to(collection)
        known = self._known.get((collection, key))
        if known is None:
            raise RuntimeError(f"{collection} {key} is saved by a transaction that did not read it")
        stored, promoted = _encode(layout, body)
        before = _Held(known.id, known.rev, known.stored)
        known.rev, known.stored = before.rev + 1, stored
        self._writes.append((SqliteTx._update, layout, key, before, stored, promoted))
        return known.rev

    def drop(self, collection: str, key: str) -> None:
        layout = self._write_to(collection, is_drop=True)
        check_key(key)
        self._known.pop((collection, key), None)
        self._writes.append((SqliteTx._delete, layout, key))

    def append(self, channel: str, key: str, body: Body) -> None:
        layout = self._write_to(EVENT.name, is_append=True)
        check_key(key)
        stored, promoted = _encode(layout, {n: v for n, v in body.items() if n not in LOG_OWN})
        self._writes.append((SqliteTx._log, layout, key, channel, stored, promoted))

    def apply(self) -> None:
        """Do the writes. Raises Exists before anything is written, HalfDone when a later write fails.

        Keys are checked first, so that a taken key does not roll back the other work of the batch. Savepoints would
        work too, but SQLite copies every page that changes under a savepoint, which made small writes a quarter slower.
        """
        if len(self._writes) > 1:
            self._check_free()
        done = 0
        try:
            for do, *arguments in self._writes:
                do(self, *arguments)
                done += 1
            self._add_rows()
            for layout, changes in self._changes.items():
                assert layout.tally is not None
                layout.tally.add(self._connection, changes)
        except Exception as error:
            if is_outage(error) or (done == 0 and isinstance(error, Exists)):
                raise
            raise HalfDone from error

    def _check_free(self) -> None:
        dropped = {(layout.name, key) for do, layout, key, *_ in self._writes if do is SqliteTx._delete}
        for do, layout, key, *_ in self._writes:
            if do not in (SqliteTx._insert, SqliteTx._log) or (layout.name, key) in dropped:
                continue
            if self._connection.execute(layout.exists, (key,)).fetchone():
                raise _exists(layout, key)

    def _add_rows(self) -> None:
        """Fill the side tables. This runs at the end, or before a write that may remove rows again. One large insert is
        cheaper than a few rows for each document, since the rows of one element are adjacent."""
        for side, rows in self._rows.items():
            side.add_rows(self._connection, rows)
        self._rows.clear()

    def _count(self, layout: Layout, columns: Sequence[Any], n: int) -> None:
        """Record for the tally that a document with these columns was added (1) or removed (-1)."""
        if layout.tally is not None:
            self._changes.setdefault(layout, Counter())[layout.tally.of(columns)] += n

    def _read_from(self, collection: str) -> Layout:
        if self._writes:
            raise RuntimeError("a transaction reads after it wrote: all reads come before the first write")
        return self._layouts[collection]

    def _write_to(self, collection: str, *, is_append: bool = False, is_drop: bool = False) -> Layout:
        layout = self._layouts[collection]
        if layout.is_log and not (is_append or is_drop):
            raise RuntimeError("the log takes events by `append` only")
        if len(self._writes) >= self._writes_max:
            raise Invalid("writes", f"a transaction has at most {self._writes_max}")
        return layout

    def _know(self, layout: Layout, row: Row) -> Doc:
        self._known[layout.name, row[1]] = _Held(row[0], row[2], row[3])
        return read_doc(row)

    def _insert(self, layout: Layout, key: str, stored: bytes | str, promoted: Promoted) -> None:
        id = self._insert_row(layout, key, (key, *promoted.columns, stored))
        self._count(layout, promoted.columns, 1)
        for side, elements in zip(layout.sides.values(), promoted.sides, strict=True):
            if elements:
                self._rows.setdefault(side, []).extend(side.rows(id, key, elements))

    def _insert_row(self, layout: Layout, key: str, values: Sequence[Any]) -> int:
        try:
            id = self._connection.execute(layout.insert, values).lastrowid
        except sqlite3.IntegrityError as error:
            raise _exists(layout, key) from error
        assert id is not None
        return id

    def _update(self, layout: Layout, key: str, before: _Held, stored: bytes | str, promoted: Promoted) -> None:
        """Write the body, and only the columns and side rows that changed: each unchanged index saves a page write."""
        self._add_rows()
        old = layout.split(decode_body(before.stored))
        changes = [(c, v) for c, o, v in zip(layout.columns, old.columns, promoted.columns, strict=True) if o != v]
        sets = "".join(f', "{c}" = ?' for c, _ in changes)
        self._count(layout, old.columns, -1)
        self._count(layout, promoted.columns, 1)
        self._connection.execute(
            f'UPDATE "{layout.name}" SET "rev" = ?, "body" = ?{sets} WHERE "id" = ?',
            (before.rev + 1, stored, *(v for _, v in changes), before.id),
        )
        for side, was, now in zip(layout.sides.values(), old.sides, promoted.sides, strict=True):
            if was != now:
                side.drop(self._connection, key, set(was) - set(now))
                side.add(self._connection, before.id, key, set(now) - set(was))

    def _delete(self, layout: Layout, key: str) -> None:
        self._add_rows()
        if layout.sides or layout.tally is not None:
            row = load_row(self._connection, layout, key)
            if row is None:
                return
            was = layout.split(decode_body(row[3]))
            self._count(layout, was.columns, -1)
            for side, elements in zip(layout.sides.values(), was.sides, strict=True):
                side.drop(self._connection, key, elements)
        self._connection.execute(f'DELETE FROM "{layout.name}" WHERE "key" = ?', (key,))

    def _log(self, layout: Layout, key: str, channel: str, stored: bytes | str, promoted: Promoted) -> None:
        self._insert_row(layout, key, (key, channel, self._next_at(layout), *promoted.columns, stored))

    def _next_at(self, layout: Layout) -> str:
        """The instant of the next event: now, or a microsecond after the last event of any channel, so that it
        grows."""
        last = self._last_at
        if last is None:
            row = self._connection.execute(f'SELECT "at" FROM "{layout.name}" ORDER BY "seq" DESC LIMIT 1').fetchone()
            last = row[0] if row else ""
        at = stamp(self._clock())
        if at <= last:
            at = stamp(unstamp(last).astimezone(UTC) + _MICROSECOND)
        self._last_at = at
        return at


def _exists(layout: Layout, key: str) -> Exists:
    return Exists(f"{layout.name.capitalize()} already exists with id: {key}")


def _encode(layout: Layout, body: Body) -> tuple[bytes | str, Promoted]:
    """A body as stored and its promoted values, encoded now, since the caller may change the body later."""
    try:
        stored = encode_body(body)
    except RecursionError as error:
        raise Invalid("body", "is nested too deep") from error
    if len(stored) > BODY_BYTES_MAX:
        raise Invalid("body", f"has at most {BODY_BYTES_MAX} bytes")
    try:
        promoted = layout.split(body)
        if type(stored) is str:
            # orjson refuses a few bodies. This checks that at least the indexed texts are valid Unicode.
            orjson.dumps(tuple(promoted))
    except (UnicodeEncodeError, TypeError) as error:
        raise Invalid("body", "a text that is indexed is not Unicode") from error
    return stored, promoted
