"""The SQLite schema, made from the declarations of `indexes.py`, and its upgrade in place.

Hides: the names of tables and indexes, and which SQLite index serves which declared shape. `store.py` opens files
through `prepare`; `scan.py` builds its SQL from the layouts. Source: `indexes.py` and its docstrings.

    document table   id, key, rev, one column per promoted scalar, body
    log table        seq (AUTOINCREMENT), key, channel, at, promoted columns, body
    side table       one per `TEXTS` field: a row per element, clustered by (value, order, key)
    tally table      the number of documents of each combination of the `tallied` fields

Shapes with the same equality and first order become one index, with the later order fields at its end. The least
selective equality fields are appended too (`CARRIED`), so that counting or filtering by them reads no rows. Each field
that then leads no index gets an index of its own: an equality alone or an order alone needs no declared shape.
"""
# ruff: noqa: S608 - SQL is put together from declared column names; values are always bound

from __future__ import annotations

import functools
import hashlib
import json
import sqlite3
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, NamedTuple

import orjson

from lib.store.collection import Collection, FieldType, promote
from lib.store.indexes import EVENT
from lib.store.port import Body
from lib.store.sqlite.tally import StoredTally

FORMAT = 1
"""Part of the schema's digest: raise it when stored columns must be computed anew for another reason."""

CARRIED = 4
"""How many of the least selective equality fields are appended to each other's indexes."""

LOG_OWN = ("channel", "at", "seq")
"""Columns that the log fills itself; it ignores these fields of an event's body."""

BACKFILL_DOCS = 1000
SQL_TYPES = {FieldType.TEXT: "TEXT", FieldType.INSTANT: "TEXT", FieldType.INT: "INTEGER", FieldType.BOOL: "INTEGER"}
LOWEST = {FieldType.TEXT: "''", FieldType.INSTANT: "''", FieldType.INT: "-9223372036854775808", FieldType.BOOL: "0"}
"""SQL of the smallest value of a type: `column >= lowest` excludes nulls and is a bound that an index can use."""

BELOW_ALL = float("-inf")
"""Replaces null where a side table is clustered by a column: it is below every text and integer."""


@dataclass(frozen=True, slots=True)
class Index:
    """A SQLite index. The first `pinned` columns are compared for equality; the order follows. The index answers all
    `columns`, and the rowid, without reading rows. `only` names a column that is true in every row of the index."""

    name: str
    table: str
    columns: tuple[str, ...]
    pinned: int = 1
    is_unique: bool = False
    only: str = ""

    @property
    def ddl(self) -> str:
        unique = "UNIQUE " if self.is_unique else ""
        where = f' WHERE "{self.only}" = 1' if self.only else ""
        return f'CREATE {unique}INDEX "{self.name}" ON "{self.table}" ({_names(self.columns)}){where}'


class SideTable:
    """The side table of a `TEXTS` field: a row per element, clustered by `primary`. `order` is "" when no shape has an
    order; `extras` are the other fields of its shapes."""

    def __init__(self, field: str, table: str, order: str, extras: tuple[str, ...], indexes: tuple[Index, ...]) -> None:
        self.field, self.table, self.order, self.extras, self.indexes = field, table, order, extras, indexes
        primary = ("value", order, "key") if order else ("value", "key")
        self._ordered = len(primary) - 1
        # No column types: a null order is stored as BELOW_ALL, which a typed column would turn into a text.
        columns = ", ".join([*(f'"{c}" NOT NULL' for c in (*primary, "id")), *(f'"{c}"' for c in extras)])
        self.ddl = f'CREATE TABLE IF NOT EXISTS "{table}" ({columns}, PRIMARY KEY ({_names(primary)})) WITHOUT ROWID'
        self._insert = f'INSERT INTO "{table}" VALUES (?{", ?" * (len(primary) + len(extras))})'
        self._delete = f'DELETE FROM "{table}" WHERE ' + " AND ".join(f'"{c}" = ?' for c in primary)

    def add(self, connection: sqlite3.Connection, id: int, key: str, elements: Iterable[tuple[Any, ...]]) -> None:
        """Add rows, given without key and id."""
        self.add_rows(connection, self.rows(id, key, elements))

    def rows(self, id: int, key: str, elements: Iterable[tuple[Any, ...]]) -> list[tuple[Any, ...]]:
        """Whole rows of elements, for `add_rows`."""
        n = self._ordered
        return [(*e[:n], key, id, *e[n:]) for e in elements]

    def add_rows(self, connection: sqlite3.Connection, rows: list[tuple[Any, ...]]) -> None:
        """Add whole rows, those of one element together, since they are adjacent in the file."""
        if len(rows) > 1:
            rows.sort(key=itemgetter(0))
        connection.executemany(self._insert, rows)

    def drop(self, connection: sqlite3.Connection, key: str, elements: Iterable[tuple[Any, ...]]) -> None:
        """Remove rows, given without key and id."""
        n = self._ordered
        connection.executemany(self._delete, [(*e[:n], key) for e in elements])


