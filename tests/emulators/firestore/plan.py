"""Which indexes serve a query, and the refusal of a query that none serve ("Index selection", "Index merging").

Each disjunct is served by itself. It needs its fields of equality and array-contains, in any order, and behind them its
orders, in their order and directions, `__name__` last. One index may hold all of it; several may be merged when each
holds some of the equalities and all of them end with the same orders. An index is never read backwards.

Where the documents of the service leave a case open this is the stricter reading, so that what passes here passes
there: equalities in descending order of `__name__`, and `__name__` alone in descending order, need a declared index; an
index of a collection group does not serve its single collections.
"""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from tests.emulators.firestore.filter import Disjunct
from tests.emulators.firestore.index import (
    ASCENDING,
    COLLECTION,
    CONTAINS,
    DESCENDING,
    GROUP,
    Index,
    IndexSet,
    Part,
)
from tests.emulators.firestore.path import NAME, Path, write_field
from tests.emulators.firestore.query import Order, Query
from tests.emulators.firestore.refusal import failed

EQUAL = "EQUAL"


class Need(NamedTuple):
    """What a disjunct asks of its indexes: equalities (by value or element), orders, the direction of `__name__`."""

    group: str
    scope: str
    equal: tuple[Part, ...]
    orders: tuple[Part, ...]
    name: str


Plan = tuple[Index, ...]
"""The indexes that serve one disjunct, merged when there are several; none when the documents themselves are read."""


def check(indexes: IndexSet, query: Query, aggregated: Iterable[Path] = ()) -> list[Plan]:
    """The plan of each disjunct; refused, naming the index, when one has none."""
    disjuncts = query.filter.disjuncts if query.filter else ((),)
    if indexes.is_open or not query.collection_id:
        return [() for _ in disjuncts]
    return [_serve(indexes, query, disjunct, tuple(aggregated)) for disjunct in disjuncts]


def _serve(indexes: IndexSet, query: Query, disjunct: Disjunct, aggregated: tuple[Path, ...]) -> Plan:
    needs = list(_needs(query, disjunct, aggregated))
    for need in needs:
        plan = _find(indexes, need)
        if plan is not None:
            return plan
    raise failed(f"The query requires an index. {_explain(needs[0])}")


def _needs(query: Query, disjunct: Disjunct, aggregated: tuple[Path, ...]) -> Iterator[Need]:
    """What would serve a disjunct. Fields that are summed or averaged stand behind the orders, in any order."""
    equal = {c.path: Part(c.path, EQUAL) for c in disjunct if c.op == "==" and c.path != NAME}
    contains = {c.path: Part(c.path, CONTAINS) for c in disjunct if c.op == "contains"}
    orders, name = _orders(query.orders, set(equal))
    known = {o.path for o in orders} | set(equal)
    extra = sorted({p for p in aggregated if p not in known})
    scope = GROUP if query.is_group else COLLECTION
    for arranged in itertools.permutations(extra):
        parts = (*orders, *(Part(path, name) for path in arranged))
        yield Need(query.collection_id, scope, (*equal.values(), *contains.values()), parts, name)


def _orders(orders: tuple[Order, ...], equal: set[Path]) -> tuple[tuple[Part, ...], str]:
    """The orders that are not fixed by an equality, up to `__name__`, and its direction."""
    parts: list[Part] = []
    for path, is_descending in orders:
        kind = DESCENDING if is_descending else ASCENDING
        if path == NAME:
            return tuple(parts), kind
        if path not in equal:
            parts.append(Part(path, kind))
    return tuple(parts), ASCENDING


def _find(indexes: IndexSet, need: Need) -> Plan | None:
    """The fewest indexes that serve a need, or None."""
    if not need.equal and not need.orders and need.name == ASCENDING:
        return ()
    usable = {index: prefix for index in _candidates(indexes, need) if (prefix := _prefix(index, need)) is not None}
    for index, prefix in usable.items():
        if len(prefix) == len(need.equal):
            return (index,)
    return _merge(usable, frozenset(need.equal)) if need.equal else None


def _merge(usable: dict[Index, frozenset[Part]], equal: frozenset[Part]) -> Plan | None:
    """Indexes that together hold all equalities, the widest first."""
    plan: list[Index] = []
    left = set(equal)
    for index in sorted(usable, key=lambda index: -len(usable[index])):
        if left & usable[index]:
            plan.append(index)
            left -= usable[index]
    return None if left or not plan else tuple(plan)


def _candidates(indexes: IndexSet, need: Need) -> Iterator[Index]:
    found = itertools.chain(
        indexes.composite(need.group),
        *(indexes.single(need.group, part.path) for part in (*need.equal, *need.orders)),
    )
    return (index for index in found if index.scope == need.scope and index.name == need.name)


def _prefix(index: Index, need: Need) -> frozenset[Part] | None:
    """The equalities an index holds before the orders of the need; None when it cannot serve at all."""
    cut = len(index.parts) - len(need.orders)
    if cut < 0 or index.parts[cut:] != need.orders:
        return None
    held = [Part(p.path, CONTAINS if p.kind == CONTAINS else EQUAL) for p in index.parts[:cut]]
    if any(part not in need.equal for part in held) or len(set(held)) < len(held):
        return None
    if index.is_automatic and held and index.name == DESCENDING:
        return None
    return frozenset(held)


def _explain(need: Need) -> str:
    """The index that would serve, in words and as an entry of the index file."""
    parts = [*(Part(p.path, ASCENDING if p.kind == EQUAL else p.kind) for p in need.equal), *need.orders]
    if not parts or need.name != (parts[-1].kind if parts[-1].kind != CONTAINS else ASCENDING):
        parts.append(Part(NAME, need.name))
    fields = [
        {"fieldPath": write_field(p.path), ("arrayConfig" if p.kind == CONTAINS else "order"): p.kind} for p in parts
    ]
    entry = json.dumps({"collectionGroup": need.group, "queryScope": need.scope, "fields": fields})
    words = ", ".join(map(str, parts))
    return f"Declare one of {need.group!r}, scope {need.scope}, on ({words}): {entry}"
