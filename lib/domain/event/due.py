"""Due work: stored entries that wait for their time, worked on one by one.

A scan finds what is due, oldest first. An entry that fails stays where it is, and the scan goes on behind it. Where two
processes should not do the same entry, each claims it first: the claim puts off its time by a lease, so that after a
kill the entry is due again.
"""

from __future__ import annotations

import logging
import sys
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import TypeVar

from lib.clock import stamp
from lib.domain.query.source import pages
from lib.errors import BLAMELESS
from lib.store.port import Body, Doc, Scan, Store, Tx, Where

log = logging.getLogger(__name__)

T = TypeVar("T")

PAGES_MAX = 20
OUTAGES: tuple[type[Exception], ...] = (*BLAMELESS, OSError)
"""Failures that no entry is to blame for: they end the run, and the next one finds the same entries."""


def due(now: datetime, most: int, field: str = "due_at", *where: Where) -> Scan:
    """The scan for entries whose time has come, oldest first, in pages of `most`."""
    return Scan((*where, Where(field, "<=", stamp(now))), field, most)


def work_off(
    store: Store,
    collection: str,
    scan: Scan,
    work: Callable[[Doc], int],
    *,
    most: int = sys.maxsize,
    pages_max: int = PAGES_MAX,
    is_strict: bool = False,
) -> int:
    """Run `work` on each document of a scan; gives the sum of what it gave. Ends behind the page with which the sum
    reaches `most`. A failure of one document is logged; with `is_strict` the first is raised when all had their turn.
    """
    done, failed = 0, None
    for docs in pages(store, collection, scan, pages_max):
        for doc in docs:
            try:
                done += work(doc)
            except OUTAGES:
                raise
            except Exception as error:
                log.exception("%s %s failed and stays", collection, doc.key)
                failed = failed or error
        if done >= most:
            break
    if failed is not None and is_strict:
        raise failed
    return done


def in_parts(entries: Sequence[T], work: Callable[[Sequence[T]], int], name: Callable[[T], str]) -> int:
    """Run `work` on entries together, and in halves where that fails; gives the sum of what it gave. A single entry
    that fails is logged by its name and left out."""
    if not entries:
        return 0
    try:
        return work(entries)
    except OUTAGES:
        raise
    except Exception as error:
        if len(entries) == 1:
            log.error("%s failed and is left out: %r", name(entries[0]), error)
            return 0
    half = len(entries) // 2
    return in_parts(entries[:half], work, name) + in_parts(entries[half:], work, name)


def claim(
    store: Store, collection: str, keys: Sequence[str], now: datetime, lease: timedelta, mark: Callable[[Body], Body]
) -> list[Doc]:
    """The documents among these that are due, claimed for a lease; `mark` gives what else changes in a body."""

    def work(tx: Tx) -> list[Doc]:
        claimed = []
        for doc in tx.load_many(collection, keys):
            if doc is not None and doc.body["due_at"] is not None and doc.body["due_at"] <= stamp(now):
                body = {**doc.body, **mark(doc.body), "due_at": stamp(now + lease)}
                claimed.append(Doc(doc.key, tx.save(collection, doc.key, body), body))
        return claimed

    return store.transact(work)


def held(tx: Tx, collection: str, claimed: Sequence[Doc]) -> list[Doc]:
    """Those that nothing has changed since they were claimed, in a transaction that has not written yet."""
    docs = tx.load_many(collection, [doc.key for doc in claimed])
    return [doc for doc, then in zip(docs, claimed, strict=True) if doc is not None and doc.rev == then.rev]
