"""One database: its collections, its clock, and commits, which are all that ever changes it.

Every method takes the one lock, so that each commit and each read stands alone. Commit times grow strictly, by at least
a microsecond, and name the state of the whole database: a read at a time sees the commits up to it.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

from tests.emulators.firestore.collection import KEPT_US, Collection
from tests.emulators.firestore.document import Document
from tests.emulators.firestore.entries import check_entries
from tests.emulators.firestore.index import IndexSet
from tests.emulators.firestore.limits import DOCUMENT_BYTES_MAX, TRANSACTION_BYTES_MAX
from tests.emulators.firestore.meter import Meter
from tests.emulators.firestore.path import Path, check_document, split_name
from tests.emulators.firestore.refusal import failed, invalid
from tests.emulators.firestore.value import TIMESTAMP, fields_size, name_size
from tests.emulators.firestore.write import Write, check_precondition, make, target
from tests.emulators.rpc import Refused

Clock = Callable[[], int]
Result = tuple[int | None, list[Any]]
"""Of a write: the update time of its document (None: deleted), and the results of its transforms."""

EMPTY = Collection("")


class Database:
    """Documents by their relative paths. `watch` reports each commit with a change."""

    def __init__(self, name: str, indexes: IndexSet, meter: Meter, clock: Clock) -> None:
        self.name = name
        self.prefix = f"{name}/documents/"
        self.indexes = indexes
        self.meter = meter
        self.clock = clock
        self.lock = threading.RLock()
        self.watchers: set[Callable[[], None]] = set()
        self._collections: dict[str, Collection] = {}
        self._committed_at = 0

    def path(self, name: str) -> str:
        """The relative path of a document by its full name, which must lie in this database."""
        if not name.startswith(self.prefix):
            split_name(name)
            raise invalid(f"the document {name!r} is not in {self.name}")
        return check_document(name[len(self.prefix) :])

    def now(self) -> int:
        """The time of a read that sees everything committed so far, and nothing after."""
        with self.lock:
            self._committed_at = max(self.clock(), self._committed_at)
            return self._committed_at

    def check_read_time(self, at: int) -> int:
        """Refuse a read time that lies ahead, or further back than versions are kept."""
        now = self.now()
        if at > now:
            raise invalid("the read time lies in the future")
        if at < now - KEPT_US:
            raise failed("the read time is too old: versions are kept for an hour")
        return at

    def get(self, path: str, at: int | None = None) -> Document | None:
        """A document by its relative path, now or as of a time."""
        parent, _, id = path.rpartition("/")
        return self.collection(parent).get(id, at)

    def collection(self, path: str) -> Collection:
        return self._collections.get(path, EMPTY)

    def collections(self, under: str = "") -> Iterator[Collection]:
        """All collections that ever held a document, below a document's path."""
        prefix = f"{under}/" if under else ""
        return (c for path, c in self._collections.items() if path.startswith(prefix))

    def commit(self, writes: Sequence[Any], verify: Callable[[], None] | None = None) -> tuple[int, list[Result]]:
        """Carry out all writes or none; `verify` refuses when what a transaction read has changed."""
        with self.lock:
            if verify:
                verify()
            at = max(self.clock(), self._committed_at + 1)
            staged: dict[str, Document | None] = {}
            results = [self._stage(write, staged, at) for write in writes]
            self._check_sizes(staged)
            self._land(staged, at)
            deletes = sum(write.WhichOneof("operation") == "delete" for write in writes)
            self.meter.add(writes=len(writes) - deletes, deletes=deletes)
            return at, results

    def _stage(self, write: Any, staged: dict[str, Document | None], at: int) -> Result:
        name = target(write)
        path = self.path(name)
        stored = staged[path] if path in staged else self.get(path)
        check_precondition(write.current_document, name, stored)
        made, results = make(write, stored, at)
        if made is not stored:
            staged[path] = made
        return (made.updated if made else None), results

    def _check_sizes(self, staged: dict[str, Document | None]) -> None:
        total = 0
        for path, document in staged.items():
            if document:
                size = name_size(document.name) + fields_size(document.message.fields) + 32
                if size > DOCUMENT_BYTES_MAX:
                    raise invalid(f"Document {document.name} is {size} bytes: more than {DOCUMENT_BYTES_MAX} allowed")
                total += size + check_entries(self.indexes, document)
            elif gone := self.get(path):
                total += (
                    name_size(gone.name) + fields_size(gone.message.fields) + 32 + check_entries(self.indexes, gone)
                )
        if total > TRANSACTION_BYTES_MAX:
            raise invalid(f"Transaction too big: {total} bytes of documents and index entries. Decrease its size.")

    def _land(self, staged: dict[str, Document | None], at: int) -> None:
        self._committed_at = at
        changed = False
        for path, document in staged.items():
            parent, _, id = path.rpartition("/")
            if document is None and id not in self.collection(parent).live:
                continue
            self._collections.setdefault(parent, Collection(parent)).put(id, document, at)
            changed = True
        if changed:
            self.tell()

    def tell(self) -> None:
        for watcher in tuple(self.watchers):
            watcher()

    def apply_each(self, writes: Iterable[Any]) -> list[Result | Refused]:
        """BatchWrite: every write by itself, refused or not."""
        results: list[Result | Refused] = []
        for write in writes:
            try:
                results.append(self.commit([write])[1][0])
            except Refused as refused:
                results.append(refused)
        return results

    def expire(self, fields: Mapping[str, Path], now: int) -> int:
        """Delete the documents whose TTL field (by collection id) is a time that has passed; gives their number."""
        seconds, rest = divmod(now, 1_000_000)
        with self.lock:
            paths = [
                f"{c.path}/{document.id}"
                for c in self._collections.values()
                if c.id in fields
                for document in c.documents()
                if (key := document.key(fields[c.id]))
                and key[0] == TIMESTAMP
                and key <= (TIMESTAMP, seconds, rest * 1000)
            ]
            if paths:
                self.commit([Write(delete=self.prefix + path) for path in paths])
            return len(paths)

    def missing(self, collection: str, at: int | None = None) -> set[str]:
        """Ids of documents that are not there but have documents below them."""
        prefix = f"{collection}/"
        below = (c for path, c in self._collections.items() if path.startswith(prefix) and c.documents(at))
        ids = {c.path[len(prefix) :].partition("/")[0] for c in below}
        return {id for id in ids if self.collection(collection).get(id, at) is None}

    def collection_ids(self, under: str, at: int | None = None) -> list[str]:
        """Ids of the collections right below a document, or of the root collections."""
        prefix = f"{under}/" if under else ""
        return sorted({c.path[len(prefix) :].partition("/")[0] for c in self.collections(under) if c.documents(at)})
