"""Searching: runs queries over a store, within its cap of documents read.

A query's records are streamed (`source.py`), stopping as soon as the page is full.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from time import monotonic
from typing import Any, NamedTuple

from lib.domain.query.budget import Budget
from lib.domain.query.query import Filter, Query, QueryPlan, matcher, plan
from lib.domain.query.source import Source, stream
from lib.errors import Invalid, TooCostly
from lib.store import indexes
from lib.store.port import Doc, Store, decode_cursor, encode_cursor

CHECKPOINTS_MAX = 4096
CHECKPOINT_S = 30.0
TOTALS_MAX = 1024
ADVICE = (
    "the query would read more than %d records: add an equality filter on an indexed field "
    "(kind, name, parent, treeid, state, result, owner, data.kernel_revision.commit, …) or a limit"
)


class ResultPage(NamedTuple):
    """One page of a query; `next` continues after it, None when it was not full."""

    docs: list[Doc]
    next: str | None


@dataclass(slots=True)
class Searcher:
    """Runs queries over a store, within its cap of documents read.

    Totals are exact, and offsets resume where the page before ended: both are remembered only while the store's
    generation stands still. Where that never does, since looking would be billed, the end of a page is remembered for
    CHECKPOINT_S: whoever pages on goes on where he was, whatever came or went before.
    """

    store: Store
    docs_max: int
    seconds: Callable[[], float] = monotonic
    _checkpoints: OrderedDict[tuple[Any, ...], tuple[Any, str]] = field(default_factory=OrderedDict)
    _totals: OrderedDict[tuple[Any, ...], tuple[object, int]] = field(default_factory=OrderedDict)

    def find(self, name: str, query: Query, order: str = "received_at") -> list[Doc]:
        """The records of the page `query` asks for, in `order`. Raises TooCostly past the cap."""
        if query.limit == 0:
            return []
        if query.after is not None:
            _place(query.after)
        ids = ids_of(query.filters)
        if ids is not None:
            return self._named(name, ids, query, order)
        split = plan(indexes.COLLECTIONS[name], query.filters, order)
        key = (name, order, split.where, tuple(map(_told, split.residual)))
        generation = self._generation() if query.offset or query.limit else None
        after, skipped = (query.after, 0) if query.after else self._resume(key, query.offset, generation)
        skip = query.offset - skipped
        found: list[Doc] = []
        want = self.docs_max if query.limit is None else query.limit
        for doc in stream(self.store, Source(name), split, order, self._budget(), after=after, skip=skip, want=want):
            found.append(doc)
            if len(found) == want:
                if query.limit is None:
                    raise TooCostly(ADVICE % self.docs_max)
                if query.after is None:
                    place = (*key, query.offset + want)
                    self._remember(self._checkpoints, place, (generation, _cursor(doc, order)), CHECKPOINTS_MAX)
                break
        return found

    def page(self, name: str, query: Query, order: str = "received_at") -> ResultPage:
        """As `find`, with the cursor to go on from; for who pages through everything."""
        docs = self.find(name, query, order)
        is_full = bool(docs) and len(docs) == query.limit
        return ResultPage(docs, _cursor(docs[-1], order) if is_full else None)

    def count(self, name: str, filters: tuple[Filter, ...]) -> int:
        """How many records meet the filters, exactly. Raises TooCostly past the cap."""
        ids = ids_of(filters)
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

    def _count(self, name: str, split: QueryPlan, filters: tuple[Filter, ...]) -> int:
        if not split.residual:
            return self.store.count(name, split.where)
        ordered = plan(indexes.COLLECTIONS[name], filters, "received_at")
        return sum(1 for _ in stream(self.store, Source(name), ordered, "received_at", self._budget()))

    def _named(self, name: str, ids: Sequence[str], query: Query, order: str) -> list[Doc]:
        docs = [d for d in self.store.load_many(name, sorted(set(ids))) if d is not None] if ids else []
        # What was loaded by its id need not be looked up in the list of ids again, one by one.
        others = [f for f in query.filters if ids_of((f,)) != ids]
        meets = matcher(others)
        # An event's body does not repeat its key.
        kept = [d for d in docs if meets({**d.body, "id": d.key})]

        def place(doc: Doc) -> tuple[Any, str]:
            return doc.body.get(order.lstrip("-")) or "", doc.key

        is_newest_first = order.startswith("-")
        if query.after is not None:
            start = _place(query.after)
            kept = [d for d in kept if (place(d) < start if is_newest_first else place(d) > start)]
        kept.sort(key=place, reverse=is_newest_first)
        return kept[query.offset :][: query.limit]

    def _budget(self) -> Budget:
        return Budget(self.docs_max, ADVICE)

    def _generation(self) -> Any:
        """What a checkpoint holds for: a generation of the store, or a span of time."""
        return self.store.generation() if self.store.is_near else self.seconds()

    def _resume(self, key: tuple[Any, ...], offset: int, generation: Any) -> tuple[str | None, int]:
        """Where the page at this offset begins, if it is known: a cursor, and how many records stand before it."""
        known = self._checkpoints.get((*key, offset)) if offset else None
        if known is None:
            return None, 0
        holds = known[0] == generation if self.store.is_near else generation < known[0] + CHECKPOINT_S
        return (known[1], offset) if holds else (None, 0)

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


def ids_of(filters: Sequence[Filter]) -> tuple[str, ...] | None:
    """The ids a query names outright, so that they are loaded instead of searched."""
    for f in filters:
        if f.path == "id" and f.op in ("eq", "in"):
            return tuple(v for v in (f.value if f.op == "in" else (f.value,)) if isinstance(v, str))
    return None
