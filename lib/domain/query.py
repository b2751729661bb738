"""Queries: which records, told in dotted paths; the one definition of what a filter means.

A query is split into the best scan the store declares and a residual filter run here over the scan's pages, in order,
stopping as soon as the page is full. `matches` is the semantics (kernelci.md 3); a property test holds every adapter
and every split against it.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any, Literal, NamedTuple

import re2

from lib.errors import Invalid, TooCostly
from lib.store import indexes
from lib.store.port import (
    IN_VALUES_MAX,
    PAGE_DOCS_MAX,
    Doc,
    Scan,
    Store,
    Where,
    decode_cursor,
    encode_cursor,
)

Operator = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "re"]
RANGES: Mapping[str, Literal["<", "<=", ">", ">="]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

REGEX_CHARS_MAX = 500
CHECKPOINTS_MAX = 4096
TOTALS_MAX = 1024
# A promoted text this short was not cut, so the index alone decides.
_EXACT_BYTES = indexes.TEXT_BYTES_MAX - 4


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


class Found(NamedTuple):
    """One page of a query; `next` continues after it, None when it was not full."""

    docs: list[Doc]
    next: str | None


class Plan(NamedTuple):
    """A query split: what the store's index answers, and what is left to be checked here."""

    where: tuple[Where, ...]
    residual: tuple[Filter, ...]


def regex(pattern: str, path: str) -> Any:
    """A compiled pattern, linear in time whatever the pattern. Raises Invalid for one it cannot read."""
    if len(pattern) > REGEX_CHARS_MAX:
        raise Invalid(path, f"a pattern has at most {REGEX_CHARS_MAX} characters")
    try:
        return re2.compile(pattern, _re2_options())
    except re2.error as error:
        text = error.args[0] if error.args else ""
        shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise Invalid(path, f"not a regular expression: {shown}") from error


def _re2_options() -> Any:
    options = re2.Options()
    options.log_errors = False
    return options


def matches(body: Mapping[str, Any], filters: Sequence[Filter]) -> bool:
    """Whether a record meets all filters."""
    return all(_TESTS[f.op](_candidates(body, f.path.split(".")), f.value) for f in filters)


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


def _kind(value: Any) -> str:
    if isinstance(value, bool):
        return "bool"
    return "number" if isinstance(value, int | float) else type(value).__name__


def _equals(found: list[Any], value: Any) -> bool:
    if value is None:
        return not found or any(c is None for c in found)
    kind = _kind(value)
    return any(_kind(c) == kind and c == value for c in found)


def _is_in(found: list[Any], values: Any) -> bool:
    return any(_equals(found, v) for v in values)


def _compares(op: str) -> Any:
    def test(found: list[Any], value: Any) -> bool:
        kind = _kind(value)
        for c in found:
            if _kind(c) != kind or kind not in ("str", "number"):
                continue
            if (
                (c < value)
                if op == "lt"
                else (c <= value)
                if op == "lte"
                else (c > value)
                if op == "gt"
                else c >= value
            ):
                return True
        return False

    return test


def _searches(found: list[Any], pattern: Any) -> bool:
    return any(isinstance(c, str) and pattern.search(c) is not None for c in found)


_TESTS: Mapping[str, Any] = {
    "eq": _equals,
    "ne": lambda found, value: not _equals(found, value),
    "in": _is_in,
    "nin": lambda found, values: not _is_in(found, values),
    "re": _searches,
    **{op: _compares(op) for op in RANGES},
}


def plan(collection: indexes.Collection, filters: Sequence[Filter], order: str) -> Plan:
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
    return Plan((*(w for w, _ in equal), *(w for w, _ in ranges if w.field in served)), tuple(residual))


def _is_beyond(collection: indexes.Collection, where: Where, chosen: Sequence[Where], order: str) -> bool:
    """Whether an equality cannot join the chosen ones: a second `contains`, or no shape of this order has its field."""
    if where.op in RANGES.values():
        return False
    if where.op == "contains" and any(w.op == "contains" for w in chosen):
        return True
    return bool(order) and indexes.missing(collection, frozenset((where.field,)), frozenset(), order) is not None


