"""How one request reads: in a transaction, as of a time, or now; and which fields it wants."""

from __future__ import annotations

from typing import Any

from tests.emulators.firestore.document import from_time, to_time
from tests.emulators.firestore.path import Path
from tests.emulators.firestore.room import Room
from tests.emulators.firestore.transaction import Transaction
from tests.emulators.firestore.write import read_mask


class Reading:
    """The time a request reads at (None: now), its transaction, and the one it has begun."""

    def __init__(self, room: Room, request: Any) -> None:
        self.transaction: Transaction | None = None
        self.begun = b""
        self.at: int | None = None
        choice = request.WhichOneof("consistency_selector")
        if choice == "new_transaction":
            self.begun = room.transactions.begin(request.new_transaction)
            self.transaction = room.transactions.get(self.begun)
        elif choice == "transaction":
            self.transaction = room.transactions.get(request.transaction)
        elif choice == "read_time":
            self.at = room.database.check_read_time(from_time(request.read_time))
        if self.transaction:
            self.at = self.transaction.snapshot()
        self.time = to_time(self.at if self.at is not None else room.database.now())


def mask_of(request: Any) -> tuple[Path, ...] | None:
    """The fields a request wants of each document; None is all."""
    return read_mask(request.mask) if request.HasField("mask") else None
