"""Values of nodes as KCIDB takes them: each gives the value in normal form of schema 5.3, or None where it has none
(kcidb.md 1.2 and 2.3).

Pure. Nodes hold what clients sent, of any form; what the schema would refuse is left out, so that every projected
object is valid. Called by `projection`, `run` and `trait`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from datetime import datetime
from ipaddress import IPv6Address
from typing import Any

from lib.clock import stamp

_COMMIT = re.compile(r"[0-9a-f]{40}\Z")
_PATCHSET = re.compile(r"[0-9a-f]{64}\Z")
_ARCHITECTURE = re.compile(r"[a-z0-9_]+\Z")
_USER = r"[A-Za-z0-9._~!$&'()*+,;=:-]|%[0-9A-Fa-f]{2}"
_PLAIN = f"{_USER}|@"
_URL = re.compile(
    rf"https?://(?:(?:{_USER})*@)?(?:\[([0-9A-Fa-f:]+)\]|(?:[A-Za-z0-9._~-]|%[0-9A-Fa-f]{{2}})+)(?::[0-9]*)?"
    rf"(?:/(?:{_PLAIN}|/)*)?(?:\?(?:{_PLAIN}|[/?])*)?(?:#(?:{_PLAIN}|[/?])*)?\Z"
)
_FLOAT_EXACT = 2.0**53
INTEGER_END = 2**63
"""No store holds an integer past 64 bits."""


def text(value: object) -> str | None:
    """A text without U+0000; None for anything else, and for an empty one."""
    return value.replace("\0", "") or None if isinstance(value, str) else None


def commit(value: object) -> str | None:
    """A commit hash: forty hex digits, lower-case."""
    return value if isinstance(value, str) and _COMMIT.match(value) else None


def patchset(value: object) -> str | None:
    """The hash of a set of patches, "" where there are none; None for patches told of in another way."""
    if value is None or value == "":
        return ""
    return value if isinstance(value, str) and _PATCHSET.match(value) else None


def architecture(value: object) -> str | None:
    """The name of an architecture."""
    return value if isinstance(value, str) and _ARCHITECTURE.match(value) else None


def url(value: object) -> str | None:
    """A URL of the web, as RFC 3986 has it."""
    found = _URL.match(value) if isinstance(value, str) else None
    return found[0] if found is not None and (found[1] is None or _is_address(found[1])) else None


def _is_address(text: str) -> bool:
    try:
        IPv6Address(text)
    except ValueError:
        return False
    return True


def repository(value: object) -> str | None:
    """The URL of a repository, which is https and nothing else."""
    found = url(value)
    return found if found is not None and found.startswith("https://") else None


def texts(value: object) -> list[str] | None:
    """A list of texts."""
    found = [t for t in map(text, value) if t is not None] if isinstance(value, list) else []
    return found or None


def flag(value: object) -> bool | None:
    """True or false."""
    return value if isinstance(value, bool) else None


def time(instant: datetime) -> str:
    """An instant as KCIDB writes it."""
    return stamp(instant)[:-1] + "+00:00"


def seconds(start: datetime, end: datetime) -> int | float | None:
    """How long something took, to the millisecond; None where it took no time: it was told of when it was over."""
    took = round((end - start).total_seconds(), 3)
    return _number(took) if took > 0 else None


def free(value: Any) -> Any:
    """A value of any form, for `misc`: numbers in normal form, no U+0000."""
    if isinstance(value, str):
        return value.replace("\0", "")
    if isinstance(value, float):
        return _number(value)
    if isinstance(value, int) and not -INTEGER_END <= value < INTEGER_END:
        return float(value)
    if isinstance(value, Mapping):
        return {free(key): free(member) for key, member in value.items()}
    return [free(member) for member in value] if isinstance(value, list) else value


def _number(value: float) -> int | float:
    return int(value) if value.is_integer() and abs(value) < _FLOAT_EXACT else value


def files(artifacts: Mapping[str, Any] | None, without: Iterable[str] = ()) -> list[dict[str, str]] | None:
    """The resources of artifacts, by name; a slash in a name is an underscore (kcidb.md 5.1)."""
    found = []
    for name, place in sorted((artifacts or {}).items()):
        shown, where = text(name), url(place)
        if name not in without and shown is not None and where is not None:
            found.append({"name": shown.replace("/", "_"), "url": where})
    return found or None


def given(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Only the members that have a value: null has no place in an object (kcidb.md 1.1)."""
    return {name: value for name, value in fields.items() if value is not None}
