"""The long polls that wait: one watch over the bus for the whole process, one event of asyncio for each poll.

Called by the ASGI shell. Everything but `notify` belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager


class LongPolls:
    """Waiters by channel. News of a channel sets the events of its waiters, in the order they came.

    `last` gives the newest sequence number of a channel; it may block, so it is called through `run`. It is asked
    when a bus cannot tell which channel has news: hundreds of polls must not look again because of every commit.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        last: Callable[[str], int],
        run: Callable[..., Awaitable[Mapping[str, int]]],
    ) -> None:
        self._loop = loop
        self._last = last
        self._run = run
        # A dict is a set that keeps its order.
        self._waiters: dict[str, dict[asyncio.Event, None]] = {}
        self._lock = threading.Lock()
        self._news: set[str | None] = set()
        self._known: dict[str, int] = {}
        self._check: asyncio.Task[None] | None = None
        self._check_again = False

    @contextmanager
    def waiting(self, channels: Iterable[str]) -> Iterator[asyncio.Event]:
        """An event that is set whenever one of the channels has news."""
        news = asyncio.Event()
        for channel in channels:
            self._waiters.setdefault(channel, {})[news] = None
        try:
            yield news
        finally:
            for channel in channels:
                waiters = self._waiters[channel]
                del waiters[news]
                if not waiters:
                    del self._waiters[channel]
                    self._known.pop(channel, None)

    @property
    def has_waiters(self) -> bool:
        return bool(self._waiters)

    def notify(self, channel: str | None) -> None:
        """A channel may have news, or any (None). From any thread; a burst of news is delivered once."""
        # A waiter that comes after this look finds the news by its own first look.
        if not self._waiters or (channel is not None and channel not in self._waiters):
            return
        with self._lock:
            is_first = not self._news
            self._news.add(channel)
        if is_first:
            try:
                self._loop.call_soon_threadsafe(self._deliver)
            except RuntimeError:  # the loop is closed: no poll waits any more
                return

    def notify_all(self) -> None:
        """Set every event."""
        self._set(list(self._waiters))

    def _set(self, channels: Iterable[str]) -> None:
        for channel in channels:
            for news in self._waiters.get(channel, ()):
                news.set()

    def _deliver(self) -> None:
        with self._lock:
            channels, self._news = self._news, set()
        self._set(channel for channel in channels if channel is not None)
        if None not in channels:
            return
        if self._check is None or self._check.done():
            self._check = self._loop.create_task(self._check_all())
        else:
            self._check_again = True

    async def _check_all(self) -> None:
        """Set the events of channels whose log has grown since the last check, or was never checked."""
        self._check_again = True
        while self._check_again:
            self._check_again = False
            lasts = await self._run(self._lasts, list(self._waiters))
            self._set([channel for channel, seq in lasts.items() if self._known.get(channel) != seq])
            self._known = {channel: seq for channel, seq in lasts.items() if channel in self._waiters}

    def _lasts(self, channels: list[str]) -> dict[str, int]:
        return {channel: self._last(channel) for channel in channels}
