"""Terms: the conditions of a scan for a backend, each on a declared field, with values that an index can hold.

Called by the adapters. Source of the semantics: `port.py` (Where, Scan); of the fields: `indexes.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

from lib.errors import Invalid, Unserved
from lib.store.collection import TEXT_BYTES_MAX, Collection, FieldType, cut, missing
from lib.store.port import Op, Scalar, Scan, Where, check_scan, decode_cursor

EQUAL = ("==", "in", "contains")
INTEGER_MAX = 2**63 - 1
PYTHON = {FieldType.TEXT: str, FieldType.INSTANT: str, FieldType.TEXTS: str, FieldType.INT: int, FieldType.BOOL: bool}


@dataclass(frozen=True, slots=True)
class Term:
    """A condition on one field: `values` have its type; None among them means null."""

    field: str
    op: Op
    values: tuple[Scalar, ...]

    @property
    def is_equal(self) -> bool:
        return self.op in EQUAL


def fit_scan(collection: Collection, scan: Scan) -> list[Term] | None:
    """The terms of a scan; None when it can match nothing. Raises Unserved and Invalid as the port defines."""
    check_scan(scan)
    _check_served(collection, scan.where, scan.order)
    if not scan.order and any(w.op not in EQUAL for w in scan.where):
        raise Unserved(f"{collection.name}: a range needs an order")
    return _fit(collection, scan.where)


def fit_count(collection: Collection, where: tuple[Where, ...]) -> list[Term] | None:
    """As `fit_scan`, for a count, which has no order."""
    check_scan(Scan(where))
    _check_served(collection, where, "")
    return _fit(collection, where)


def fit_cursor(collection: Collection, order: str, cursor: str) -> tuple[Scalar, str]:
    """The position of a cursor in an order (without its direction). Raises Invalid for a cursor of another scan."""
    value, key = decode_cursor(cursor)
    wanted = PYTHON[type_of(collection, order)] if order else type(None)
    try:
        if type(value) is not wanted or (isinstance(value, int) and abs(value) > INTEGER_MAX):
            raise ValueError(value)
        f"{value}{key}".encode()
    except ValueError as error:
        raise Invalid("after", "not a cursor of this scan") from error
    return value, key


def type_of(collection: Collection, name: str) -> FieldType:
    """The type of a declared field."""
    field = collection.field(name)
    assert field is not None
    return field.type


def _check_served(collection: Collection, where: tuple[Where, ...], order: str) -> None:
    equal = frozenset(w.field for w in where if w.op in EQUAL)
    ranges = frozenset(w.field for w in where if w.op not in EQUAL)
    lack = missing(collection, equal, ranges, order)
    if lack is not None:
        raise Unserved(lack)
    for w in where:
        if (w.op == "contains") != (type_of(collection, w.field) is FieldType.TEXTS):
            raise Invalid(w.field, "`contains` asks a field of several texts, and nothing else does")
    if order and type_of(collection, order.lstrip("-")) is FieldType.TEXTS:
        raise Invalid("order", "a field of several texts has no order")


def _fit(collection: Collection, where: tuple[Where, ...]) -> list[Term] | None:
    """A value of another type than the field's equals nothing and compares with nothing, as in a plain filter."""
    terms = []
    for w in where:
        if isinstance(w.value, tuple) and w.op != "in":
            raise Invalid(w.field, f"`{w.op}` takes one value")
        given = w.value if isinstance(w.value, tuple) else (w.value,)
        type = type_of(collection, w.field)
        values = tuple(dict.fromkeys(_fit_value(w.field, type, v) for v in given if _fits(w, type, v)))
        if not values:
            return None
        op = w.op
        if op in ("<", ">") and isinstance(values[0], str) and len(values[0].encode()) > TEXT_BYTES_MAX - 4:
            # A cut text may belong to either side: the caller checks the whole text.
            op = "<=" if op == "<" else ">="
        terms.append(Term(w.field, op, values))
    return terms


def _fits(w: Where, declared: FieldType, value: Scalar) -> bool:
    if value is not None and not isinstance(value, str | int):
        raise Invalid(w.field, "takes a text, an integer, true, false or null")
    if value is None:
        return w.op in ("==", "in")
    return type(value) is PYTHON[declared]


def _fit_value(field: str, declared: FieldType, value: Scalar) -> Scalar:
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError as error:
            raise Invalid(field, "is not Unicode text") from error
        return value if declared is FieldType.INSTANT else cut(value)
    if isinstance(value, int) and abs(value) > INTEGER_MAX:
        raise Invalid(field, "is past 64 bits")
    return value
