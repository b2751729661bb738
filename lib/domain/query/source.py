"""Sources: what can be searched, and the one stream of the records that meet a query."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from itertools import chain
from typing import NamedTuple

from lib.domain.query.budget import Budget
from lib.domain.query.query import QueryPlan, matcher
from lib.store.port import PAGE_DOCS_MAX, Doc, Scan, Store


def pages(store: Store, collection: str, scan: Scan, most: int = sys.maxsize) -> Iterator[list[Doc]]:
    """The documents of a scan in pages of its limit, as far as they are asked for, at most `most` pages."""
    for _ in range(most):
        page = store.find(collection, scan)
        yield page.docs
        if page.next is None:
            return
        scan = replace(scan, after=page.next, skip=0)


def every(store: Store, collection: str, scan: Scan) -> Iterator[Doc]:
    """The documents of a scan, read in pages of its limit, as far as they are asked for."""
    return chain.from_iterable(pages(store, collection, scan))


class Source(NamedTuple):
    """A collection, and the records that filters speak of: `show` makes them of its documents, one of each.

    A page has at most `docs_max` documents, and `docs_min` or more where what it holds must be checked."""

    collection: str
    show: Callable[[Sequence[Doc]], Sequence[Doc]] = list
    docs_min: int = 200
    docs_max: int = PAGE_DOCS_MAX


def stream(
    store: Store, source: Source, split: QueryPlan, order: str, budget: Budget,
    *, after: str | None = None, skip: int = 0, want: int = PAGE_DOCS_MAX,
) -> Iterator[Doc]:  # fmt: skip
    """The records that meet a query, in order, from a cursor of the store on, past `skip` of them. Reads page by page,
    as far as records are asked for, which should be `want`."""
    meets = matcher(split.residual)
    # Without a residual the store skips by itself; with one, what is skipped must be checked first.
    store_skip, own_skip = (0, skip) if split.residual else (skip, 0)
    size = min(source.docs_max, max(want * 2, source.docs_min) if split.residual else max(want, 1))
    while True:
        page = store.find(source.collection, Scan(split.where, order, budget.take(size), after, store_skip))
        budget.spend(len(page.docs))
        store_skip, after = 0, page.next
        for record in source.show(page.docs):
            # A body is decoded when it is first looked at.
            if split.residual and not meets(record.body):
                continue
            if own_skip:
                own_skip -= 1
                continue
            yield record
        if after is None:
            return
