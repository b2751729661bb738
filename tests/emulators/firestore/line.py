"""The queue of aborted transactions: each gets its turn, so that the first one commits within few attempts.

The client runs an aborted function again at once and names the attempt before (`retry_transaction`), which "preserves
the spot in line". Who runs again waits for those ahead of it that want the same documents; while it has its turn, a
newcomer that wants them loses, and stands in line itself.
"""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable

WAIT_S_MAX = 2.0
"""Longest wait for those ahead: one of them may never come back."""
LOST_MAX = 1000


class Place:
    """A place in the queue: the wanted documents and collections, by path."""

    def __init__(self, wants: Iterable[str] = ()) -> None:
        self.wants = frozenset(wants)

    def meets(self, wants: Iterable[str]) -> bool:
        """Whether it wants one of these, or a document of one of these collections."""
        others = set(wants)
        return bool(self.wants & _widen(others) or _widen(self.wants) & others)


def _widen(paths: Iterable[str]) -> set[str]:
    """Paths with the collections their documents are in."""
    paths = set(paths)
    return paths | {path.rpartition("/")[0] for path in paths if path.count("/") % 2}


class Line:
    """The documents wanted by aborted attempts, and the attempts that run again, in order. The database's lock guards
    it."""

    def __init__(self, lock: threading.RLock) -> None:  # type: ignore[valid-type]
        self._changed = threading.Condition(lock)
        self._lost: dict[bytes, frozenset[str]] = {}
        self._active: list[Place] = []

    def lose(self, attempts: Iterable[bytes], wants: Iterable[str]) -> None:
        """Record the documents wanted by an aborted attempt, by its id and that of the first attempt."""
        for id in attempts:
            self._lost[id] = frozenset(wants)
        while len(self._lost) > LOST_MAX:
            del self._lost[next(iter(self._lost))]

    def enter(self, id: bytes) -> Place | None:
        """Wait for the turn of an aborted attempt; None for a new transaction, which does not wait."""
        wants = self._lost.get(id)
        if wants is None:
            return None
        place = Place(wants)
        self._active.append(place)
        self._changed.wait_for(lambda: not self._is_held(place), WAIT_S_MAX)
        return place

    def _is_held(self, place: Place) -> bool:
        ahead = itertools.takewhile(lambda other: other is not place, self._active)
        return any(other.meets(place.wants) for other in ahead)

    def leave(self, place: Place) -> None:
        self._active.remove(place)
        self._changed.notify_all()

    def holds(self, wants: Iterable[str], place: Place | None) -> bool:
        """Whether an attempt with its turn wants these. An attempt that waited long enough in the queue may
        continue."""
        return place is None and any(other.meets(wants) for other in self._active)
