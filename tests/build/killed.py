"""Processes that are killed at one of their transactions, for tests of the next process."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any


class Killed(BaseException):
    """The process ends here."""


@dataclass
class Fate:
    """How a process ended."""

    lived: bool = True


@contextmanager
def killed_at(store: Any, n: int, *, is_before: bool) -> Iterator[Fate]:
    """The code inside is killed at its n-th transaction of this store, before its commit or right after it."""
    fate, transact, count = Fate(), store.transact, 0

    def dying(work: Any) -> Any:
        nonlocal count
        count += 1
        if count == n and is_before:
            raise Killed
        done = transact(work)
        if count == n:
            raise Killed
        return done

    store.transact = dying
    try:
        yield fate
    except Killed:
        fate.lived = False
    finally:
        del store.transact
