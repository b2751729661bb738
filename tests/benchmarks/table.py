"""Tables in Markdown, and the few numbers of statistics they hold."""

from __future__ import annotations

import os
import platform
import sqlite3
from collections.abc import Sequence
from statistics import quantiles


def percentile(times: Sequence[float], percent: int) -> float:
    """The value below which so many percent of the times lie."""
    return times[0] if len(times) == 1 else quantiles(times, n=100, method="inclusive")[percent - 1]


def number(value: float) -> str:
    """Three digits that mean something, thousands apart."""
    if value >= 100:
        return f"{value:,.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def milliseconds(seconds: float) -> str:
    """A time in ms."""
    return number(seconds * 1000)


class Table:
    """Rows that are printed as they come: a long run shows how far it is."""

    def __init__(self, title: str, *columns: str) -> None:
        print(f"\n### {title}\n")
        self.row(*columns)
        print(f"|---|{'---:|' * (len(columns) - 1)}", flush=True)

    def row(self, *cells: object) -> None:
        """One more row."""
        print(f"| {' | '.join(str(cell) for cell in cells)} |", flush=True)


def machine() -> str:
    """What the figures were measured on."""
    return (
        f"{os.cpu_count()} cores {platform.machine()}, {platform.system()} {platform.release()}, "
        f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}"
    )
