"""Runs a query over a database, now or as of a time."""

from __future__ import annotations

import itertools
import operator
from collections.abc import Sequence
from typing import NamedTuple

from tests.emulators.firestore.collection import Collection
from tests.emulators.firestore.database import Database
from tests.emulators.firestore.document import Document
from tests.emulators.firestore.filter import Disjunct
from tests.emulators.firestore.path import NAME
from tests.emulators.firestore.query import Cursor, Order, Query
from tests.emulators.firestore.value import Key


class Found(NamedTuple):
    """What a query gives: its documents, and how many an offset skipped before them."""

    documents: list[Document]
    skipped: int


def sources(database: Database, query: Query) -> list[Collection]:
    """The collections a query selects from."""
    if query.is_group:
        return [c for c in database.collections(query.parent) if query.collection_id in ("", c.id)]
    path = f"{query.parent}/{query.collection_id}" if query.parent else query.collection_id
    return [database.collection(path)]


def run(database: Database, query: Query, at: int | None = None) -> Found:
    """The documents a query gives, in order."""
    disjuncts = query.filter.disjuncts if query.filter else ((),)
    documents = looked_at(database, query, disjuncts, at)
    if query.filter:
        documents = list(filter(query.filter.test, documents))
    documents = arrange(query, documents)
    skipped = min(query.offset, len(documents))
    end = None if query.limit is None else skipped + query.limit
    return Found(documents[skipped:end], skipped)


def looked_at(database: Database, query: Query, disjuncts: Sequence[Disjunct], at: int | None = None) -> list[Document]:
    """Documents of the collections a query selects from, all among them that meet one of the disjuncts."""
    with database.lock:
        return list(itertools.chain.from_iterable(c.narrowed(disjuncts, at) for c in sources(database, query)))


def arrange(query: Query, documents: list[Document]) -> list[Document]:
    """Those between the cursors that have every field ordered by, in order."""
    return _between(_sort(documents, query.orders, is_sorted=not query.is_group), query)


def _sort(documents: list[Document], orders: tuple[Order, ...], is_sorted: bool) -> list[Document]:
    """Documents that have every field ordered by, in order. What comes from one collection is sorted by name."""
    paths = [o.path for o in orders if o.path != NAME]
    if paths:
        documents = [d for d in documents if all(d.key(path) is not None for path in paths)]
    is_sorted = is_sorted and orders[-1] == Order(NAME, False)
    for path, is_descending in reversed(orders[:-1] if is_sorted else orders):
        documents = sorted(documents, key=operator.methodcaller("key", path), reverse=is_descending)
    return documents


def _between(documents: list[Document], query: Query) -> list[Document]:
    if query.start:
        documents = [d for d in documents if stands_after(d, query.start, query.orders)]
    if query.end:
        documents = [d for d in documents if not stands_after(d, query.end, query.orders)]
    return documents


def stands_after(document: Document, cursor: Cursor, orders: tuple[Order, ...]) -> bool:
    """Whether a document comes after a cursor's position."""
    for order, want in zip(orders, cursor.keys, strict=False):
        key: Key | None = document.key(order.path)
        if key != want:
            return (key < want) if order.is_descending else (key > want)  # type: ignore[operator]
    return cursor.is_before
