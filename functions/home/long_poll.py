"""The room where long polls wait: one watch over the bus for the whole process, one bell a poll.

Called by the ASGI shell. Everything but `wake` belongs to the event loop.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager


class LongPolls:
    """Seats by channel. News of a channel rings the bells of those who sit there, in the order they came.

    `last` gives the newest sequence number of a channel; it may block, so it is called through `aside`. It is asked
    when a bus cannot tell which channel has news: hundreds of polls must not look again because of every commit.
    """

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        last: Callable[[str], int],
        aside: Callable[..., Awaitable[Mapping[str, int]]],
    ) -> None:
        self._loop = loop
        self._last = last
        self._aside = aside
        # A dict is a set that keeps its order.
        self._seats: dict[str, dict[asyncio.Event, None]] = {}
        self._lock = threading.Lock()
        self._news: set[str | None] = set()
        self._known: dict[str, int] = {}
        self._look: asyncio.Task[None] | None = None
        self._look_again = False

    @contextmanager
    def seat(self, channels: Iterable[str], bell: asyncio.Event) -> Iterator[None]:
        """Ring `bell` whenever one of the channels has news."""
        for channel in channels:
            self._seats.setdefault(channel, {})[bell] = None
        try:
            yield
        finally:
            for channel in channels:
                bells = self._seats[channel]
                del bells[bell]
                if not bells:
                    del self._seats[channel]
                    self._known.pop(channel, None)

    @property
    def is_occupied(self) -> bool:
        return bool(self._seats)

    def wake(self, channel: str | None) -> None:
        """A channel may have news, or any (None). From any thread; news that comes in a burst rings once."""
        # Whoever sits down after this look finds the news by its own first look.
        if not self._seats or (channel is not None and channel not in self._seats):
            return
        with self._lock:
            is_first = not self._news
            self._news.add(channel)
        if is_first:
            try:
                self._loop.call_soon_threadsafe(self._tell)
            except RuntimeError:  # the loop is closed: nobody waits any more
                return

    def ring_all(self) -> None:
        """Ring every bell."""
        self._ring(list(self._seats))

    def _ring(self, channels: Iterable[str]) -> None:
        for channel in channels:
            for bell in self._seats.get(channel, ()):
                bell.set()

    def _tell(self) -> None:
        with self._lock:
            news, self._news = self._news, set()
        self._ring(channel for channel in news if channel is not None)
        if None not in news:
            return
        if self._look is None or self._look.done():
            self._look = self._loop.create_task(self._look_round())
        else:
            self._look_again = True

    async def _look_round(self) -> None:
        """Ring where the log has grown since the last look; where nobody looked before, to be sure."""
        self._look_again = True
        while self._look_again:
            self._look_again = False
            seen = await self._aside(self._lasts, list(self._seats))
            self._ring([channel for channel, seq in seen.items() if self._known.get(channel) != seq])
            self._known = {channel: seq for channel, seq in seen.items() if channel in self._seats}

    def _lasts(self, channels: list[str]) -> dict[str, int]:
        return {channel: self._last(channel) for channel in channels}