def _where(by_path: Mapping[str, indexes.Field], f: Filter) -> Where | None:
    """The indexed condition a filter implies, if any."""
    declared = by_path.get(f.path)
    if declared is None:
        head = f.path.partition(".")[0] + ".*"
        declared = by_path.get(head)
        implied = declared is not None and f.op == "eq" and isinstance(f.value, str)
        return Where(declared.name, "contains", indexes.cut(f.value)) if declared and implied else None
    if f.op in RANGES:
        ordered = declared.type in (indexes.Type.INSTANT, indexes.Type.INT)
        is_range = ordered and f.value is not None and _fits(declared, f.value)
        return Where(declared.name, RANGES[f.op], f.value) if is_range else None
    if f.op == "eq":
        if declared.type is indexes.Type.TEXTS:
            return Where(declared.name, "contains", indexes.cut(f.value)) if isinstance(f.value, str) else None
        return Where(declared.name, "==", _indexed(declared, f.value)) if _fits(declared, f.value) else None
    if f.op == "in" and _is_indexable(declared, f.value):
        return Where(declared.name, "in", tuple(_indexed(declared, v) for v in f.value))
    return None


def _is_indexable(declared: indexes.Field, values: Sequence[Any]) -> bool:
    fits = all(v is not None and _fits(declared, v) for v in values)
    return fits and declared.type is not indexes.Type.TEXTS and 1 <= len(values) <= IN_VALUES_MAX


_PYTHON = {
    indexes.Type.TEXT: str,
    indexes.Type.INSTANT: str,
    indexes.Type.INT: int,
    indexes.Type.BOOL: bool,
}


def _fits(declared: indexes.Field, value: Any) -> bool:
    return value is None or type(value) is _PYTHON.get(declared.type)


def _indexed(declared: indexes.Field, value: Any) -> Any:
    return indexes.cut(value) if declared.type is indexes.Type.TEXT and value is not None else value


def _is_exact(where: Where, f: Filter) -> bool:
    """Whether the index decides the filter alone: nothing was cut, and a contained value names its own path."""
    if where.op == "contains" and where.field != f.path:
        return False
    values = f.value if isinstance(f.value, tuple) else (f.value,)
    return all(not isinstance(v, str) or len(v.encode()) <= _EXACT_BYTES for v in values)


def _served_ranges(
    collection: indexes.Collection, equal: frozenset[str], ranges: list[tuple[Where, Filter]], order: str
) -> frozenset[str]:
    """The largest set of range fields that declared shapes serve beside the equalities."""
    names = sorted({w.field for w, _ in ranges})
    for size in range(len(names), 0, -1):
        for chosen in combinations(names, size):
            if indexes.missing(collection, equal, frozenset(chosen), order) is None:
                return frozenset(chosen)
    return frozenset()


