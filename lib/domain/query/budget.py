"""The budget of one answer: how many documents it may read."""

from __future__ import annotations

from dataclasses import dataclass

from lib.errors import TooCostly


@dataclass(slots=True)
class Budget:
    """Counts documents. `advice` is the refusal, which names what to narrow; `%d` in it is the limit."""

    docs_max: int
    advice: str
    docs_read: int = 0

    def take(self, most: int) -> int:
        """How many documents may be read next, at least one. Raises TooCostly when none is left."""
        if self.docs_read >= self.docs_max:
            raise TooCostly(self.advice % self.docs_max)
        return min(most, self.docs_max - self.docs_read)

    def spend(self, docs: int = 1) -> None:
        """Count some documents. Raises TooCostly past the limit."""
        self.docs_read += docs
        if self.docs_read > self.docs_max:
            raise TooCostly(self.advice % self.docs_max)
