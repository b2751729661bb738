"""Operators: the one table of what each asks of the values that a record has at a path. Pure.

Values of different types are never equal, but for integers and other numbers. Every test takes a list of values, of
which any may meet it; no value at all is as null.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Literal

from lib.domain.query.pattern import like

Operator = Literal["eq", "ne", "lt", "lte", "gt", "gte", "in", "nin", "re", "like"]
RANGES: Mapping[str, Literal["<", "<=", ">", ">="]] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">="}

Test = Callable[[Sequence[Any]], bool]


def _type(value: Any) -> type:
    return float if type(value) is int else type(value)


def _is_among(values: Iterable[Any]) -> Test:
    wanted = {(_type(value), value) for value in values}
    takes_nothing = (type(None), None) in wanted

    def test(found: Sequence[Any]) -> bool:
        for value in found:
            of = _type(value)
            if of is not list and of is not dict and (of, value) in wanted:
                return True
        return takes_nothing and not found

    return test


def _not(test: Test) -> Test:
    return lambda found: not test(found)


def _compares(holds: Callable[[Any, Any], bool]) -> Callable[[Any], Test]:
    def of(wanted: Any) -> Test:
        ordered = _type(wanted) if _type(wanted) in (str, float) else None
        return lambda found: any(_type(value) is ordered and holds(value, wanted) for value in found)

    return of


def _is_text(holds: Callable[[str], Any]) -> Test:
    return lambda found: any(isinstance(value, str) and holds(value) for value in found)


TESTS: Mapping[str, Callable[[Any], Test]] = {
    "eq": lambda value: _is_among((value,)),
    "ne": lambda value: _not(_is_among((value,))),
    "in": _is_among,
    "nin": lambda values: _not(_is_among(values)),
    **{op: _compares(getattr(operator, name)) for op, name in zip(RANGES, ("lt", "le", "gt", "ge"), strict=True)},
    "re": lambda pattern: _is_text(pattern.search),
    "like": lambda pattern: _is_text(like(pattern)),
}
"""Operator → the test that it makes of a filter's value: a JSON scalar or, for `in` and `nin`, several; for `re` a
compiled pattern, for `like` a text."""


def holds(op: Operator, found: Sequence[Any], wanted: Any) -> bool:
    """Whether some values meet an operator once."""
    return TESTS[op](wanted)(found)
