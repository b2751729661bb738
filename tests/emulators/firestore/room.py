"""The databases of a server, each made when it is first named: a fresh one for a test costs a name."""

from __future__ import annotations

import secrets
import threading
import time
from dataclasses import dataclass

from tests.emulators.firestore.database import Clock, Database
from tests.emulators.firestore.index import IndexSet
from tests.emulators.firestore.meter import Meter
from tests.emulators.firestore.transaction import Transactions

ID_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
ID_LENGTH = 20


def system_clock() -> int:
    """Microseconds since 1970."""
    return time.time_ns() // 1000


@dataclass(frozen=True)
class Room:
    """A database and its open transactions."""

    database: Database
    transactions: Transactions


class Rooms:
    """Rooms by the full name of their database."""

    def __init__(self, indexes: IndexSet, meter: Meter, clock: Clock = system_clock) -> None:
        self._indexes = indexes
        self._meter = meter
        self._clock = clock
        self._lock = threading.Lock()
        self._rooms: dict[str, Room] = {}

    def get(self, name: str) -> Room:
        with self._lock:
            room = self._rooms.get(name)
            if room is None:
                database = Database(name, self._indexes, self._meter, self._clock)
                room = self._rooms[name] = Room(database, Transactions(database))
            return room

    def all(self) -> list[Room]:
        with self._lock:
            return list(self._rooms.values())

    def clear(self) -> None:
        """Forget every database."""
        with self._lock:
            self._rooms.clear()

    def make_id(self) -> str:
        """An id for a document that is created without one."""
        return "".join(secrets.choice(ID_ALPHABET) for _ in range(ID_LENGTH))
