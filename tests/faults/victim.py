"""The real server, killed by its own hand at a named write boundary.

    HUB_KILL_AT="COMMIT:3"      SIGKILL before the third COMMIT of the writer
    HUB_BOUNDARIES=file         write each boundary's name to the file as it is first reached

A boundary is a statement of the writer's connection that writes, begins or commits, by its kind and table (SQLite
tells of each before it runs); and "answer", the moment after a commit and before anybody is told of it.
"""

from __future__ import annotations

import os
import re
import signal
import sys
import threading
from collections import Counter
from pathlib import Path

from functions.home import serve
from lib.store.sqlite.writer import Writer

_WRITES = re.compile(
    r"(INSERT INTO|REPLACE INTO|UPDATE|DELETE FROM)\s+\"?([A-Za-z_$#]+)|(BEGIN|COMMIT|ROLLBACK|SAVEPOINT)"
)


def name_of(statement: str) -> str | None:
    """The boundary a statement is, None for one that only reads."""
    found = _WRITES.match(statement.lstrip())
    if found is None:
        return None
    return found[3] or f"{found[1].split()[0]} {found[2]}"


class Victim:
    """Counts boundaries, notes them, and dies at the one it was told."""

    def __init__(self, kill_at: str, notes: str) -> None:
        self.name, _, number = kill_at.partition(":")
        self.number = int(number or 0)
        self.notes = Path(notes) if notes else None
        self.seen: Counter[str] = Counter()
        self._lock = threading.Lock()

    def reach(self, name: str) -> None:
        with self._lock:
            self.seen[name] += 1
            if self.notes is not None and self.seen[name] == 1:
                with self.notes.open("a") as notes:
                    notes.write(f"{name}\n")
            if name == self.name and self.seen[name] == self.number:
                os.kill(os.getpid(), signal.SIGKILL)

    def trace(self, statement: str) -> None:
        name = name_of(statement)
        if name is not None:
            self.reach(name)


def main() -> int:
    victim = Victim(os.environ.get("HUB_KILL_AT", ""), os.environ.get("HUB_BOUNDARIES", ""))
    fill, seal = Writer._fill, Writer._seal

    def traced(writer: Writer) -> list:
        writer.connection.set_trace_callback(victim.trace)
        return fill(writer)

    def sealed(writer: Writer, batch: list) -> None:
        seal(writer, batch)
        victim.reach("answer")

    Writer._fill, Writer._seal = traced, sealed
    return serve.main()


if __name__ == "__main__":
    sys.exit(main())
