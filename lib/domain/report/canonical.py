"""Canonical JSON: one text for each value, so that digests and orders of values are well defined (kcidb.md 2.3).

Keys are sorted by code point. There is no space between tokens. Characters outside ASCII are written as they are. A
whole number has no fraction (`600.0` is `600`) where a float holds it exactly. Other numbers are the shortest text that
reads back to the same float, in orjson's spelling.
"""

from __future__ import annotations

import hashlib
from typing import Any, NamedTuple

import orjson

EXACT_MAX = 2**53
"""Below it, floats represent every whole number exactly."""

_ORJSON_INT_MIN, _ORJSON_INT_MAX = -(2**63), 2**64 - 1


class Written(NamedTuple):
    """The canonical JSON of a value, the value with whole floats as integers, and whether it has an integer of more
    than 64 bits."""

    text: bytes
    value: Any
    has_large: bool


def write(value: Any) -> Written:
    """A value and its canonical JSON. Raises orjson.JSONEncodeError for a text that is not valid Unicode."""
    try:
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    except orjson.JSONEncodeError:
        value = plain(value)
        return Written(orjson.dumps(_with_large(value), option=orjson.OPT_SORT_KEYS), value, True)
    # A whole float ends in `.0`. A text may hold that too; then the walk changes nothing.
    if b".0" in text and (b".0," in text or b".0}" in text or b".0]" in text or text.endswith(b".0")):
        value = plain(value)
        text = orjson.dumps(value, option=orjson.OPT_SORT_KEYS)
    return Written(text, value, False)


def canonical(value: Any) -> bytes:
    """The canonical JSON of a value, integers of any size included."""
    return write(value).text


def digest(value: Any) -> str:
    """The SHA-256 of a value's canonical JSON, in lower-case hex."""
    return hashlib.sha256(canonical(value)).hexdigest()


def plain(value: Any) -> Any:
    """The value with its whole floats as integers (kcidb.md 2.3, step 4). Unchanged parts are not copied."""
    kind = type(value)
    if kind is float:
        return int(value) if -EXACT_MAX < value < EXACT_MAX and value.is_integer() else value
    if kind is not dict and kind is not list:
        return value
    changed: Any = None
    for key, item in value.items() if kind is dict else enumerate(value):
        if type(item) in _CHANGEABLE:
            new = plain(item)
            if new is not item:
                changed = changed or value.copy()
                changed[key] = new
    return changed or value


_CHANGEABLE = (float, dict, list)


def _with_large(value: Any) -> Any:
    """The value with each integer that orjson cannot write replaced by a fragment, which orjson copies unchanged."""
    if isinstance(value, dict):
        return {key: _with_large(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_with_large(item) for item in value]
    if type(value) is int and not _ORJSON_INT_MIN <= value <= _ORJSON_INT_MAX:
        return orjson.Fragment(str(value))
    return value
