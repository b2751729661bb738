"""Scans as Firestore queries, each served by indexes that `index.py` declares.

Hides: the full order that every query must state. The requested order comes first, then the key, which leaves no ties,
then the fields of further ranges, which the index serves without reading documents. Source of the semantics: `port.py`
(Where, Scan).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from lib.store.collection import Collection, FieldType, missing
from lib.store.firestore.index import KEY
from lib.store.firestore.wire import query
from lib.store.port import Scalar, Scan, Where
from lib.store.term import INTEGER_MAX, Term, fit_count, fit_cursor, fit_scan, type_of

LOWEST: dict[FieldType, Scalar] = {
    FieldType.TEXT: "",
    FieldType.INSTANT: "",
    FieldType.INT: -INTEGER_MAX - 1,
    FieldType.BOOL: False,
}
"""The smallest value of a type: a value that is not below it is not null."""


def find_query(collection: Collection, scan: Scan) -> Any | None:
    """The query of one page and one more document; None when nothing can match."""
    terms = fit_scan(collection, scan)
    order = scan.order.lstrip("-")
    after: Sequence[Scalar] = ()
    if scan.after is not None:
        value, key = fit_cursor(collection, order, scan.after)
        after = (value, key) if order else (key,)
    if terms is None:
        return None
    if order and not any(t.field == order and t.op in (">", ">=") for t in terms):
        terms = [*terms, Term(order, ">=", (LOWEST[type_of(collection, order)],))]
    whole = _order(order, terms, descends=scan.order.startswith("-"))
    return query(collection.name, terms, whole, limit=scan.limit + 1, offset=scan.skip, after=after)


def count_query(collection: Collection, where: tuple[Where, ...]) -> Any | None:
    """The query whose matches are to be counted, along any order that serves it; None when nothing can match."""
    terms = fit_count(collection, where)
    if terms is None:
        return None
    if not terms:
        return query(collection.name, (), ())
    equal = frozenset(t.field for t in terms if t.is_equal)
    ranges = frozenset(t.field for t in terms if not t.is_equal)
    firsts = sorted({s.order[0] for s in collection.shapes} | ranges) if ranges else [""]
    # `fit_count` ensures that one exists. Its index also holds documents whose order field is null.
    first = next(f for f in firsts if missing(collection, equal, ranges, f) is None)
    return query(collection.name, terms, _order(first.lstrip("-"), terms, descends=first.startswith("-")))


def _order(order: str, terms: Sequence[Term], *, descends: bool) -> list[tuple[str, bool]]:
    ranges = sorted({t.field for t in terms if not t.is_equal} - {order})
    return [(name, descends) for name in (order, KEY, *ranges) if name]
