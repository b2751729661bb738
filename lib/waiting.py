"""Waiting for a signal: a plain thread blocks; a fiber yields to its event loop.

A store's `transact` waits for a commit that it shares with others. A thread for each such request would cost more than
the rest of the request. So an event loop may run the request in a fiber (a greenlet), which yields to the loop at
`Turn.wait` and resumes after `Turn.give`. The code of the request is the same in a thread and in a fiber.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from greenlet import getcurrent, greenlet


class Timer(Protocol):
    """A scheduled call."""

    def cancel(self) -> object: ...


class Loop(Protocol):
    """The functions of an event loop that a fiber needs."""

    def call_later(self, delay: float, callback: Callable[[], object], /) -> Timer: ...
    def call_soon(self, callback: Callable[[], object], /) -> object: ...
    def call_soon_threadsafe(self, callback: Callable[[], object], /) -> object: ...


class Fiber(greenlet):
    """Runs `work` in the thread of `loop`, from `switch` until it ends or waits."""

    def __init__(self, work: Callable[[], None], loop: Loop) -> None:
        super().__init__(work)
        self.loop = loop
        self.thread = threading.get_ident()


class Turn:
    """A signal that is given once. The waiter creates it, before any other thread can give it."""

    __slots__ = ("_fiber", "_lock")

    def __init__(self) -> None:
        here = getcurrent()
        self._fiber = here if isinstance(here, Fiber) else None
        self._lock: threading.Lock | None = None
        if self._fiber is None:
            # A held lock is the cheapest signal between two threads in Python.
            self._lock = threading.Lock()
            self._lock.acquire()

    @property
    def loop(self) -> Loop | None:
        """The event loop of the waiting fiber; None when a plain thread waits."""
        return None if self._fiber is None else self._fiber.loop

    def wait(self) -> None:
        """Wait until it is given. A fiber cannot miss it: the loop resumes the fiber only after it yielded."""
        if self._fiber is not None:
            assert self._fiber.parent is not None
            self._fiber.parent.switch()
        elif self._lock is not None:
            self._lock.acquire()

    def give(self) -> None:
        """Resume the waiter. A fiber whose loop is closed is never resumed."""
        if self._fiber is not None:
            is_here = self._fiber.thread == threading.get_ident()
            call = self._fiber.loop.call_soon if is_here else self._fiber.loop.call_soon_threadsafe
            with suppress(RuntimeError):
                call(self._fiber.switch)
        elif self._lock is not None:
            self._lock.release()
