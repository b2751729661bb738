"""What a long command shows of its progress, on the terminal that stderr is: a bar, once it has run for two seconds.

There is none on a pipe, and none where the answer itself goes to the terminal piece by piece.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from functions import output

QUIET_S = 2.0
"""How long a command runs before it shows a bar."""


class Bar:
    """Counts, and draws once `show` was called. `is_watched` says whether that will be, so that a total which takes
    time to find is found only then. `total` None: how much there is to do is not known."""

    def __init__(self, *, is_watched: bool) -> None:
        self.is_watched = is_watched
        self._gate = threading.Lock()
        self._what, self._done = "", 0
        self._total: int | None = None
        self._drawn: Any = None
        self._is_over = False

    def begin(self, what: str, total: int | None) -> None:
        """Begin a part of the work."""
        with self._gate:
            self._what, self._done, self._total = what, 0, total
            self._draw()

    def step(self, n: int = 1) -> None:
        """So much more is done."""
        with self._gate:
            self._done += n
            self._draw()

    def show(self) -> None:
        """Draw from now on."""
        drawn = output.drawing()
        with self._gate:
            if not self._is_over:
                drawn.start()
                self._drawn = drawn
                self._draw()

    def end(self) -> None:
        """Take the bar away."""
        with self._gate:
            self._is_over = True
            if self._drawn is not None:
                self._drawn.stop()

    def _draw(self) -> None:
        if self._drawn is not None:
            self._drawn.update(self._drawn.task_ids[0], description=self._what, completed=self._done, total=self._total)


@contextmanager
def bar(what: str, total: int | None = None, *, is_answering: bool = False) -> Iterator[Bar]:
    """A bar for some work. `is_answering` says that the command writes its answer meanwhile, past `output.say`."""
    made = Bar(is_watched=output.has_watcher() and not (is_answering and output.is_on_terminal()))
    made.begin(what, total)
    if not made.is_watched:
        yield made
        return
    timer = threading.Timer(QUIET_S, made.show)
    timer.daemon = True
    timer.start()
    try:
        yield made
    finally:
        timer.cancel()
        made.end()