@dataclass(slots=True)
class Searcher:
    """Runs queries over a store, within its cap of documents read.

    Totals are exact, and offsets resume where the page before ended: both are remembered only while the store's
    generation stands still.
    """

    store: Store
    docs_max: int
    _checkpoints: OrderedDict[tuple[Any, ...], tuple[object, str]] = field(default_factory=OrderedDict)
    _totals: OrderedDict[tuple[Any, ...], tuple[object, int]] = field(default_factory=OrderedDict)

    def find(self, name: str, query: Query, order: str = "received_at") -> list[Doc]:
        """The records of the page `query` asks for, in `order`. Raises TooCostly past the cap."""
        if query.limit == 0:
            return []
        if query.after is not None:
            _place(query.after)
        ids = _ids_of(query.filters)
        if ids is not None:
            return self._named(name, ids, query, order)
        split = plan(indexes.COLLECTIONS[name], query.filters, order)
        key = (name, order, split.where, tuple(map(_told, split.residual)))
        generation = self.store.generation() if query.offset or query.limit else None
        after, skipped = (query.after, 0) if query.after else self._resume(key, query.offset, generation)
        skip = query.offset - skipped
        found: list[Doc] = []
        want = self.docs_max if query.limit is None else query.limit
        for doc in self._stream(name, split, order, after, skip, want):
            found.append(doc)
            if len(found) == want:
                if query.limit is None:
                    raise TooCostly(_cap_words(self.docs_max))
                if query.after is None:
                    place = (*key, query.offset + want)
                    self._remember(self._checkpoints, place, (generation, _cursor(doc, order)), CHECKPOINTS_MAX)
                break
        return found

    def page(self, name: str, query: Query, order: str = "received_at") -> Found:
        """As `find`, with the cursor to go on from; for who pages through everything."""
        docs = self.find(name, query, order)
        is_full = bool(docs) and len(docs) == query.limit
        return Found(docs, _cursor(docs[-1], order) if is_full else None)

    def count(self, name: str, filters: tuple[Filter, ...]) -> int:
        """How many records meet the filters, exactly. Raises TooCostly past the cap."""
        ids = _ids_of(filters)
        if ids is not None:
            return len(self._named(name, ids, Query(filters), ""))
        split = plan(indexes.COLLECTIONS[name], filters, "")
        key = (name, split.where, tuple(map(_told, split.residual)))
        generation = self.store.generation()
        known = self._totals.get(key)
        if known is not None and known[0] == generation:
            return known[1]
        total = self._count(name, split, filters)
        self._remember(self._totals, key, (generation, total), TOTALS_MAX)
        return total

    def _count(self, name: str, split: Plan, filters: tuple[Filter, ...]) -> int:
        if not split.residual:
            return self.store.count(name, split.where)
        ordered = plan(indexes.COLLECTIONS[name], filters, "received_at")
        return sum(1 for _ in self._stream(name, ordered, "received_at", None, 0, PAGE_DOCS_MAX))

    def _named(self, name: str, ids: Sequence[str], query: Query, order: str) -> list[Doc]:
        docs = [d for d in self.store.load_many(name, sorted(set(ids))) if d is not None]
        # What was loaded by its id need not be looked up in the list of ids again, one by one.
        others = [f for f in query.filters if not (f.path == "id" and f.op in ("eq", "in") and _ids_of((f,)) == ids)]
        # An event's body does not repeat its key.
        kept = [d for d in docs if matches({**d.body, "id": d.key}, others)]

        def place(doc: Doc) -> tuple[Any, str]:
            return doc.body.get(order.lstrip("-")) or "", doc.key

        is_newest_first = order.startswith("-")
        if query.after is not None:
            start = _place(query.after)
            kept = [d for d in kept if (place(d) < start if is_newest_first else place(d) > start)]
        kept.sort(key=place, reverse=is_newest_first)
        return kept[query.offset :][: query.limit]

    def _stream(self, name: str, split: Plan, order: str, after: str | None, skip: int, want: int) -> Iterator[Doc]:
        """The matching records from `after` on, past `skip` of them."""
        read = 0
        # Without a residual the store skips by itself; with one, what is skipped must be checked first.
        store_skip, own_skip = (0, skip) if split.residual else (skip, 0)
        size = min(PAGE_DOCS_MAX, max(want, 1) if not split.residual else max(want * 2, 200))
        while True:
            page = self.store.find(name, Scan(split.where, order, size, after, store_skip))
            store_skip, read, after = 0, read + len(page.docs), page.next
            for doc in page.docs:
                if split.residual and not matches(doc.body, split.residual):
                    continue
                if own_skip:
                    own_skip -= 1
                    continue
                yield doc
            if after is None:
                return
            if read >= self.docs_max:
                raise TooCostly(_cap_words(self.docs_max))

    def _resume(self, key: tuple[Any, ...], offset: int, generation: object) -> tuple[str | None, int]:
        """Where the page at this offset begins, if it is known: a cursor, and how many records stand before it."""
        known = self._checkpoints.get((*key, offset)) if offset else None
        return (known[1], offset) if known is not None and known[0] == generation else (None, 0)

    @staticmethod
    def _remember(memory: OrderedDict[tuple[Any, ...], Any], key: tuple[Any, ...], value: Any, most: int) -> None:
        memory[key] = value
        while len(memory) > most:
            memory.popitem(last=False)


def _told(f: Filter) -> tuple[str, str, str]:
    """A filter as part of a key of the memories: values of different types differ, equal patterns are equal."""
    return f.path, f.op, f.value.pattern if f.op == "re" else repr(f.value)


def _cursor(doc: Doc, order: str) -> str:
    return encode_cursor(doc.body.get(order.lstrip("-")), doc.key)


def _place(cursor: str) -> tuple[str, str]:
    """Where in an order of texts a cursor stands. Raises Invalid for one that no page gave."""
    value, key = decode_cursor(cursor)
    if not isinstance(value, str) or not (value + key).isascii():
        raise Invalid("after", "not a cursor of this list")
    return value, key


def _ids_of(filters: Sequence[Filter]) -> tuple[str, ...] | None:
    """The ids a query names outright, so that they are loaded instead of searched."""
    for f in filters:
        if f.path == "id" and f.op == "eq" and isinstance(f.value, str):
            return (f.value,)
        if f.path == "id" and f.op == "in" and all(isinstance(v, str) for v in f.value):
            return tuple(f.value)
    return None


def _cap_words(docs_max: int) -> str:
    return (
        f"the query would read more than {docs_max} records: add an equality filter on an indexed field "
        "(kind, name, parent, treeid, state, result, owner, data.kernel_revision.commit, …) or a limit"
    )