class Layout:
    """How one collection is stored.

    `columns` are its promoted scalars, `indexes` the indexes of its main table, `id` the column that is the rowid, and
    `selected` the columns that `tx.read_doc` takes, of the table under the alias d. `insert` takes key, columns and
    body (of the log: key, channel, at, columns and body).
    """

    def __init__(self, collection: Collection) -> None:
        self.collection = collection
        self.name = collection.name
        self.is_log = self.name == EVENT.name
        self.fields = [(f.name, f.type.value, f.path) for f in collection.fields]
        self.types = {f.name: f.type for f in collection.fields}
        own = LOG_OWN if self.is_log else ()
        texts = [f.name for f in collection.fields if f.type is FieldType.TEXTS]
        self.columns = tuple(n for n in self.types if n not in texts and n not in own)
        self.sides = {n: _side(collection, n) for n in texts}
        self.indexes = _indexes(collection, self.is_log)
        self.tally = StoredTally(collection, self.columns) if collection.tallied else None
        self.id = "seq" if self.is_log else "id"
        self.selected = 'd."id", d."key", d."rev", d."body", NULL, NULL'
        if self.is_log:
            self.selected = 'd."seq", d."key", 1, d."body", d."channel", d."at"'
        given = ("key", "channel", "at") if self.is_log else ("key",)
        columns = (*given, *self.columns, "body", *(() if self.is_log else ("rev",)))
        self.insert = f'INSERT INTO "{self.name}" ({_names(columns)}) VALUES ({", ".join("?" * len(columns))})'
        if not self.is_log:
            self.insert = self.insert.removesuffix("?)") + "1)"
        self.load = f'SELECT {self.selected} FROM "{self.name}" AS d WHERE d."key" = ?'
        self.exists = f'SELECT 1 FROM "{self.name}" WHERE "key" = ?'
        place = {n: i for i, n in enumerate(self.types)}
        self._places = tuple(place[n] for n in self.columns)
        # For each side table: the positions of its field, its order (if any) and its extras among the promoted values.
        self._side_places = [
            (place[s.field], place[s.order] if s.order else None, [place[c] for c in s.extras])
            for s in self.sides.values()
        ]

    @property
    def tables(self) -> Iterator[str]:
        """The statements that create the tables."""
        typed = "".join(f', "{c}" {SQL_TYPES[self.types[c]]}' for c in self.columns)
        head = "id INTEGER PRIMARY KEY, key TEXT NOT NULL, rev INTEGER NOT NULL"
        if self.is_log:
            head = "seq INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL, channel TEXT NOT NULL, at TEXT NOT NULL"
        yield f'CREATE TABLE IF NOT EXISTS "{self.name}" ({head}{typed}, body BLOB NOT NULL)'
        yield from (side.ddl for side in self.sides.values())
        if self.tally is not None:
            yield self.tally.sql.replace("TABLE", "TABLE IF NOT EXISTS", 1)

    @property
    def every_index(self) -> Iterator[Index]:
        yield from self.indexes
        for side in self.sides.values():
            yield from side.indexes

    def split(self, body: Body) -> Promoted:
        """The promoted values of a body: the values of `columns`, and the rows of each side table without key and
        id."""
        promoted = promote(self.collection, body)
        rows = []
        for field, order, extras in self._side_places:
            others = tuple(promoted[i] for i in extras)
            if order is not None:
                others = (BELOW_ALL if promoted[order] is None else promoted[order], *others)
            rows.append(tuple((value, *others) for value in promoted[field]))
        return Promoted(tuple(promoted[i] for i in self._places), tuple(rows))


class Promoted(NamedTuple):
    """The promoted values of a body: the values of a layout's `columns`, and the rows of each side table without key
    and id."""

    columns: tuple[Any, ...]
    sides: tuple[tuple[tuple[Any, ...], ...], ...]


