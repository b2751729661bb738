"""Transactions on Firestore: the reads of one piece of work, and the commit of its writes.

Hides: how writes of one document are combined, and how the outcome of a commit with a lost answer is determined.
`store.py` passes a `FirestoreTx` to the work, then calls `commit`, and runs the work again when that raises Contended.
Source: `port.py` (Tx, and the limits).
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from google.api_core import exceptions

from lib.clock import Clock, stamp
from lib.errors import Exists, Invalid, TooLarge, Unavailable
from lib.store.firestore import wire as wire
from lib.store.firestore.client import OUTAGES, Contended, Database, Transaction, translated
from lib.store.firestore.doc import Encoded, Stored, encode, read_main
from lib.store.firestore.index import TODO_AT
from lib.store.firestore.scan import find_query
from lib.store.indexes import COLLECTIONS, EVENT
from lib.store.port import Body, Doc, Page, Scan, check_key, encode_cursor

BYTES_MAX = 9_500_000
"""Most bytes that one transaction writes, in the measure of `Encoded.weigh`. A commit takes 10 MiB, index entries
included."""
WITNESSES = 20
"""Most documents that are read to determine whether a commit with a lost answer was carried out."""


@dataclass(frozen=True, slots=True)
class Fresh:
    """A committed event without a number. `updated` is the instant at which its document was written, if known."""

    path: str
    key: str
    channel: str
    at: str
    encoded: Encoded
    updated: Any = None


@dataclass(slots=True)
class _Change:
    """The change of one document: its new content, or its deletion."""

    collection: str
    key: str
    encoded: Encoded | None
    rev: int = 1
    is_new: bool = False
    channel: str | None = None


class Reader:
    """Reads documents and scans, inside a transaction or outside."""

    def __init__(self, database: Database, transaction: Transaction | None = None) -> None:
        self.database, self._transaction = database, transaction

    def stored(self, collection: str, keys: Sequence[str]) -> list[Stored | None]:
        """The main documents in the order of the keys."""
        for key in keys:
            check_key(key)
        paths = [self.database.path(collection, key) for key in keys]
        found = self.database.get(paths, self._transaction) if paths else {}
        mains = (read_main(found[p], collection) if p in found else None for p in paths)
        return [None if m is None or m.is_hidden else m for m in mains]

    def page(self, collection: str, scan: Scan) -> tuple[list[Stored], str | None]:
        """The main documents of one page, and the cursor after it."""
        query = find_query(COLLECTIONS[collection], scan)
        if query is None:
            return [], None
        found = self.database.find(query, self._transaction)
        order, cursor = scan.order.lstrip("-"), None
        if len(found) > scan.limit:
            found.pop()
            last = wire.decode_fields(found[-1], ("key", order or "key"))
            cursor = encode_cursor(last[order] if order else None, last["key"])
        mains = (read_main(document, collection) for document in found)
        return [m for m in mains if not m.is_hidden], cursor

    def docs(self, mains: Iterable[Stored]) -> list[Doc]:
        """The whole documents. Raises Contended when one changed while its parts were read."""
        kept = list(mains)
        paths = [p for m in kept for p in m.part_paths]
        found = self.database.get(paths, self._transaction) if paths else {}
        if len(found) < len(set(paths)):
            raise Contended("a document changed while it was read")
        rest = {p: d.fields["body"].bytes_value for p, d in found.items()}
        return [m.doc(rest) for m in kept]


class FirestoreTx:
    """One run of one piece of work: reads in a transaction, writes collected for `commit`.

    A read after a write, and a `save` of a document that was not read, are faults of the product: RuntimeError.
    """

    def __init__(self, database: Database, clock: Clock, writes_max: int, retried: bytes) -> None:
        self.transaction = Transaction(database, retried)
        self._database, self._clock, self._writes_max = database, clock, writes_max
        self._reader = Reader(database, self.transaction)
        self._known: dict[tuple[str, str], Stored] = {}
        self._revs: dict[tuple[str, str], int] = {}
        self._changes: dict[tuple[str, str], _Change] = {}
        self._writes = self._bytes = 0
        self._tag = secrets.randbits(62)
        self.is_in_doubt = False
        """Whether it may have been committed, or may still be: the answer was lost and the outcome is not known yet."""

    def load(self, collection: str, key: str) -> Doc | None:
        return self.load_many(collection, [key])[0]

    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]:
        self._check_reading()
        mains = self._reader.stored(collection, keys)
        docs = iter(self._know(collection, [m for m in mains if m is not None]))
        return [None if m is None else next(docs) for m in mains]

    def find(self, collection: str, scan: Scan) -> Page:
        self._check_reading()
        mains, cursor = self._reader.page(collection, scan)
        return Page(self._know(collection, mains), cursor)

    def create(self, collection: str, key: str, body: Body) -> None:
        self._check_writing(collection)
        self._add(collection, key, encode(COLLECTIONS[collection], body))

    def save(self, collection: str, key: str, body: Body) -> int:
        self._check_writing(collection)
        place = (collection, key)
        if place not in self._revs:
            raise RuntimeError(f"{collection} {key} is saved by a transaction that did not read it")
        self._revs[place] = rev = self._revs[place] + 1
        encoded = self._weigh(key, encode(COLLECTIONS[collection], body))
        self._changes[place] = _Change(collection, key, encoded, rev)
        return rev

    def drop(self, collection: str, key: str) -> None:
        self._check_writing(collection, is_drop=True)
        check_key(key)
        self._revs.pop((collection, key), None)
        self._changes[collection, key] = _Change(collection, key, None)

    def append(self, channel: str, key: str, body: Body) -> None:
        self._check_writing(EVENT.name, is_append=True)
        own = {"channel": channel, "at": stamp(self._clock())}
        # `seq` is null until the sequencer gives it.
        self._add(EVENT.name, key, encode(EVENT, {**body, **own, "seq": None}), channel)

    def commit(self) -> list[Fresh]:
        """Do the writes as one. Returns the events that wait for their numbers. Raises Exists, Contended,
        Unavailable."""
        if not self._changes:
            self.transaction.abandon()
            return []
        try:
            with translated():
                self.transaction.begun()
            committed_at = self._database.write(list(self._make_writes(self._tag)), self.transaction)
        except (exceptions.AlreadyExists, exceptions.FailedPrecondition) as error:
            raise self._exists() from error
        except exceptions.Aborted as error:
            raise Contended(error.message) from error
        except OUTAGES as error:
            self.is_in_doubt = True
            if not self.was_committed():
                raise Unavailable(f"the store cannot write now: {error.message}") from error
            return self.fresh()
        except exceptions.InvalidArgument as error:
            # The service aborts a transaction that took too long.
            if "transaction" not in error.message.lower():
                raise
            raise Contended(error.message) from error
        return self.fresh(committed_at)

    def _check_reading(self) -> None:
        if self._changes:
            raise RuntimeError("a transaction reads after it wrote: all reads come before the first write")

    def _check_writing(self, collection: str, *, is_append: bool = False, is_drop: bool = False) -> None:
        if collection == EVENT.name and not (is_append or is_drop):
            raise RuntimeError("the log takes events by `append` only")
        if self._writes >= self._writes_max:
            raise Invalid("writes", f"a transaction has at most {self._writes_max}")
        self._writes += 1

    def _know(self, collection: str, mains: Sequence[Stored]) -> list[Doc]:
        for main in mains:
            self._known[collection, main.key] = main
            self._revs[collection, main.key] = main.rev
        return self._reader.docs(mains)

    def _add(self, collection: str, key: str, encoded: Encoded, channel: str | None = None) -> None:
        check_key(key)
        before = self._changes.get((collection, key))
        if before is not None and before.encoded is not None:
            raise exists(collection, key)
        # After a drop in the same transaction it replaces the stored document.
        is_new = before is None
        self._changes[collection, key] = _Change(
            collection, key, self._weigh(key, encoded), is_new=is_new, channel=channel
        )

    def _weigh(self, key: str, encoded: Encoded) -> Encoded:
        self._bytes += encoded.weigh(key)
        if self._bytes > BYTES_MAX:
            raise TooLarge(f"a transaction writes at most {BYTES_MAX} bytes, what is indexed included")
        return encoded

    def _make_writes(self, tag: int) -> Iterable[Any]:
        for place, change in self._changes.items():
            path = self._database.path(change.collection, change.key)
            known = self._known.get(place)
            for part in known.part_paths if known else ():
                yield wire.write_none(part)
            if change.encoded is None:
                yield wire.write_none(path)
                continue
            more = {} if change.channel is None else {TODO_AT: change.encoded.promoted["at"]}
            yield wire.write_whole(path, change.encoded.main(change.key, change.rev, tag, more), is_new=change.is_new)
            for name, fields in change.encoded.parts(path, tag):
                yield wire.write_whole(name, fields)

    def fresh(self, updated: Any = None) -> list[Fresh]:
        """Its events, which wait for their numbers after the commit."""
        return [
            Fresh(
                self._database.path(c.collection, c.key), c.key, c.channel, c.encoded.promoted["at"], c.encoded, updated
            )
            for c in self._changes.values()
            if c.channel is not None and c.encoded is not None
        ]

    def _exists(self) -> Exception:
        """The refusal that names the new key that was taken."""
        created = [c for c in self._changes.values() if c.is_new]
        with translated():
            found = self._database.get(self._database.path(c.collection, c.key) for c in created)
        for change in created:
            if self._database.path(change.collection, change.key) in found:
                return exists(change.collection, change.key)
        return Contended("a key that was taken is free again")

    def was_committed(self) -> bool:
        """Whether the writes of a commit with a lost answer are stored. The transaction is rolled back first, so that
        none can be stored later. Raises Unavailable."""
        # It is committed already, or the service cannot be reached: the documents show which.
        is_over = self.transaction.abandon()
        written = [c for c in self._changes.values() if c.encoded is not None][:WITNESSES]
        found = self._database.get(self._database.path(c.collection, c.key) for c in written)
        is_there = any(wire.decode_fields(d, ("tag",))["tag"] == self._tag for d in found.values())
        self.is_in_doubt = not (is_there or is_over)
        return is_there


def exists(collection: str, key: str) -> Exists:
    return Exists(f"{collection.capitalize()} already exists with id: {key}")
