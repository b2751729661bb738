"""Filters: a test of one document, and the disjunctive normal form from which indexes are chosen.

What each operator matches ("Query operators"): every comparison needs the field to be there; order comparisons see
values of the same type only; `!=` and `not-in` leave out null; numbers are one type, NaN the least of them.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from tests.emulators.firestore.document import Document
from tests.emulators.firestore.limits import DISJUNCTIONS_MAX, NOT_IN_VALUES_MAX
from tests.emulators.firestore.path import NAME, Path, parse_field
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.value import NAN_KEY, NULL_KEY, REFERENCE, Key, elements, encode

Test = Callable[[Document], bool]


class Condition(NamedTuple):
    """A comparison of one field inside a disjunct: `==`, `contains`, or an inequality by its operator."""

    path: Path
    op: str
    key: Key


Disjunct = tuple[Condition, ...]


@dataclass(frozen=True)
class Filter:
    """A filter. `disjuncts` are its disjunctive normal form; `in` and the like count as so many equalities."""

    test: Test
    disjuncts: tuple[Disjunct, ...]
    count: int

    @property
    def paths(self) -> set[Path]:
        return {c.path for d in self.disjuncts for c in d}

    @property
    def inequalities(self) -> set[Path]:
        return {c.path for d in self.disjuncts for c in d if c.op not in EQUALITIES}


EQUALITIES = ("==", "contains")


def _same_type(a: Key, b: Key) -> bool:
    return bool(a[0] == b[0])


def _is_other(key: Key, keys: tuple[Key, ...]) -> bool:
    return key != NULL_KEY and key not in keys


class Operator(NamedTuple):
    """A field operator by its name on the wire: how a disjunct calls it, its test, how it takes its operand."""

    op: str
    test: Callable[[Key, Any], bool]
    is_list: bool = False


OPERATORS = {
    "LESS_THAN": Operator("<", lambda key, want: _same_type(key, want) and key < want),
    "LESS_THAN_OR_EQUAL": Operator("<=", lambda key, want: _same_type(key, want) and key <= want),
    "GREATER_THAN": Operator(">", lambda key, want: _same_type(key, want) and key > want),
    "GREATER_THAN_OR_EQUAL": Operator(">=", lambda key, want: _same_type(key, want) and key >= want),
    "EQUAL": Operator("==", lambda key, want: bool(key == want)),
    "NOT_EQUAL": Operator("!=", lambda key, want: _is_other(key, (want,))),
    "ARRAY_CONTAINS": Operator("contains", lambda key, want: want in elements(key)),
    "IN": Operator("==", lambda key, want: key in want, is_list=True),
    "ARRAY_CONTAINS_ANY": Operator("contains", lambda key, want: any(e in want for e in elements(key)), is_list=True),
    "NOT_IN": Operator("not-in", lambda key, want: NULL_KEY not in want and _is_other(key, want), is_list=True),
}

BY_NAME = {operator.op: operator for operator in OPERATORS.values() if not operator.is_list or operator.op == "not-in"}

UNARY = {
    "IS_NULL": Operator("==", lambda key, want: bool(key == NULL_KEY)),
    "IS_NAN": Operator("==", lambda key, want: bool(key == NAN_KEY)),
    "IS_NOT_NULL": Operator("!=", lambda key, want: bool(key != NULL_KEY)),
    "IS_NOT_NAN": Operator("!=", lambda key, want: _is_other(key, (NAN_KEY,))),
}


def meets(document: Document, condition: Condition) -> bool:
    """Whether a document meets one condition of a disjunct."""
    key = document.key(condition.path)
    return key is not None and BY_NAME[condition.op].test(key, condition.key)


def read_filter(message: Any) -> Filter:
    """The filter of a `StructuredQuery.Filter`, within the documented limits."""
    filter = _read(message)
    ops = [c.op for d in filter.disjuncts for c in d]
    negations = {c for d in filter.disjuncts for c in d if c.op in ("!=", "not-in")}
    if len({(c.path, c.op) for c in negations}) > 1 and "not-in" in ops:
        raise invalid("not-in cannot be combined with another not-in or !=")
    if len(filter.disjuncts) > 1 and "not-in" in ops:
        raise invalid("not-in cannot be combined with in, array-contains-any or or")
    for disjunct in filter.disjuncts:
        if sum(c.op == "contains" for c in disjunct) > 1:
            raise invalid("at most one array-contains is allowed in a disjunction")
    return filter


def _read(message: Any) -> Filter:
    kind = message.WhichOneof("filter_type")
    if kind == "composite_filter":
        return _read_composite(message.composite_filter)
    if kind == "field_filter":
        return _read_field(message.field_filter)
    if kind == "unary_filter":
        return _read_unary(message.unary_filter)
    raise invalid("a filter without a kind")


def _read_composite(message: Any) -> Filter:
    parts = [_read(m) for m in message.filters]
    if not parts:
        raise invalid("a composite filter without filters")
    count = sum(p.count for p in parts)
    tests = tuple(p.test for p in parts)
    name = message.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number[message.op].name
    if name == "AND":
        total = 1
        for part in parts:
            total *= len(part.disjuncts)
        if total > DISJUNCTIONS_MAX:
            raise invalid(f"a query has more than {DISJUNCTIONS_MAX} disjunctions in disjunctive normal form")
        products = itertools.product(*(p.disjuncts for p in parts))
        return Filter(_all(tests), tuple(tuple(itertools.chain(*p)) for p in products), count)
    if name == "OR":
        return Filter(_any(tests), tuple(d for p in parts for d in p.disjuncts), count)
    raise invalid("a composite filter that is neither AND nor OR")


def _all(tests: tuple[Test, ...]) -> Test:
    if len(tests) == 1:
        return tests[0]
    return lambda document: all(test(document) for test in tests)


def _any(tests: tuple[Test, ...]) -> Test:
    return lambda document: any(test(document) for test in tests)


def _read_field(message: Any) -> Filter:
    path = parse_field(message.field.field_path)
    name = message.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number[message.op].name
    operator = OPERATORS.get(name)
    if operator is None:
        raise invalid("a field filter without an operator")
    want: Any = _operands(name, message.value) if operator.is_list else encode(message.value)
    if path == NAME:
        _check_name(operator, want)
    if operator.is_list and operator.op in EQUALITIES:
        disjuncts: tuple[Disjunct, ...] = tuple((Condition(path, operator.op, key),) for key in dict.fromkeys(want))
    else:
        disjuncts = ((Condition(path, operator.op, want),),)
    return Filter(_bind(path, operator, want), disjuncts, 1)


def _read_unary(message: Any) -> Filter:
    path = parse_field(message.field.field_path)
    name = message.DESCRIPTOR.fields_by_name["op"].enum_type.values_by_number[message.op].name
    operator = UNARY.get(name)
    if operator is None or path == NAME:
        raise invalid("a unary filter without an operator, or on __name__")
    key = NULL_KEY if name.endswith("NULL") else NAN_KEY
    return Filter(_bind(path, operator, key), ((Condition(path, operator.op, key),),), 1)


def _operands(name: str, value: Any) -> tuple[Key, ...]:
    if value.WhichOneof("value_type") != "array_value" or not value.array_value.values:
        raise invalid(f"{name} takes a list that is not empty")
    keys = tuple(encode(v) for v in value.array_value.values)
    most = NOT_IN_VALUES_MAX if name == "NOT_IN" else DISJUNCTIONS_MAX
    if len(keys) > most:
        raise invalid(f"{name} takes at most {most} values")
    return keys


def _check_name(operator: Operator, want: Any) -> None:
    if operator.op == "contains":
        raise invalid("__name__ is not an array")
    for key in want if operator.is_list else (want,):
        if key[0] != REFERENCE:
            raise invalid("__key__ filter value must be a Key")


def _bind(path: Path, operator: Operator, want: Any) -> Test:
    compare = operator.test

    def test(document: Document) -> bool:
        key = document.key(path)
        return key is not None and compare(key, want)

    return test