class Schema:
    """The layouts of all collections, and a digest that identifies the schema."""

    def __init__(self, collections: Iterable[Collection]) -> None:
        self.layouts = {c.name: Layout(c) for c in collections}
        self.digest = _digest([(t.fields, *t.tables, *(i.ddl for i in t.every_index)) for t in self.layouts.values()])

    @functools.cached_property
    def blank(self) -> bytes:
        """A file of this schema without documents: copying it is several times faster than making one."""
        with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
            prepare(connection, self)
            return connection.serialize()


def _names(columns: Iterable[str]) -> str:
    return ", ".join(f'"{c}"' for c in columns)


def _indexes(collection: Collection, is_log: bool) -> tuple[Index, ...]:
    """The indexes of the main table, except those that are a prefix of another."""
    wanted: dict[tuple[str, ...], int] = {}  # columns, and the number of pinned ones
    texts = {f.name for f in collection.fields if f.type is FieldType.TEXTS}
    shapes = [s for s in collection.shapes if not texts & set(s.equal)]
    if is_log:
        # seq is the rowid, the implicit last column of every index; `at` grows with it, so the scan converts it into a
        # seq.
        wanted.update((s.equal, len(s.equal)) for s in shapes)
    else:
        carried = _carried(collection)
        for equal, first in dict.fromkeys((s.equal, s.order[0].lstrip("-")) for s in shapes):
            later = [n for s in shapes if (s.equal, s.order[0].lstrip("-")) == (equal, first) for n in s.order[1:]]
            riding = carried[carried.index(equal[0]) + 1 :] if len(equal) == 1 and equal[0] in carried else ()
            wanted[tuple(dict.fromkeys((*equal, first, "key", *later, *riding)))] = len(equal)
    leading = {columns[0] for columns in wanted}
    alone = [
        f.name for f in collection.fields
        if f.name not in texts | leading and not f.is_coarse and not (is_log and f.name == "seq")
    ]  # fmt: skip
    wanted.update(((name,) if is_log else (name, "key"), 1) for name in alone)
    kept = [w for w in wanted if not any(w != v and v[: len(w)] == w for v in wanted)]
    table = collection.name
    unique = Index(f"{table}_key", table, ("key",), is_unique=True)
    return (unique, *(_index(table, columns, wanted[columns]) for columns in kept))


def _index(table: str, columns: tuple[str, ...], pinned: int, only: str = "") -> Index:
    """An index named after the columns before its key."""
    named = columns[: columns.index("key")] if "key" in columns else columns
    name = f"{table}_{only}_by_{'_'.join(named)}" if only else f"{table}_by_{'_'.join(named)}"
    return Index(name, table, columns, pinned, only=only)


def _carried(collection: Collection) -> tuple[str, ...]:
    """The least selective scalar equality fields, in order of selectivity."""
    equal = {f for s in collection.shapes for f in s.equal}
    names = [f.name for f in collection.fields if f.name in equal and f.type is not FieldType.TEXTS]
    return tuple(names[-CARRIED:])


def _side(collection: Collection, field: str) -> SideTable:
    """The side table of a `TEXTS` field; each further shape of the field is a secondary index of it. An index with a
    flag holds only the rows where the flag is true: scans ask for those, and they are few."""
    shapes = [s for s in collection.shapes if field in s.equal]
    order = shapes[0].order[0].lstrip("-") if shapes else ""
    named = (n.lstrip("-") for s in shapes for n in (*s.equal, *s.order))
    extras = tuple(n for n in dict.fromkeys(named) if n not in (field, order))
    table = f"{collection.name}${field}"
    indexes = []
    for shape in shapes:
        others = tuple(n for n in shape.equal if n != field)
        only = next((n for n in others if (f := collection.field(n)) and f.type is FieldType.BOOL), "")
        equal = ("value", *(n for n in others if n != only))
        # SQLite checks the flag again, though the index implies it, so the index holds the flag too.
        columns = (*equal, shape.order[0].lstrip("-"), "key", *filter(None, (only,)))
        if only or columns != ("value", order, "key"):
            indexes.append(_index(table, columns, len(equal), only))
    return SideTable(field, table, order, extras, tuple(dict.fromkeys(indexes)))


def encode_body(body: Body) -> bytes | str:
    """A body as it is stored: bytes made by orjson, or text for the few that only the standard library can write
    (integers past 64 bits, nesting past 254 levels, lone surrogates). A reader distinguishes them by the type of the
    value."""
    try:
        return orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        return json.dumps(body, separators=(",", ":"))


