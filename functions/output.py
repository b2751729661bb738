"""What a process says: the log on stderr, and the few lines of a command on stdout."""

from __future__ import annotations

import logging
import os
import secrets
import sys
import threading
import time
from collections import deque
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, TextIO

PASSWORD_BYTES = 15
LINES_MAX = 100_000
WRITE_EVERY_S = 0.2


def start_log(level: int = logging.INFO) -> None:
    """Log to stderr, a line a record, cheaply enough for every request."""
    # Who called from which line of which thread is asked for by no format of ours, and costs most of a log call.
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_Format())
    logging.basicConfig(level=level, handlers=[handler], force=True)
    # Its start and stop lines say nothing that ours do not, its warnings are of what clients send.
    logging.getLogger("uvicorn").setLevel(logging.ERROR)


def refuse(*faults: str) -> int:
    """Tell why a command does not start, a line a fault; gives its exit status."""
    for fault in faults:
        sys.stderr.write(f"error: {fault}\n")
    return 2


@lru_cache(4)
def _stamp(second: int) -> str:
    """The text of a second, made once."""
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(second))


class _Format(logging.Formatter):
    """`2026-11-22T07:13:05Z INFO name: message`."""

    def format(self, record: logging.LogRecord) -> str:
        line = f"{_stamp(int(record.created))} {record.levelname} {record.name}: {record.getMessage()}"
        return f"{line}\n{self.formatException(record.exc_info)}" if record.exc_info else line


class Lines:
    """The lines of requests, told in passing and written in batches: a write for each would cost more than most
    requests do. `pump` is the body of a thread; what is told while it writes waits, the oldest are lost past
    LINES_MAX."""

    def __init__(self, name: str, stream: TextIO) -> None:
        self._name = name
        self._stream = stream
        self._waiting: deque[str] = deque(maxlen=LINES_MAX)

    def __call__(self, text: str) -> None:
        """Tell one line; from any thread."""
        self._waiting.append(f"{_stamp(int(time.time()))} INFO {self._name}: {text}\n")

    def pump(self, stop: threading.Event) -> None:
        """Write what was told, until `stop` is set."""
        while not stop.wait(WRITE_EVERY_S):
            self.write()
        self.write()

    def write(self) -> None:
        """Write what was told so far."""
        lines = [self._waiting.popleft() for _ in range(len(self._waiting))]
        if lines:
            try:
                self._stream.write("".join(lines))
                self._stream.flush()
            except (OSError, ValueError):  # nobody reads the log any more: the hub goes on
                return


def say(*lines: str) -> None:
    """Answer the one who ran the command, at once."""
    sys.stdout.write("".join(f"{line}\n" for line in lines))
    sys.stdout.flush()


def pour(pieces: Iterable[bytes]) -> None:
    """Answer with bytes as they come. When whoever reads them has enough, the rest is not asked for."""
    out = sys.stdout.buffer
    try:
        for piece in pieces:
            out.write(piece)
        out.flush()
    except BrokenPipeError:
        # Nothing may be left for the interpreter to flush at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def warn(*lines: str) -> None:
    """Tell the one who ran the command what is no answer."""
    sys.stderr.write("".join(f"{line}\n" for line in lines))


def has_watcher() -> bool:
    """Whether stderr is a terminal that can show a bar."""
    return sys.stderr.isatty() and os.environ.get("TERM", "dumb") != "dumb"


def is_on_terminal() -> bool:
    """Whether the answer goes to a terminal."""
    return sys.stdout.isatty()


def drawing() -> Any:
    """A bar of rich with one task, on stderr."""
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        Progress,
        TaskProgressColumn,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    # What is said on a terminal meanwhile goes above the bar; an answer that goes elsewhere is left alone.
    drawing = Progress(
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn(),
        console=Console(stderr=True), transient=True, redirect_stderr=True, redirect_stdout=is_on_terminal(),
    )  # fmt: skip
    drawing.add_task("", total=None)
    return drawing


def made_up_password() -> str:
    """A password nobody chose: 120 random bits, easy to copy."""
    return secrets.token_urlsafe(PASSWORD_BYTES)
