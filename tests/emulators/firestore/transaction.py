"""Transactions: a snapshot that is read, and the check at commit that it still holds (optimistic concurrency).

The service's default is pessimistic: readers lock, and one of two that deadlock is aborted. To a client both look the
same: a commit whose reads have changed is ABORTED, and the client runs its function again. Here nobody waits for a lock
that a dead client left behind.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable
from typing import Any

from tests.emulators.firestore.database import Database
from tests.emulators.firestore.document import Document, from_time
from tests.emulators.firestore.limits import TRANSACTION_IDLE_S_MAX, TRANSACTION_S_MAX
from tests.emulators.firestore.query import Query
from tests.emulators.firestore.refusal import aborted, invalid
from tests.emulators.firestore.scan import Found, run, sources

Seen = list[tuple[str, int]]


class Transaction:
    """What one transaction has read so far. `at` is the time of its snapshot, set by its first read."""

    def __init__(self, database: Database, is_read_only: bool, at: int | None, now_s: float) -> None:
        self.database = database
        self.is_read_only = is_read_only
        self.at = at
        self.begun_s = self.used_s = now_s
        self._documents: dict[str, int | None] = {}
        self._queries: list[tuple[Query, Seen]] = []

    def snapshot(self) -> int:
        """The time all reads of this transaction see."""
        if self.at is None:
            self.at = self.database.now()
        return self.at

    def saw(self, path: str, document: Document | None) -> None:
        self._documents[path] = document.updated if document else None

    def saw_query(self, query: Query, found: Found) -> None:
        self._queries.append((query, _seen(found)))

    def verify(self) -> None:
        """Refuse when a document or the result of a query is no longer what this transaction saw."""
        for path, updated in self._documents.items():
            stored = self.database.get(path)
            if (stored.updated if stored else None) != updated:
                raise _contention(path)
        for query, seen in self._queries:
            is_touched = any(c.changed_at > self.snapshot() for c in sources(self.database, query))
            if is_touched and _seen(run(self.database, query)) != seen:
                raise _contention(query.collection_id)


def _seen(found: Found) -> Seen:
    return [(d.name, d.updated) for d in found.documents]


def _contention(what: str) -> Exception:
    return aborted(f"Too much contention on these documents. Please try again. ({what})")


class Transactions:
    """The open transactions of one database, by id."""

    def __init__(self, database: Database, clock_s: Callable[[], float] = time.monotonic) -> None:
        self._database = database
        self._clock_s = clock_s
        self._open: dict[bytes, Transaction] = {}
        self._numbers = itertools.count(1)
        self._issued = 0

    def begin(self, options: Any) -> bytes:
        """Open a transaction; gives its id."""
        is_read_only = options.WhichOneof("mode") == "read_only"
        at = None
        if is_read_only and options.read_only.WhichOneof("consistency_selector"):
            at = self._database.check_read_time(from_time(options.read_only.read_time))
        with self._database.lock:
            now_s = self._clock_s()
            self._forget_stale(now_s)
            self._issued = next(self._numbers)
            id = b"%d" % self._issued
            self._open[id] = Transaction(self._database, is_read_only, at, now_s)
            return id

    def _forget_stale(self, now_s: float) -> None:
        for id in [id for id, t in self._open.items() if _is_stale(t, now_s)]:
            del self._open[id]

    def get(self, id: bytes) -> Transaction:
        with self._database.lock:
            transaction = self._open.get(id)
            now_s = self._clock_s()
            if transaction is None or _is_stale(transaction, now_s):
                self._open.pop(id, None)
                raise self._unknown(id)
            transaction.used_s = now_s
            return transaction

    def commit(self, id: bytes, writes: Any) -> Any:
        """Carry out the writes of a transaction if its reads still hold. It is over either way."""
        with self._database.lock:
            transaction = self.get(id)
            del self._open[id]
            if transaction.is_read_only and writes:
                raise invalid("Cannot modify entities in a read-only transaction.")
            return self._database.commit(writes, None if transaction.is_read_only else transaction.verify)

    def rollback(self, id: bytes) -> None:
        """End a transaction; one that is over already stays so."""
        with self._database.lock:
            if self._open.pop(id, None) is None and not self._was_issued(id):
                raise invalid("Invalid transaction.")

    def _was_issued(self, id: bytes) -> bool:
        return id.isdigit() and 0 < int(id) <= self._issued

    def _unknown(self, id: bytes) -> Exception:
        if self._was_issued(id):
            return invalid("The referenced transaction has expired or is no longer valid.")
        return invalid("Invalid transaction.")


def _is_stale(transaction: Transaction, now_s: float) -> bool:
    is_idle = now_s - transaction.used_s > TRANSACTION_IDLE_S_MAX
    return is_idle or now_s - transaction.begun_s > TRANSACTION_S_MAX
