"""How many index entries a query scans, by the plan that serves it.

One index is read from the start of its range to the last document returned; conditions on the fields behind the first
order do not narrow the range. Merged indexes are read by turns: each seeks the first entry not before the furthest of
the others, until all stand on one document ("zig-zag merge join").
"""

from __future__ import annotations

import bisect
from collections.abc import Sequence

from tests.emulators.firestore.database import Database
from tests.emulators.firestore.document import Document
from tests.emulators.firestore.filter import EQUALITIES, Disjunct, meets
from tests.emulators.firestore.index import Index
from tests.emulators.firestore.path import NAME
from tests.emulators.firestore.plan import Plan
from tests.emulators.firestore.query import Cursor, Query
from tests.emulators.firestore.scan import Found, arrange, looked_at, stands_after


def scanned(database: Database, query: Query, plans: Sequence[Plan], found: Found, at: int | None) -> int:
    """Entries read. Where every query is allowed there is no plan: the best there could be is taken."""
    given = len(found.documents) + found.skipped
    disjuncts = query.filter.disjuncts if query.filter else ((),)
    streams = [[_held(index, d, query) for index in plan] or [d] for d, plan in zip(disjuncts, plans, strict=True)]
    if database.indexes.is_open or streams == [[disjuncts[0]]]:
        return given
    is_cut = query.limit is not None and len(found.documents) == query.limit > 0
    last = found.documents[-1] if is_cut else None
    return sum(_disjunct(database, query, each, last, at) for each in streams)


def _held(index: Index, disjunct: Disjunct, query: Query) -> Disjunct:
    """The conditions that bound what is read of an index: its equalities, names, and ranges of the first order."""
    paths = {part.path for part in index.parts}
    fixed = {c.path for c in disjunct if c.op == "=="}
    first = next((order.path for order in query.orders if order.path not in fixed), NAME)
    return tuple(c for c in disjunct if c.path in (NAME, first) or (c.op in EQUALITIES and c.path in paths))


def _disjunct(database: Database, query: Query, streams: list[Disjunct], last: Document | None, at: int | None) -> int:
    """Entries read for one disjunct, of one index or of several by turns."""
    ordered = arrange(query, looked_at(database, query, streams, at))
    if last is not None:
        end = Cursor(tuple(last.key(order.path) or () for order in query.orders), is_before=False)
        ordered = [d for d in ordered if not stands_after(d, end, query.orders)]
    ranks = [[n for n, d in enumerate(ordered) if all(meets(d, c) for c in stream)] for stream in streams]
    return len(ranks[0]) if len(ranks) == 1 else _leap(ranks)


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
