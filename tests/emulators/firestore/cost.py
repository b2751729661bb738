"""How many index entries a query scans, by the plan that serves it.

One index is read from the start of its range to the last document returned; conditions on the fields behind the first
order do not narrow the range. Merged indexes are read by turns: each seeks the first entry not before the furthest of
the others, until all stand on one document ("zig-zag merge join").
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from tests.emulators.firestore.document import Document
from tests.emulators.firestore.filter import Condition, Disjunct, meets
from tests.emulators.firestore.index import Index
from tests.emulators.firestore.path import NAME
from tests.emulators.firestore.plan import Plan
from tests.emulators.firestore.query import Query
from tests.emulators.firestore.scan import arrange


def scanned(query: Query, plans: Sequence[Plan], documents: list[Document], last: Document | None) -> int:
    """Entries read of all documents a query looks at; `last` is the last it gave when a limit stopped it."""
    disjuncts = query.filter.disjuncts if query.filter else ((),)
    ordered = arrange(query, documents)
    if last is not None:
        ordered = ordered[: ordered.index(last) + 1]
    return sum(_disjunct(query, d, plan, ordered) for d, plan in zip(disjuncts, plans, strict=True))


def _disjunct(query: Query, disjunct: Disjunct, plan: Plan, ordered: list[Document]) -> int:
    """Entries read for one disjunct. Without an index it is the documents themselves that are read by name."""
    first = query.orders[0].path
    narrowing = [c for c in disjunct if c.path in (NAME, first) and c.op not in ("==", "contains")]
    if not plan:
        return sum(all(meets(d, c) for c in disjunct) for d in ordered)
    streams = [_ranks(ordered, [*narrowing, *_held(index, disjunct, query)]) for index in plan]
    return len(streams[0]) if len(streams) == 1 else _leap(streams)


def _held(index: Index, disjunct: Disjunct, query: Query) -> list[Condition]:
    """The equalities an index answers."""
    paths = {part.path for part in index.parts}
    return [c for c in disjunct if c.op in ("==", "contains") and (c.path in paths or c.path == NAME)]


def _ranks(ordered: list[Document], conditions: list[Condition]) -> list[int]:
    return [rank for rank, d in enumerate(ordered) if all(meets(d, c) for c in conditions)]


def _leap(streams: list[list[int]]) -> int:
    """Entries read until one stream of ranks is at its end."""
    count, furthest = 0, 0
    while True:
        agreed = True
        for stream in streams:
            at = bisect.bisect_left(stream, furthest)
            if at == len(stream):
                return count
            count += 1
            agreed = agreed and stream[at] == furthest
            furthest = stream[at]
        if agreed:
            furthest += 1
