"""Instants: aware UTC datetimes inside, one canonical text form in every stored document.

Each request reads the clock once and passes the instant on. The canonical form has a fixed width, so texts sort as
instants do.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime

Clock = Callable[[], datetime]

STAMP_FORMAT = "%Y-%m-%dT%H:%M:%S.%fZ"


def now() -> datetime:
    """The instant, aware, in UTC."""
    return datetime.now(UTC)


def stamp(instant: datetime) -> str:
    """The canonical text of an instant: `2026-11-22T07:13:05.000000Z`, 27 characters, always UTC."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="microseconds")[:26] + "Z"


def unstamp(text: str) -> datetime:
    """The instant of a canonical text."""
    return datetime.fromisoformat(text)


def to_milliseconds(instant: datetime) -> datetime:
    """The instant cut (not rounded) to whole milliseconds, the precision of stored instants of nodes."""
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


def stamp_milliseconds(instant: datetime) -> str:
    """The canonical text of `to_milliseconds(instant)`, in half the time."""
    if instant.tzinfo is not UTC:
        instant = instant.astimezone(UTC)
    return instant.isoformat(timespec="milliseconds")[:23] + "000Z"


def read_instant(text: str) -> datetime:
    """The instant of an ISO 8601 text as clients write them: date only, `T` or space, fraction, `Z` or offset.

    No offset means UTC. A space in the place of a `+` (`…04 00:00`, after form decoding) is read as the `+`. Raises
    ValueError.
    """
    text = text.strip()
    head, _, tail = text.rpartition(" ")
    if len(head) > 10 and len(tail) == 5 and tail[2] == ":":
        text = f"{head}+{tail}"
    instant = datetime.fromisoformat(text)
    try:
        return instant.replace(tzinfo=UTC) if instant.tzinfo is None else instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError(f"outside the years 1 to 9999: {text}") from error
