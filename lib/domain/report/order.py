"""The order of values: the greatest of several values of one field wins (kcidb.md 2.3). Pure.

A copy has a weight (its rank, its verdict). Between values of equal weight the greater `Mark` wins. Different values of
a field have different marks.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping
from operator import not_
from typing import Any, NamedTuple

from lib.domain.report.canonical import canonical

HEAD_BYTES = 256
"""Bytes of a value's canonical JSON that are compared before the digests."""


def _places(*values: object) -> Mapping[object, int]:
    return {value: place for place, value in enumerate(values, 1)}


# The order is by evidence, not by severity: a run that took place beats one that did not. No retry hides a failure.
_STATUS = _places("SKIP", "MISS", "ERROR", "DONE", "PASS", "FAIL")

VERDICTS: Mapping[str, tuple[str, Mapping[object, int]]] = {
    "checkouts": ("valid", _places(True, False)),
    "builds": ("status", _STATUS),
    "tests": ("status", _STATUS),
    "issues": ("", {}),
    "incidents": ("present", _places(False, True)),
}
"""The verdict field of each kind ("": none) and the weights of its values; a copy without it weighs 0."""

PARTED: Mapping[str, str] = {"tests": "environment", "issues": "culprit"}
"""The field of a kind whose members are merged one by one."""

IDENTITY = frozenset({"checkout_id", "build_id", "test_id", "issue_id", "issue_version"})
"""Fields that name a parent. If copies differ in one, an id was almost always used twice."""


def rank_of(fields: Mapping[str, Any]) -> int:
    """The rank that a copy claims by `misc._rank` (kcidb.md 2.6)."""
    misc = fields.get("misc")
    rank = misc.get("_rank") if misc else None
    return rank if type(rank) is int and rank > 0 else 0


def verdict_of(kind: str, fields: Mapping[str, Any]) -> int:
    """The weight of the verdict of a copy."""
    field, places = VERDICTS[kind]
    value = fields.get(field)
    return 0 if value is None else places[value]


class Mark(NamedTuple):
    """The sort key of a value among those of its field: its key, the head of its canonical JSON as Latin-1, its
    digest."""

    key: Any
    head: str
    sha256: str


def mark_of(field: str, value: Any) -> tuple[Mark, int]:
    """The mark of a value, and the length of its canonical JSON in bytes."""
    if field == "log_excerpt" and type(value) is dict:
        return Mark(value["chars"], value["head"], value["sha256"]), 0
    text = canonical(value)
    key = (_KEYS.get(field) or _KEYS_BY_TYPE[type(value)])(value)
    return Mark(key, text[:HEAD_BYTES].decode("latin-1"), hashlib.sha256(text).hexdigest()), len(text)


def is_same(a: Any, b: Any) -> bool:
    """Whether two values of a field have the same canonical JSON. In Python 1, 1.0 and True are equal."""
    if a is b:
        return True
    if a != b:
        return False
    kind = type(a)
    if kind is dict or kind is list:
        return canonical(a) == canonical(b)
    return kind is type(b)


def _earliest(text: str) -> tuple[int, ...]:
    # Times in normal form have equal lengths, so they compare as texts.
    return tuple(-code for code in text.encode())


def _itself(value: Any) -> Any:
    return value


def _leaves(value: dict[str, Any]) -> int:
    """The number of scalars in an object, at any depth."""
    count = 0
    stack: list[Any] = [value]
    while stack:
        inner = stack.pop()
        for item in inner.values() if type(inner) is dict else inner:
            if type(item) is dict or type(item) is list:
                stack.append(item)
            else:
                count += 1
    return count


# The key of a value, by its field or else by its type: the greatest wins.
_KEYS: Mapping[str, Callable[[Any], Any]] = {
    "status": _STATUS.__getitem__,
    "valid": not_,
    "start_time": _earliest,
    "origin_builds_finish_time": _itself,
    "origin_tests_finish_time": _itself,
}
_KEYS_BY_TYPE: Mapping[type, Callable[[Any], Any]] = {
    bool: _itself,
    int: _itself,
    float: _itself,
    str: len,
    list: len,
    dict: _leaves,
}
