"""Queries: which records, told in dotted paths; the one definition of what a filter means, by the table of `operator`.

`matches` is the semantics (kernelci.md 3). `plan` splits a query into the best scan the store declares and a residual
filter, which `source.py` runs over the scan's pages. A property test holds every adapter and every split against it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any, NamedTuple

from lib.domain.query.operator import RANGES, TESTS, Operator
from lib.store.collection import TEXT_BYTES_MAX, Collection, Field, FieldType, cut, missing
from lib.store.port import (
    IN_VALUES_MAX,
    Where,
    combinations_of,
)

# A promoted text this short was not cut, so the index alone decides.
_EXACT_BYTES = TEXT_BYTES_MAX - 4


@dataclass(frozen=True, slots=True)
class Filter:
    """One condition on a dotted path. `value` is a JSON scalar, or a tuple of them for `in` and `nin`.

    `eq` None means missing or null. Instants are canonical texts. A list matches by any of its elements.
    """

    path: str
    op: Operator
    value: Any


@dataclass(frozen=True, slots=True)
class Query:
    """All filters must hold. `limit` None means all, up to the cap. `after` is the `next` of an earlier page."""

    filters: tuple[Filter, ...] = ()
    limit: int | None = None
    offset: int = 0
    after: str | None = None


class QueryPlan(NamedTuple):
    """A query split: what the store's index answers, and what is left to be checked here."""

    where: tuple[Where, ...]
    residual: tuple[Filter, ...]


def matches(body: Mapping[str, Any], filters: Sequence[Filter]) -> bool:
    """Whether a record meets all filters."""
    return matcher(filters)(body)


def matcher(filters: Sequence[Filter]) -> Callable[[Mapping[str, Any]], bool]:
    """Tells of one record after the other whether it meets all filters."""
    tests = [(f.path.split("."), TESTS[f.op](f.value)) for f in filters]
    return lambda body: all(test(_candidates(body, steps)) for steps, test in tests)


def _candidates(value: Any, steps: Sequence[str]) -> list[Any]:
    """What a dotted path reaches: descends objects (keys may themselves hold dots) and lists, by index or by element.

    A list at the end counts as itself and as each of its elements.
    """
    if not steps:
        return [value, *value] if isinstance(value, list) else [value]
    if isinstance(value, Mapping):
        for taken in range(len(steps), 0, -1):
            key = ".".join(steps[:taken])
            if key in value:
                return _candidates(value[key], steps[taken:])
        return []
    if isinstance(value, list):
        if steps[0].isdecimal():
            index = int(steps[0][:9])
            return _candidates(value[index], steps[1:]) if index < len(value) else []
        return [c for element in value if isinstance(element, Mapping) for c in _candidates(element, steps)]
    return []


def plan(collection: Collection, filters: Sequence[Filter], order: str) -> QueryPlan:
    """Split filters into conditions that declared shapes serve in this order, and the rest."""
    by_path = {f.path: f for f in collection.fields}
    equal: list[tuple[Where, Filter | None]] = []
    ranges: list[tuple[Where, Filter]] = []
    residual: list[Filter] = []
    for f in filters:
        where = _where(by_path, f)
        if where is None or _is_beyond(collection, where, [w for w, _ in equal], order):
            residual.append(f)
        elif where.op in RANGES.values():
            ranges.append((where, f))
        else:
            equal.append((where, None if _is_exact(where, f) else f))
    served = _served_ranges(collection, frozenset(w.field for w, _ in equal), ranges, order)
    residual += [f for _, f in equal if f is not None]
    residual += [f for w, f in ranges if w.field not in served]
    return QueryPlan((*(w for w, _ in equal), *(w for w, _ in ranges if w.field in served)), tuple(residual))


def _is_beyond(collection: Collection, where: Where, chosen: Sequence[Where], order: str) -> bool:
    """Whether an equality cannot join the chosen ones: a second `contains`, too many values, or no shape of this order
    has its field."""
    if where.op in RANGES.values():
        return False
    if where.op == "contains" and any(w.op == "contains" for w in chosen):
        return True
    if where.op == "in" and combinations_of((*chosen, where)) > IN_VALUES_MAX:
        return True
    return bool(order) and missing(collection, frozenset((where.field,)), frozenset(), order) is not None


def _where(by_path: Mapping[str, Field], f: Filter) -> Where | None:
    """The indexed condition a filter implies, if any."""
    declared = by_path.get(f.path)
    if declared is None:
        head = f.path.partition(".")[0] + ".*"
        declared = by_path.get(head)
        implied = declared is not None and f.op == "eq" and isinstance(f.value, str)
        return Where(declared.name, "contains", cut(f.value)) if declared and implied else None
    if f.op in RANGES:
        ordered = declared.type in (FieldType.INSTANT, FieldType.INT)
        is_range = ordered and f.value is not None and _fits(declared, f.value)
        return Where(declared.name, RANGES[f.op], f.value) if is_range else None
    if f.op == "eq":
        if declared.type is FieldType.TEXTS:
            return Where(declared.name, "contains", cut(f.value)) if isinstance(f.value, str) else None
        return Where(declared.name, "==", _indexed(declared, f.value)) if _fits(declared, f.value) else None
    if f.op == "in" and _is_indexable(declared, f.value):
        return Where(declared.name, "in", tuple(_indexed(declared, v) for v in f.value))
    return None


def _is_indexable(declared: Field, values: Sequence[Any]) -> bool:
    fits = all(v is not None and _fits(declared, v) for v in values)
    return fits and declared.type is not FieldType.TEXTS and 1 <= len(values) <= IN_VALUES_MAX


_PYTHON = {
    FieldType.TEXT: str,
    FieldType.INSTANT: str,
    FieldType.INT: int,
    FieldType.BOOL: bool,
}


def _fits(declared: Field, value: Any) -> bool:
    return value is None or type(value) is _PYTHON.get(declared.type)


def _indexed(declared: Field, value: Any) -> Any:
    return cut(value) if declared.type is FieldType.TEXT and value is not None else value


def _is_exact(where: Where, f: Filter) -> bool:
    """Whether the index decides the filter alone: nothing was cut, and a contained value names its own path."""
    if where.op == "contains" and where.field != f.path:
        return False
    values = f.value if isinstance(f.value, tuple) else (f.value,)
    return all(not isinstance(v, str) or len(v.encode()) <= _EXACT_BYTES for v in values)


def _served_ranges(
    collection: Collection, equal: frozenset[str], ranges: list[tuple[Where, Filter]], order: str
) -> frozenset[str]:
    """The largest set of range fields that declared shapes serve beside the equalities."""
    names = sorted({w.field for w, _ in ranges})
    for size in range(len(names), 0, -1):
        for chosen in combinations(names, size):
            if missing(collection, equal, frozenset(chosen), order) is None:
                return frozenset(chosen)
    return frozenset()