def decode_body(stored: bytes | str) -> Body:
    body: Body = orjson.loads(stored) if type(stored) is bytes else json.loads(stored)
    return body


def prepare(connection: sqlite3.Connection, schema: Schema) -> None:
    """Upgrade the file to this schema, in one transaction. Returns at once when its digest is that of the schema.

    If the promoted fields of a collection changed, its columns and side tables are computed anew from the bodies.
    Columns that are no longer declared stay and are not read.
    """
    if _read_meta(connection).get("schema") == schema.digest:
        return
    connection.execute("BEGIN IMMEDIATE")
    try:
        connection.execute("CREATE TABLE IF NOT EXISTS _meta (name TEXT PRIMARY KEY, value TEXT) WITHOUT ROWID")
        meta = _read_meta(connection)
        # Another process may have upgraded the file while this one waited for the lock.
        if meta.get("schema") != schema.digest:
            for layout in schema.layouts.values():
                fields = _digest(layout.fields)
                known = meta.get(f"fields:{layout.name}")
                _bring(connection, layout, is_stale=known not in (None, fields))
                _write_meta(connection, f"fields:{layout.name}", fields)
            _write_meta(connection, "schema", schema.digest)
        connection.execute("COMMIT")
    except BaseException:
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise


def _digest(parts: object) -> str:
    return hashlib.sha256(repr((FORMAT, parts)).encode()).hexdigest()


def _read_meta(connection: sqlite3.Connection) -> dict[str, str]:
    try:
        return dict(connection.execute("SELECT name, value FROM _meta"))
    except sqlite3.OperationalError:
        # No such table: a new file. Any other error occurs again in the following transaction.
        return {}


def _write_meta(connection: sqlite3.Connection, name: str, value: str) -> None:
    connection.execute("INSERT OR REPLACE INTO _meta VALUES (?, ?)", (name, value))


def _bring(connection: sqlite3.Connection, layout: Layout, is_stale: bool) -> None:
    """Create the missing tables, columns and indexes of one collection."""
    others = dict(connection.execute(
        "SELECT name, sql FROM sqlite_master WHERE type = 'table' AND (name GLOB ?1 || '$*' OR name GLOB ?1 || '#*')",
        (layout.name,),
    ))  # fmt: skip
    tally = layout.tally
    is_tallied = tally is not None and not is_stale and others.get(tally.table) == tally.sql
    for table in others:
        if is_stale or ("#" in table and not is_tallied):
            connection.execute(f'DROP TABLE "{table}"')
    for statement in layout.tables:
        connection.execute(statement)
    present = {row[1] for row in connection.execute(f'PRAGMA table_info("{layout.name}")')}
    for column in layout.columns:
        if column not in present:
            kind = SQL_TYPES[layout.types[column]]
            connection.execute(f'ALTER TABLE "{layout.name}" ADD COLUMN "{column}" {kind}')
    wanted = {i.name: i for i in layout.every_index}
    tables = [layout.name, *(s.table for s in layout.sides.values())]
    marks = ", ".join("?" * len(tables))
    found = dict(connection.execute(
        f"SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql NOT NULL AND tbl_name IN ({marks})", tables
    ))  # fmt: skip
    for name, sql in found.items():
        if is_stale or name not in wanted or wanted[name].ddl != sql:
            connection.execute(f'DROP INDEX "{name}"')
        else:
            del wanted[name]
    if is_stale:
        _backfill(connection, layout)
    for index in wanted.values():
        connection.execute(index.ddl)
    if tally is not None and not is_tallied:
        tally.fill(connection)


def _backfill(connection: sqlite3.Connection, layout: Layout) -> None:
    """Compute every promoted column and side row anew from the bodies."""
    ordered = f'SELECT "{layout.id}", key, body FROM "{layout.name}" WHERE "{layout.id}" > ? ORDER BY 1 LIMIT ?'
    changes = ", ".join(f'"{c}" = ?' for c in layout.columns) or "key = key"
    update = f'UPDATE "{layout.name}" SET {changes} WHERE "{layout.id}" = ?'
    last = 0
    while rows := connection.execute(ordered, (last, BACKFILL_DOCS)).fetchall():
        for last, key, stored in rows:
            columns, sides = layout.split(decode_body(stored))
            connection.execute(update, (*columns, last))
            for side, elements in zip(layout.sides.values(), sides, strict=True):
                side.add(connection, last, key, elements)
