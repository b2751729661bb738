"""Background loops: work that waits for a channel of the log, done by a thread at home, and by the sweep where no
thread outlives a request."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from lib.clock import Clock
from lib.messaging.port import Bus

log = logging.getLogger(__name__)

EVERY_S = 0.5
"""How often the thread looks by itself: for what only the time brings, and what another process wrote."""
REST_S = 0.02
"""Between two runs, so that a burst of commits is one run."""


@dataclass(slots=True)
class BackgroundLoop:
    """Runs `run` whenever this process wrote to the channel, and now and then. Safe to run twice and in parallel."""

    run: Callable[[datetime], int]
    channel: str
    bus: Bus
    clock: Clock
    _is_pumped: bool = False

    def sweep(self, now: datetime) -> int:
        """Run once, unless a thread does; gives how much was done."""
        return 0 if self._is_pumped else self.run(now)

    def pump(self, stop: threading.Event) -> None:
        """Run until `stop` is set: the body of the thread."""
        self._is_pumped = True
        news = threading.Event()
        unwatch = self.bus.watch(lambda channel: news.set() if channel == self.channel else None)
        try:
            while not stop.is_set():
                news.clear()
                self._run_safely()
                stop.wait(REST_S)
                news.wait(EVERY_S)
        finally:
            unwatch()
            self._is_pumped = False

    def _run_safely(self) -> None:
        try:
            self.run(self.clock())
        except Exception:
            # The thread must outlive any fault; what was not done is done by its next run.
            log.exception("the background loop of %s failed", self.channel)
