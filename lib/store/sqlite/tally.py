"""Tallies: the number of documents of each combination of a few coarse fields, updated by the transactions.

Hides: the table of a collection's tally. An exact count over its fields is a sum over that table, which grows with the
number of combinations, never with the number of documents. Source: `Collection.tallied` in `indexes.py`.
"""
# ruff: noqa: S608 - SQL is put together from declared column names; values are always bound

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from typing import Any

from lib.store.collection import Collection

ABSENT = 0
"""Replaces null, which a primary key cannot hold. Tallied fields are texts, so no value equals it."""

Combination = tuple[Any, ...]


class StoredTally:
    """The tally of one collection, beside its main table."""

    def __init__(self, collection: Collection, columns: Sequence[str]) -> None:
        self.fields = collection.tallied
        self.table = f"{collection.name}#tally"
        self._places = tuple(columns.index(name) for name in self.fields)
        names = ", ".join(f'"{name}"' for name in self.fields)
        # No column types: a typed column would convert ABSENT to a text.
        columns_ddl = "".join(f'"{name}" NOT NULL, ' for name in self.fields)
        self.sql = f'CREATE TABLE "{self.table}" ({columns_ddl}n INTEGER NOT NULL, PRIMARY KEY ({names})) WITHOUT ROWID'
        self._add = (
            f'INSERT INTO "{self.table}" VALUES ({"?, " * len(self.fields)}?) '
            f"ON CONFLICT DO UPDATE SET n = n + excluded.n"
        )
        given = ", ".join(f'ifnull("{name}", {ABSENT})' for name in self.fields)
        places = ", ".join(str(n + 1) for n in range(len(self.fields)))
        self._fill = (
            f'INSERT INTO "{self.table}" SELECT {given}, count(*) FROM "{collection.name}" WHERE true GROUP BY {places}'
        )

    def of(self, columns: Sequence[Any]) -> Combination:
        """The combination of a document's promoted columns."""
        return tuple([ABSENT if columns[i] is None else columns[i] for i in self._places])

    def add(self, connection: sqlite3.Connection, changes: Mapping[Combination, int]) -> None:
        """Apply the changes in the number of documents."""
        connection.executemany(self._add, [(*combination, n) for combination, n in changes.items() if n])

    def fill(self, connection: sqlite3.Connection) -> None:
        """Fill the empty table from the stored documents."""
        connection.execute(self._fill)
