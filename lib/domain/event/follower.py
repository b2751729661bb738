"""Followers: work that reads the log of a channel from a stored position.

The position is a document, which may hold more of what the work has to know (`beside`). Work writes first and then
advances: a process that is killed in between repeats its last batch, so the work must be safe to repeat. Of two
processes that read the same batch only one advances, and the position never goes back.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from lib.store.port import Doc, Event, Store, Tx


@dataclass(frozen=True, slots=True)
class Follower:
    """A position in a channel: `seq` of the last event that was worked on, in one field of a document."""

    store: Store
    channel: str
    collection: str
    key: str
    field: str

    def start(self, tx: Tx, position: int, *, is_anew: bool = False, **beside: Any) -> bool:
        """Begin behind this position, in a transaction that has not written yet; whether it is the first time. One that
        has begun stays where it is, or with `is_anew` skips what lies before the position."""
        doc, body = tx.load(self.collection, self.key), {self.field: position, **beside}
        if doc is None:
            tx.create(self.collection, self.key, body)
        elif is_anew and doc.body[self.field] < position:
            tx.save(self.collection, self.key, body)
        return doc is None

    def load(self) -> Doc | None:
        """Where it stands now; None before the first start."""
        return self.store.load(self.collection, self.key)

    def read(self, place: Doc, most: int) -> Sequence[Event]:
        """The next events behind a place."""
        return self.store.read(self.channel, place.body[self.field], most)

    def advance(self, place: Doc, position: int | None = None, **beside: Any) -> None:
        """Go on from a place to a position, by default the same one, unless another process has gone on meanwhile."""
        body = {self.field: place.body[self.field] if position is None else position, **beside}

        def work(tx: Tx) -> None:
            doc = tx.load(self.collection, self.key)
            if doc is not None and doc.rev == place.rev:
                tx.save(self.collection, self.key, body)

        self.store.transact(work)
