"""Filters of the board: which builds, boots and tests an answer is about (kcidb.md 4.5). Pure.

A condition names a field of `FIELDS`, an operator of `OPERATORS` and values, of which any may hold. Conditions on one
kind of row leave the rows of other kinds alone; conditions of different fields must all hold, and those of one field
and operator are one condition.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from lib.domain.dashboard.row import Row
from lib.domain.query.operator import RANGES, TESTS
from lib.errors import Invalid

VALUES_MAX = 200
"""Most values of one condition."""
VALUE_CHARS_MAX = 1000
"""Longest value."""
UNCATEGORIZED = "Uncategorized"
"""In place of an issue's id: what failed and has no issue."""

ALL = ("build", "boot", "test")
Value = str | float | None | tuple[str, int | None]


class RowField(NamedTuple):
    """A field to filter by: the kinds of row it speaks of, and its values in one."""

    kinds: tuple[str, ...]
    values: Callable[[Any], Sequence[Any]]
    is_number: bool = False
    is_issue: bool = False
    default: str = "exact"


def _duration(row: Row) -> Sequence[float]:
    value = row.view.get("duration")
    return () if value is None else (value,)


def _issues(row: Row) -> Sequence[tuple[str, int | None]]:
    """Each issue by its version, and by None, which stands for any."""
    if row.issues:
        return [*row.issues, *((id, None) for id, _ in row.issues)]
    return ((UNCATEGORIZED, None),) if row.status == "FAIL" else ()


def _each(name: str, kinds: Iterable[str], *rest: Any, **more: Any) -> dict[str, RowField]:
    return {f"{kind}.{name}": RowField((kind,), *rest, **more) for kind in kinds}


FIELDS: Mapping[str, RowField] = {
    **_each("status", ALL, lambda row: (row.status,)),
    **_each("origin", ALL, lambda row: (row.view["origin"],)),
    **_each("duration", ALL, _duration, is_number=True),
    **_each("issue", ALL, _issues, is_issue=True),
    **_each("lab", ALL, lambda row: (row.lab,)),
    **_each("platform", ("boot", "test"), lambda row: (row.platform,)),
    **_each("path", ("boot", "test"), lambda row: (row.path,), default="like"),
    "test.hardware": RowField(("boot", "test"), lambda row: (row.platform, *row.compatibles)),
    "duration": RowField(ALL, _duration, is_number=True),
    "config_name": RowField(ALL, lambda row: (row.config,)),
    "compiler": RowField(ALL, lambda row: (row.compiler,)),
    "architecture": RowField(ALL, lambda row: (row.architecture,)),
    "origin": RowField(ALL, lambda row: (row.view["origin"],)),
}

OPERATORS = ("exact", "in", "gt", "gte", "lt", "lte", "like")


@dataclass(frozen=True, slots=True)
class Condition:
    """One condition, as a client stated it."""

    name: str
    operator: str
    values: tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class RowFilter:
    """Which rows are asked for. `needs_issues` says that rows must be linked first."""

    conditions: tuple[Condition, ...] = ()
    _tests: Mapping[str, list[Callable[[Any], bool]]] = field(init=False)

    def __post_init__(self) -> None:
        tests: dict[str, list[Callable[[Any], bool]]] = {kind: [] for kind in ALL}
        for condition in self.conditions:
            for kind in FIELDS[condition.name].kinds:
                tests[kind].append(_test_of(condition))
        object.__setattr__(self, "_tests", tests)

    @property
    def needs_issues(self) -> bool:
        return any(FIELDS[c.name].is_issue for c in self.conditions)

    def takes(self, row: Row) -> bool:
        """Whether a row meets every condition on its kind."""
        return all(test(row) for test in self._tests[row.kind])


def condition(name: str, operator: str, texts: Iterable[str]) -> Condition:
    """The condition a client states in texts. Raises Invalid for what has no meaning."""
    spec, path = FIELDS.get(name), f"filter_{name}"
    if spec is None:
        raise Invalid(path, "there is no such filter")
    operator = operator or spec.default
    if operator not in OPERATORS:
        raise Invalid(path, f"the operators are {', '.join(OPERATORS)}")
    texts = list(texts)
    if operator == "in" and not spec.is_issue:
        texts = [part for text in texts for part in text.split(",")]
    if len(texts) > VALUES_MAX or any(len(text) > VALUE_CHARS_MAX for text in texts):
        raise Invalid(path, f"at most {VALUES_MAX} values of {VALUE_CHARS_MAX} characters")
    if operator in RANGES and not spec.is_number:
        raise Invalid(path, f"is not a number, so that {operator} has no meaning")
    if operator == "like" and (spec.is_number or spec.is_issue):
        raise Invalid(path, "is not a text, so that like has no meaning")
    return Condition(name, operator, tuple(_value(path, spec, text) for text in texts))


def _value(path: str, spec: RowField, text: str) -> Value:
    if spec.is_number:
        try:
            return float(text)
        except ValueError as error:
            raise Invalid(path, "must be a number") from error
    if spec.is_issue:
        return issue_key(path, text)
    return text


def issue_key(path: str, text: str) -> tuple[str, int | None]:
    """An issue as a client names it: `id,version`, where the version may be `null` or missing: any."""
    id, comma, version = text.rpartition(",")
    if not comma or version in ("null", ""):
        return (id if comma else text), None
    try:
        return id, int(version)
    except ValueError as error:
        raise Invalid(path, "must be an issue's id, a comma, and its version or null") from error


def _test_of(condition: Condition) -> Callable[[Any], bool]:
    values, wanted = FIELDS[condition.name].values, condition.values
    if condition.operator in ("exact", "in"):
        is_among = TESTS["in"](wanted)
        return lambda row: is_among(values(row))
    tests = [TESTS[condition.operator](value) for value in wanted]
    return lambda row: any(test(values(row)) for test in tests)
