"""Aggregations: count, sum and average over what a query matches ("Summarize data with aggregation queries").

With several aggregations only the documents that have all fields summed or averaged are taken. A sum of integers is an
integer unless it is too large for 64 bits; values that are no numbers are passed over; an average of nothing is null.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from tests.emulators.firestore.document import Document, find_value
from tests.emulators.firestore.limits import AGGREGATIONS_MAX
from tests.emulators.firestore.path import NAME, Path, parse_field
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.value import Value, is_number, number


class Aggregation(NamedTuple):
    """One aggregation: `count`, `sum` or `avg`, of a field (None for a count)."""

    alias: str
    kind: str
    path: Path | None
    up_to: int | None


def read_aggregations(messages: Any) -> list[Aggregation]:
    if not 1 <= len(messages) <= AGGREGATIONS_MAX:
        raise invalid(f"a query has 1 to {AGGREGATIONS_MAX} aggregations")
    found = [_read(m, f"field_{i}") for i, m in enumerate(messages, 1)]
    if len({a.alias for a in found}) < len(found):
        raise invalid("two aggregations have one alias")
    return found


def _read(message: Any, alias: str) -> Aggregation:
    kind = message.WhichOneof("operator")
    if kind == "count":
        up_to = message.count.up_to.value if message.count.HasField("up_to") else None
        if up_to is not None and up_to <= 0:
            raise invalid("up_to must be greater than zero")
        return Aggregation(message.alias or alias, kind, None, up_to)
    if kind not in ("sum", "avg"):
        raise invalid("an aggregation without an operator")
    path = parse_field(getattr(message, kind).field.field_path)
    if path == NAME:
        raise invalid(f"{kind} of __name__ is not a number")
    return Aggregation(message.alias or alias, kind, path, None)


def fields_of(aggregations: list[Aggregation]) -> list[Path]:
    """The fields that are summed or averaged."""
    return [a.path for a in aggregations if a.path]


def aggregate(aggregations: list[Aggregation], documents: list[Document]) -> dict[str, Any]:
    """The value of each aggregation by its alias."""
    paths = fields_of(aggregations)
    taken = [d for d in documents if all(find_value(d.message.fields, p) is not None for p in paths)]
    return {a.alias: _value(a, taken) for a in aggregations}


def _value(aggregation: Aggregation, documents: list[Document]) -> Any:
    if aggregation.path is None:
        counted = len(documents)
        return Value(integer_value=counted if aggregation.up_to is None else min(counted, aggregation.up_to))
    values = (find_value(d.message.fields, aggregation.path) for d in documents)
    numbers = [number(v) for v in values if is_number(v)]
    total = sum(numbers)
    if aggregation.kind == "avg":
        return Value(double_value=float(total) / len(numbers)) if numbers else Value(null_value=0)
    if isinstance(total, int) and -(2**63) <= total < 2**63:
        return Value(integer_value=total)
    return Value(double_value=float(total))
