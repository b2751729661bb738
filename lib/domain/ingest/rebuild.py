"""Rebuild: computes all reports anew from the submissions as they were sent, and compares them (kcidb.md 2.7).

It works in a scratch store beside the real one, so that it needs little memory and changes nothing before `mend`. The
comparison is byte for byte, except for `changed_at`, which does not come from submissions. Submissions that arrive
meanwhile may show as differences: compare again, or stop the hub.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lib.domain.ingest.intake import PIECE_COPIES_NEAR, Decode, load_text
from lib.domain.ingest.merger import EXCERPT, Merger, Piece, make_piece
from lib.domain.ingest.sent import Copy
from lib.domain.ingest.submission import MERGED, SUBMISSIONS
from lib.domain.query.source import every
from lib.domain.report.canonical import canonical
from lib.domain.report.report import COLLECTION, KINDS
from lib.store.port import Body, Doc, Scan, Store, Tx

PAGE_DOCS = 200
MENDS_AT_ONCE = 100

Contribute = Callable[[Store], int]
"""Adds the copies that do not come from submissions to a store. Returns the number of their source records."""


class Mismatch(NamedTuple):
    """A report that differs from the computed one; `stored` or `made` is None where it is missing."""

    collection: str
    key: str
    stored: Body | None
    made: Body | None

    @property
    def name(self) -> str:
        """The id of the report, or the key of an excerpt."""
        body = self.stored or self.made or {}
        id: str = body["object"]["id"] if "object" in body else self.key
        return id


@dataclass(slots=True)
class Rebuild:
    """Replays the submissions of `store` into `scratch`, which is empty, and compares."""

    store: Store
    scratch: Store
    decode: Decode
    contribute: Contribute = lambda store: 0
    collections: Sequence[str] = (*(COLLECTION[kind] for kind in KINDS), EXCERPT)

    def replay(self) -> int:
        """Merge every submission into the scratch store. Returns their number. Raises Malformed for a submission that
        cannot be decoded again."""
        merger, count = Merger(), 0
        for doc in _all(self.store, SUBMISSIONS):
            if doc.body["state"] == MERGED:
                sent = self.decode(load_text(self.store, doc.body), doc.body["is_partial"])
                self._merge(merger, doc.key, doc.body["received_at"], sent.copies)
                count += 1
        self.contribute(self.scratch)
        return count

    def compare(self) -> Iterator[Mismatch]:
        """The differences, collection by collection, in the order of the keys."""
        for name in self.collections:
            for key, stored, made in _pairs(_all(self.store, name), _all(self.scratch, name)):
                if made is None and name == EXCERPT:
                    continue  # no report refers to it, but a process may have cached it as stored
                if stored is None or made is None or _content(stored) != _content(made):
                    yield Mismatch(name, key, _body(stored), _body(made))

    def mend(self, differences: Sequence[Mismatch], changed_at: str) -> None:
        """Replace the stored reports by the computed ones. Reports that only the store has are deleted."""
        for at in range(0, len(differences), MENDS_AT_ONCE):
            some = differences[at : at + MENDS_AT_ONCE]

            def work(tx: Tx, some: Sequence[Mismatch] = some) -> None:
                stored = [tx.load(d.collection, d.key) for d in some]
                for d, doc in zip(some, stored, strict=True):
                    if d.made is None:
                        tx.drop(d.collection, d.key)
                        continue
                    body = d.made if d.collection == EXCERPT else {**d.made, "changed_at": changed_at}
                    if doc is None:
                        tx.create(d.collection, d.key, body)
                    else:
                        tx.save(d.collection, d.key, body)

            self.store.transact(work)

    def _merge(self, merger: Merger, id: str, received_at: str, copies: Sequence[Copy]) -> None:
        for at in range(0, len(copies), PIECE_COPIES_NEAR):
            piece = make_piece(copies[at : at + PIECE_COPIES_NEAR])

            def work(tx: Tx, piece: Piece = piece) -> None:
                merger.merge(tx, piece, id, received_at, "")

            self.scratch.transact(work)
            merger.remember(piece)


def _all(store: Store, collection: str) -> Iterator[Doc]:
    """Every document, in the order of the keys."""
    return every(store, collection, Scan(limit=PAGE_DOCS))


def _pairs(left: Iterator[Doc], right: Iterator[Doc]) -> Iterator[tuple[str, Doc | None, Doc | None]]:
    """The documents of two ordered streams, paired by key."""
    a, b = next(left, None), next(right, None)
    while a is not None or b is not None:
        key = min(doc.key for doc in (a, b) if doc is not None)
        ours, theirs = (doc if doc is not None and doc.key == key else None for doc in (a, b))
        yield key, ours, theirs
        a = next(left, None) if ours is not None else a
        b = next(right, None) if theirs is not None else b


def _body(doc: Doc | None) -> Body | None:
    return None if doc is None else doc.body


def _content(doc: Doc) -> bytes:
    return canonical({name: value for name, value in doc.body.items() if name != "changed_at"})
