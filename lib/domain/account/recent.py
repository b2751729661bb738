"""What was read of the store less than a second ago: what another process changed counts that much later."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Generic, TypeVar

KNOWN_FOR = timedelta(seconds=1)
KNOWN_MAX = 10_000

T = TypeVar("T")


@dataclass(slots=True)
class Recent(Generic[T]):
    """Values by key. Safe to share between threads."""

    _known: dict[str, tuple[datetime, T]] = field(default_factory=dict)
    _forgotten: int = 0

    def get(self, key: str, now: datetime, read: Callable[[str], T]) -> T:
        """The value of a key, read again after KNOWN_FOR."""
        known = self._known.get(key)
        if known is not None and abs(now - known[0]) < KNOWN_FOR:
            return known[1]
        before = self._forgotten
        value = read(key)
        if len(self._known) >= KNOWN_MAX:
            self._known.clear()
        # What was read before a change must not be kept after it.
        if before == self._forgotten:
            self._known[key] = (now, value)
        return value

    def peek(self, key: str) -> T | None:
        """The last value of a key, if it is at hand."""
        known = self._known.get(key)
        return None if known is None else known[1]

    def forget(self, key: str) -> None:
        """A key whose value this process changed just now."""
        self._forgotten += 1
        self._known.pop(key, None)
