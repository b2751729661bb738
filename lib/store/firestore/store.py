"""The store on Firestore in native mode. Called through `open.py` only. Source: `port.py`.

The connection is in `client.py`, its messages in `wire.py`, scans in `scan.py`, documents in `doc.py`, transactions in
`tx.py`, the log in `log.py`, the indexes that a database must have in `index.py`. Every document read, written or
deleted is counted into `lib.tally`.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import TypeVar

from lib.clock import Clock, now
from lib.errors import Invalid, Unavailable
from lib.store.firestore.client import Contended, Database, pause
from lib.store.firestore.doc import encode
from lib.store.firestore.log import Log, machine_seq
from lib.store.firestore.scan import count_query
from lib.store.firestore.tx import BYTES_MAX, FirestoreTx, Fresh, Reader
from lib.store.indexes import COLLECTIONS
from lib.store.port import PAGE_DOCS_MAX, WRITES_MAX, Body, Doc, Event, Page, Publish, Scan, Tx, Where

T = TypeVar("T")

TRIES_MAX = 20
"""Most runs of a work whose read documents other transactions change, before the answer is Unavailable. The service
holds locks: of two transactions that read a document and then write it, one is aborted."""
OUTAGES_MAX = 8
"""Most failures of the service to answer during these runs."""
PARTS_TRIES_MAX = 4
"""Most reads of a document that changes between the read of its main document and of its parts."""

_OPEN: weakref.WeakSet[FirestoreStore] = weakref.WeakSet()


class FirestoreStore:
    """A store in one Firestore database.

    `clock` dates events; `next_seq` returns the least number of a new event.
    """

    writes_max = WRITES_MAX
    bytes_max = BYTES_MAX
    is_expiring = True
    is_near = False

    def __init__(
        self,
        project: str,
        database: str = "(default)",
        *,
        clock: Clock = now,
        next_seq: Callable[[], int] = machine_seq,
    ) -> None:
        self._clock = clock
        self._database = Database(project, database)
        self._log = Log(self._database, clock, next_seq)
        self._reader = Reader(self._database)
        self._here = threading.local()
        self._refusal: Exception | None = None
        _OPEN.add(self)

    def load(self, collection: str, key: str) -> Doc | None:
        return self.load_many(collection, [key])[0]

    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]:
        self._check()

        def read() -> list[Doc | None]:
            mains = self._reader.stored(collection, keys)
            docs = iter(self._reader.docs(m for m in mains if m is not None))
            return [None if m is None else next(docs) for m in mains]

        return _whole(read)

    def find(self, collection: str, scan: Scan) -> Page:
        self._check()

        def read() -> Page:
            mains, cursor = self._reader.page(collection, scan)
            return Page(self._reader.docs(mains), cursor)

        return _whole(read)

    def count(self, collection: str, where: tuple[Where, ...]) -> int:
        self._check()
        query = count_query(COLLECTIONS[collection], where)
        return 0 if query is None else self._database.count(query)

    def transact(self, work: Callable[[Tx], T]) -> T:
        self._check()
        if getattr(self._here, "is_inside", False):
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        self._here.is_inside = True
        try:
            value, fresh = self._run(work)
        finally:
            self._here.is_inside = False
        self._log.number(fresh)
        return value

    def read(self, channel: str, after: int, limit: int) -> list[Event]:
        self._check()
        if not 1 <= limit <= PAGE_DOCS_MAX:
            raise Invalid("limit", f"must be 1 to {PAGE_DOCS_MAX}")
        return _whole(lambda: self._log.read(channel, after, limit))

    def last(self, channel: str) -> int:
        self._check()
        return self._log.last(channel)

    def weigh(self, collection: str, key: str, body: Body) -> int:
        return encode(COLLECTIONS[collection], body).weigh(key)

    def generation(self) -> object:
        # There is no cheap check for new commits, so callers must not cache anything by the generation.
        self._check()
        return object()

    def start_sending(self) -> bool:
        self._log.is_sending = True
        return True

    def send(self, publish: Publish) -> None:
        self._check()
        self._log.send(publish)

    def repair(self, before: datetime, publish: Publish | None) -> int:
        self._check()
        return self._log.repair(before, publish)

    def close(self) -> None:
        """Close the channel; safe to call again."""
        if self._refusal is None:
            self._refusal = Unavailable("the store is closed")
            self._database.close()

    def _check(self) -> None:
        if self._refusal is not None:
            raise type(self._refusal)(*self._refusal.args)

    def _run(self, work: Callable[[Tx], T]) -> tuple[T, list[Fresh]]:
        """Run the work and commit it. Retry while other transactions change the read documents or the service cannot
        answer."""
        reason: Exception = Unavailable("")
        retried, outages = b"", 0
        doubted: list[tuple[FirestoreTx, T]] = []
        for n in range(TRIES_MAX):
            tx = FirestoreTx(self._database, self._clock, self.writes_max, retried)
            try:
                # A run that was committed in spite of the error must neither be done twice nor conflict with itself.
                for before, value in doubted:
                    if before.was_committed():
                        return value, before.fresh()
                value = work(tx)
                return value, tx.commit()
            except (Contended, Unavailable) as error:
                reason, retried = error, tx.transaction.id
                outages += isinstance(error, Unavailable)
                if tx.is_in_doubt:
                    doubted.append((tx, value))
                else:
                    tx.transaction.abandon()
            except BaseException:
                tx.transaction.abandon()
                raise
            if outages >= OUTAGES_MAX:
                break
            pause(n)
        raise Unavailable(f"the store cannot write now: {reason}") from reason


def _whole(read: Callable[[], T]) -> T:
    """The result of a read; the read is retried when a document changed before its parts were read."""
    for _ in range(PARTS_TRIES_MAX):
        try:
            return read()
        except Contended as error:
            reason = error
    raise Unavailable("a document changes faster than it can be read") from reason


def _refuse_after_fork() -> None:
    """A child process shares its parent's channel, which gRPC does not allow."""
    for store in _OPEN:
        store._refusal = RuntimeError("this store was opened before the process forked: open it in the child")


os.register_at_fork(after_in_child=_refuse_after_fork)
