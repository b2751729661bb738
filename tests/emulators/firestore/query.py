"""A structured query, taken apart once: what it selects from, its filter, its full order, its cursors and bounds.

Rules are those of the service ("Perform simple and compound queries", and the comments of `StructuredQuery`): every
field of an inequality is ordered by, `__name__` comes last with the direction of the order before it, and documents
without a field that is ordered by are left out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.emulators.firestore.filter import Filter, read_filter
from tests.emulators.firestore.limits import DISJUNCTIONS_MAX, INEQUALITY_FIELDS_MAX, QUERY_PARTS_MAX
from tests.emulators.firestore.path import NAME, Path, check_id, parse_field, write_field
from tests.emulators.firestore.refusal import invalid, unimplemented
from tests.emulators.firestore.value import REFERENCE, Key, encode

DESCENDING = 2


class Order(NamedTuple):
    path: Path
    is_descending: bool


class Cursor(NamedTuple):
    """A position right before or right after the documents whose order values begin so."""

    keys: tuple[Key, ...]
    is_before: bool


@dataclass(frozen=True)
class Query:
    """A query as it runs. `collection_id` "" is every collection; `limit` None is no limit."""

    parent: str
    collection_id: str
    is_group: bool
    filter: Filter | None
    orders: tuple[Order, ...]
    start: Cursor | None
    end: Cursor | None
    offset: int
    limit: int | None
    projection: tuple[Path, ...] | None


def read_query(parent: str, message: Any) -> Query:
    """The query of a `StructuredQuery` below a parent's relative path."""
    if message.HasField("find_nearest"):
        raise unimplemented("this stand-in has no vector search (find_nearest)")
    if len(message.from_) != 1:
        raise invalid("a query selects from exactly one collection")
    source = message.from_[0]
    if source.collection_id:
        check_id(source.collection_id)
    elif not source.all_descendants:
        raise invalid("a query without a collection id must select from all descendants")
    filter = read_filter(message.where) if message.HasField("where") else None
    orders = _read_orders(message.order_by, filter)
    query = Query(
        parent=parent,
        collection_id=source.collection_id,
        is_group=source.all_descendants,
        filter=filter,
        orders=orders,
        start=_read_cursor(message.start_at, orders) if message.HasField("start_at") else None,
        end=_read_cursor(message.end_at, orders) if message.HasField("end_at") else None,
        offset=message.offset,
        limit=message.limit.value if message.HasField("limit") else None,
        projection=tuple(parse_field(f.field_path) for f in message.select.fields)
        if message.HasField("select")
        else None,
    )
    _check(query)
    return query


def _read_orders(messages: Any, filter: Filter | None) -> tuple[Order, ...]:
    orders = [Order(parse_field(m.field.field_path), m.direction == DESCENDING) for m in messages]
    paths = [o.path for o in orders]
    if len(set(paths)) < len(paths):
        raise invalid("a query orders by a field twice")
    last = orders[-1].is_descending if orders else False
    wanted = filter.inequalities - set(paths) - {NAME} if filter else set()
    orders += [Order(path, last) for path in sorted(wanted, key=write_field)]
    if NAME not in paths:
        orders.append(Order(NAME, last))
    return tuple(orders)


def _read_cursor(message: Any, orders: tuple[Order, ...]) -> Cursor:
    if len(message.values) > len(orders):
        raise invalid("a cursor has more values than the query has orders")
    keys = tuple(encode(v) for v in message.values)
    for order, key in zip(orders, keys, strict=False):
        if order.path == NAME and key[0] != REFERENCE:
            raise invalid("the value of __name__ in a cursor must be a reference")
    return Cursor(keys, message.before)


def _check(query: Query) -> None:
    if query.offset < 0 or (query.limit is not None and query.limit < 0):
        raise invalid("an offset or limit is negative")
    if query.filter is None:
        return
    if len(query.filter.inequalities) > INEQUALITY_FIELDS_MAX:
        raise invalid(f"a query has inequalities on more than {INEQUALITY_FIELDS_MAX} fields")
    if len(query.filter.disjuncts) > DISJUNCTIONS_MAX:
        raise invalid(f"a query has more than {DISJUNCTIONS_MAX} disjunctions in disjunctive normal form")
    parts = query.filter.count + len(query.orders) + (query.parent.count("/") + 1 if query.parent else 0)
    if parts > QUERY_PARTS_MAX:
        raise invalid(f"a query has more than {QUERY_PARTS_MAX} filters, orders and segments of its parent")
    for path in query.filter.paths:
        if path != NAME and not query.collection_id:
            raise invalid("a query over every collection can filter by __name__ only")
