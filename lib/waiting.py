"""Waiting for one's turn: a plain thread blocks; a fiber stands aside and gives its event loop the time.

A store's `transact` waits for a commit that it shares with others. A request that does little else would cost a thread
of its own, and threads cost more than the little else: so an event loop may run such a request in a fiber (a greenlet),
which leaves the loop at `Turn.wait` and comes back when the turn was given. Code between is the same either way.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Protocol

from greenlet import getcurrent, greenlet


class Timer(Protocol):
    """A call to come."""

    def cancel(self) -> object: ...


class Loop(Protocol):
    """What a fiber needs of an event loop."""

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
    """Made by who is going to wait, before anybody can give it; given once."""

    __slots__ = ("_fiber", "_lock")

    def __init__(self) -> None:
        here = getcurrent()
        self._fiber = here if isinstance(here, Fiber) else None
        self._lock: threading.Lock | None = None
        if self._fiber is None:
            # A held lock: the cheapest thing in Python that one thread can wait for and another give.
            self._lock = threading.Lock()
            self._lock.acquire()

    @property
    def loop(self) -> Loop | None:
        """The event loop that goes on meanwhile; None when a plain thread will wait."""
        return None if self._fiber is None else self._fiber.loop

    def wait(self) -> None:
        """Until it is given. A fiber cannot miss it: the loop calls it back only after it stood aside."""
        if self._fiber is not None:
            assert self._fiber.parent is not None
            self._fiber.parent.switch()
        elif self._lock is not None:
            self._lock.acquire()

    def give(self) -> None:
        """Let the one who waits go on; a fiber whose loop is closed never will."""
        if self._fiber is not None:
            is_here = self._fiber.thread == threading.get_ident()
            call = self._fiber.loop.call_soon if is_here else self._fiber.loop.call_soon_threadsafe
            with suppress(RuntimeError):
                call(self._fiber.switch)
        elif self._lock is not None:
            self._lock.release()
