"""KCIDB's formats of texts (kcidb.md 1.1, 1.6): which texts are a URI, a date-time, a mail's id.

The same verdicts as KCIDB's own library, but for a trailing newline, which is no part of any of them.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache

_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}T([01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](\.[0-9]+)?"
    r"(Z|[+-]([01][0-9]|2[0-3]):[0-5][0-9])"
).fullmatch


def normal_time(text: str) -> str | None:
    """A date-time of RFC 3339 in UTC, with six digits of fraction (more are cut) and `+00:00`; None for another text.

    Raises OverflowError where UTC's year is not one of 1 to 9999.
    """
    text = text.upper()
    if _TIME(text) is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:  # the 30th of February, the year 0
        return None
    if moment.tzinfo is not UTC:
        moment = moment.astimezone(UTC)
    return moment.isoformat(timespec="microseconds")


_UNRESERVED = r"A-Za-z0-9._~\-"
_DELIMITERS = r"!$&'()*+,;="


def _run(characters: str) -> str:
    """Any number of these characters and of escapes."""
    return rf"[{characters}]*(?:%[0-9A-Fa-f]{{2}}[{characters}]*)*"


@cache
def _uri() -> re.Pattern[str]:
    """RFC 3986's `URI`; the numbers of an IPv4 address may begin with zeros."""
    octet = r"(?:25[0-5]|2[0-4][0-9]|[01]?[0-9]?[0-9])"
    word = r"[0-9A-Fa-f]{1,4}"
    tail = rf"(?:{word}:{word}|{octet}(?:\.{octet}){{3}})"
    before = [rf"(?:(?:{word}:){{0,{n}}}{word})?" if n else rf"(?:{word})?" for n in range(7)]
    address = "|".join((
        rf"(?:{word}:){{6}}{tail}",
        rf"::(?:{word}:){{5}}{tail}",
        *(rf"{before[n]}::(?:{word}:){{{4 - n}}}{tail}" for n in range(5)),
        rf"{before[5]}::{word}",
        rf"{before[6]}::",
    ))  # fmt: skip
    future = rf"v[0-9A-Fa-f]+\.[{_UNRESERVED}{_DELIMITERS}:]+"
    name = _run(_UNRESERVED + _DELIMITERS)
    authority = rf"(?:{_run(_UNRESERVED + _DELIMITERS + ':')}@)?(?:\[(?:{address}|{future})\]|{name})(?::[0-9]*)?"
    path = _run(_UNRESERVED + _DELIMITERS + ":@/")
    rest = _run(_UNRESERVED + _DELIMITERS + ":@/?")
    return re.compile(rf"[A-Za-z][A-Za-z0-9+.\-]*:(?://{authority}(?:/{path})?|(?!//){path})(?:\?{rest})?(?:#{rest})?")


# The URLs that nearly everybody sends; the whole grammar is some times slower.
_PLAIN = re.compile(r"https?://[A-Za-z0-9.\-]+(?::[0-9]+)?(?:/[A-Za-z0-9._~\-!$&'()*+,;=:@/]*)?").fullmatch


def is_uri(text: str) -> bool:
    """Whether a text is an absolute URI, a fragment allowed."""
    return _PLAIN(text) is not None or _uri().fullmatch(text) is not None


def is_mail(text: str) -> bool:
    """Whether a text may be the id of a mail: KCIDB asks for an `@` and nothing more."""
    return "@" in text
