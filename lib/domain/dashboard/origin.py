"""Origins: whose results there are (kcidb.md 4.5)."""

from __future__ import annotations

from datetime import datetime

from lib.domain.dashboard.reader import DashboardReader, same, since
from lib.store.port import Where

ORIGINS_MAX = 1000
"""Most origins that are named."""


def find_origins(board: DashboardReader, kind: str, begin: datetime) -> list[str]:
    """The origins of checkouts or tests that started since then, by name.

    The index is read from one origin to the next, and of each its first result in that time: two documents an origin,
    however many results there are.
    """
    found: list[str] = []
    last = ""
    for _ in range(ORIGINS_MAX):
        body = board.first(kind, Where("origin", ">", last), order="origin")
        if body is None:
            break
        last = body["object"]["origin"]
        if board.first(kind, same("origin", last), since(begin), order="start_time") is not None:
            found.append(last)
    return found
