"""Transactions: a snapshot that is read, and the check at commit that it still holds (optimistic concurrency).

The service's default is pessimistic: readers lock, and one of two that deadlock is aborted. To a client both look the
same: a commit whose reads have changed is ABORTED, and the client runs its function again. Here nobody waits for a lock
that a dead client left behind, nor does a plain write wait for the transactions that have read its document: it wins.
`line.py` sees to it that who runs again gets its turn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tests.emulators.firestore.database import Database, Result
from tests.emulators.firestore.document import Document, from_time
from tests.emulators.firestore.limits import TRANSACTION_IDLE_S_MAX, TRANSACTION_S_MAX
from tests.emulators.firestore.line import Line, Place
from tests.emulators.firestore.query import Query
from tests.emulators.firestore.refusal import aborted, invalid
from tests.emulators.firestore.scan import Found, run, sources
from tests.emulators.firestore.write import target
from tests.emulators.rpc import Refused

Seen = list[tuple[str, int]]


class Transaction:
    """What one transaction has read so far. `at` is the time of its snapshot, set by its first read."""

    def __init__(self, database: Database, at: int | None, is_read_only: bool, now_s: float) -> None:
        self.is_read_only = is_read_only
        self.at = at
        self.begun_s = self.used_s = now_s
        self.place: Place | None = None
        self.retried = b""
        self._database = database
        self._documents: dict[str, int | None] = {}
        self._queries: list[tuple[Query, Seen]] = []

    def snapshot(self) -> int:
        """The time all reads of this transaction see."""
        if self.at is None:
            self.at = self._database.now()
        return self.at

    def saw(self, path: str, document: Document | None) -> None:
        self._documents[path] = document.updated if document else None

    def saw_query(self, query: Query, found: Found) -> None:
        self._queries.append((query, _seen(found)))

    def wants(self, writes: Sequence[Any]) -> set[str]:
        """The documents and collections that this transaction reads or writes."""
        collections = {c.path for query, _ in self._queries for c in sources(self._database, query)}
        return {*self._documents, *collections, *(self._database.path(target(w)) for w in writes)}

    def verify(self) -> None:
        """Refuse when a document or the result of a query is no longer what this transaction saw."""
        for path, updated in self._documents.items():
            stored = self._database.get(path)
            if (stored.updated if stored else None) != updated:
                raise contention(path)
        for query, seen in self._queries:
            is_touched = any(c.changed_at > self.snapshot() for c in sources(self._database, query))
            if is_touched and _seen(run(self._database, query)) != seen:
                raise contention(query.collection_id)

    def is_stale(self, now_s: float) -> bool:
        """Whether the service would have ended it by now."""
        return now_s - self.used_s > TRANSACTION_IDLE_S_MAX or now_s - self.begun_s > TRANSACTION_S_MAX


def _seen(found: Found) -> Seen:
    return [(d.name, d.updated) for d in found.documents]


def contention(what: str) -> Refused:
    return aborted(f"Too much contention on these documents. Please try again. ({what})")


class Transactions:
    """The open transactions of one database, by id."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._open: dict[bytes, Transaction] = {}
        self._issued = 0
        self._line = Line(database.lock)

    def begin(self, options: Any) -> bytes:
        """Open a transaction; gives its id. One that runs again waits for its turn first."""
        is_read_only = options.WhichOneof("mode") == "read_only"
        at = None
        if is_read_only and options.read_only.WhichOneof("consistency_selector"):
            at = self._database.check_read_time(from_time(options.read_only.read_time))
        with self._database.lock:
            self._forget_stale()
            self._issued += 1
            id = b"%d" % self._issued
            retried = options.read_write.retry_transaction
            place = self._line.enter(retried)
            transaction = Transaction(self._database, at, is_read_only, self._now_s())
            transaction.place, transaction.retried = place, retried
            self._open[id] = transaction
            return id

    def _now_s(self) -> float:
        return self._database.clock() / 1_000_000

    def _forget_stale(self) -> None:
        now_s = self._now_s()
        for id in [id for id, t in self._open.items() if t.is_stale(now_s)]:
            self._end(id)

    def _end(self, id: bytes) -> Transaction | None:
        transaction = self._open.pop(id, None)
        if transaction and transaction.place:
            self._line.leave(transaction.place)
        return transaction

    def get(self, id: bytes) -> Transaction:
        """An open transaction; refused when it is over."""
        with self._database.lock:
            transaction = self._open.get(id)
            now_s = self._now_s()
            if transaction is None or transaction.is_stale(now_s):
                self._end(id)
                known = "The referenced transaction has expired or is no longer valid."
                raise invalid(known if self._was_issued(id) else "Invalid transaction.")
            transaction.used_s = now_s
            return transaction

    def commit(self, id: bytes, writes: Sequence[Any]) -> tuple[int, list[Result]]:
        """Carry out the writes of a transaction if its reads still hold. It is over either way."""
        with self._database.lock:
            transaction = self.get(id)
            if transaction.is_read_only:
                self._end(id)
                if writes:
                    raise invalid("Cannot modify entities in a read-only transaction.")
                return self._database.commit(writes)
            wants = transaction.wants(writes)
            try:
                if writes and self._line.holds(wants, transaction.place):
                    raise contention("another transaction has its turn")
                return self._database.commit(writes, transaction.verify)
            except Refused as refused:
                if refused.code is contention("").code:
                    self._line.lose({id, transaction.retried or id}, wants)
                raise
            finally:
                self._end(id)

    def rollback(self, id: bytes) -> None:
        """End a transaction; one that is over already stays so."""
        with self._database.lock:
            if self._end(id) is None and not self._was_issued(id):
                raise invalid("Invalid transaction.")

    def _was_issued(self, id: bytes) -> bool:
        return id.isdigit() and 0 < int(id) <= self._issued
