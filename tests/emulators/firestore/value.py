"""Values: their order, their size and what the service refuses to store.

`encode` turns a value into a tuple that compares as the service orders values ("Value type ordering"): type first, then
within the type. Equal values have equal encodings (1 and 1.0 too), so an encoding also serves as a key of a dict.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from google.cloud.firestore_v1.types import document

from tests.emulators.firestore.limits import DEPTH_MAX
from tests.emulators.firestore.path import check_field_name, split_name
from tests.emulators.firestore.refusal import invalid

Value = document.Value.pb()
Key = tuple[Any, ...]

NULL, BOOL, NUMBER, TIMESTAMP, STRING, BYTES, REFERENCE, GEO, ARRAY, VECTOR, MAP = range(11)
NULL_KEY: Key = (NULL,)
NAN_KEY: Key = (NUMBER, 0)
TYPE, VECTOR_TYPE, VECTOR_VALUE = "__type__", "__vector__", "value"


def encode(value: Any) -> Key:
    """The ordering key of a value; refused when it is of a kind that is neither stored nor compared."""
    kind = value.WhichOneof("value_type")
    if kind not in _ENCODE:
        raise invalid(f"a value of the kind {kind or 'unset'} is neither stored nor compared")
    return _ENCODE[kind](value)


def _encode_number(x: float) -> Key:
    return NAN_KEY if x != x else (NUMBER, 1, x)


def encode_name(name: str) -> Key:
    """The ordering key of a document's name, equal to that of a reference to it."""
    return (REFERENCE, *name.split("/"))


def _encode_map(value: Any) -> Key:
    fields = value.map_value.fields
    if is_vector(value):
        numbers = tuple(encode(v) for v in fields[VECTOR_VALUE].array_value.values)
        return (VECTOR, len(numbers), *numbers)
    return (MAP, *((name, encode(fields[name])) for name in sorted(fields)))


_ENCODE: dict[str, Callable[[Any], Key]] = {
    "null_value": lambda v: NULL_KEY,
    "boolean_value": lambda v: (BOOL, v.boolean_value),
    "integer_value": lambda v: (NUMBER, 1, v.integer_value),
    "double_value": lambda v: _encode_number(v.double_value),
    "timestamp_value": lambda v: (TIMESTAMP, v.timestamp_value.seconds, v.timestamp_value.nanos),
    "string_value": lambda v: (STRING, v.string_value),
    "bytes_value": lambda v: (BYTES, v.bytes_value),
    "reference_value": lambda v: encode_name(v.reference_value),
    "geo_point_value": lambda v: (GEO, v.geo_point_value.latitude, v.geo_point_value.longitude),
    "array_value": lambda v: (ARRAY, *(encode(e) for e in v.array_value.values)),
    "map_value": _encode_map,
}
"""Python orders texts by code point, which is the order of their UTF-8 bytes."""


def is_vector(value: Any) -> bool:
    """A vector goes over the wire as a map with a reserved field."""
    kind = value.map_value.fields.get(TYPE)
    return kind is not None and kind.string_value == VECTOR_TYPE


def elements(key: Key | None) -> tuple[Key, ...]:
    """The elements of an encoded array; nothing of any other value."""
    return key[1:] if key is not None and key[0] == ARRAY else ()


def normalise(value: Any, depth: int = 0) -> None:
    """Make a received value what is stored (times in microseconds), or refuse it."""
    kind = value.WhichOneof("value_type")
    if kind == "timestamp_value":
        _normalise_time(value.timestamp_value)
    elif kind == "array_value":
        _normalise_array(value.array_value.values, depth + 1)
    elif kind == "map_value":
        if is_vector(value):
            _check_vector(value)
        else:
            normalise_fields(value.map_value.fields, depth + 1)
    elif kind == "reference_value":
        split_name(value.reference_value)
    elif kind == "geo_point_value":
        point = value.geo_point_value
        if not (-90 <= point.latitude <= 90 and -180 <= point.longitude <= 180):
            raise invalid("a geographical point is off the globe")
    elif kind not in _ENCODE:
        raise invalid(f"a value of the kind {kind or 'unset'} is neither stored nor compared")


def normalise_fields(fields: Any, depth: int = 0) -> None:
    """`normalise` for the fields of a document or map."""
    _check_depth(depth)
    for name in fields:
        check_field_name(name)
        normalise(fields[name], depth)


def _normalise_time(time: Any) -> None:
    if not -62135596800 <= time.seconds <= 253402300799 or not 0 <= time.nanos < 1_000_000_000:
        raise invalid("a time is outside the years 1 to 9999")
    time.nanos -= time.nanos % 1000


def _normalise_array(values: Any, depth: int) -> None:
    _check_depth(depth)
    for value in values:
        if value.WhichOneof("value_type") == "array_value":
            raise invalid("an array cannot hold an array")
        normalise(value, depth)


def _check_depth(depth: int) -> None:
    if depth > DEPTH_MAX:
        raise invalid(f"maps and arrays are nested deeper than {DEPTH_MAX}")


def _check_vector(value: Any) -> None:
    numbers = value.map_value.fields.get(VECTOR_VALUE)
    if len(value.map_value.fields) != 2 or numbers is None or not 1 <= len(numbers.array_value.values) <= 2048:
        raise invalid("a vector has 1 to 2048 numbers and nothing else")
    if any(v.WhichOneof("value_type") != "double_value" for v in numbers.array_value.values):
        raise invalid("a vector holds doubles only")


def size(value: Any) -> int:
    """Bytes a value counts for ("Storage size calculations")."""
    kind = value.WhichOneof("value_type")
    if kind == "string_value":
        return len(value.string_value.encode()) + 1
    if kind == "bytes_value":
        return len(value.bytes_value)
    if kind == "reference_value":
        return name_size(value.reference_value)
    if kind == "array_value":
        return sum(size(v) for v in value.array_value.values)
    if kind == "map_value":
        return fields_size(value.map_value.fields)
    return _FIXED_SIZE.get(kind, 8)


_FIXED_SIZE = {"null_value": 1, "boolean_value": 1, "geo_point_value": 16}


def fields_size(fields: Any) -> int:
    return sum(len(name.encode()) + 1 + size(fields[name]) for name in fields)


def name_size(name: str) -> int:
    """Bytes of a document's name: each segment of its relative path and one, and 16."""
    return len(name.partition("/documents/")[2].encode()) + 1 + 16


def is_number(value: Any) -> bool:
    return value.WhichOneof("value_type") in ("integer_value", "double_value")


def number(value: Any) -> int | float:
    """The number in a numeric value."""
    return value.integer_value if value.WhichOneof("value_type") == "integer_value" else value.double_value


def make_number(x: int | float) -> Any:
    """The value of a number; integers beyond 64 bits stop at the bound, as the service's increments do."""
    if isinstance(x, int):
        return Value(integer_value=max(-(2**63), min(2**63 - 1, x)))
    return Value(double_value=x)


def is_nan(value: Any) -> bool:
    return value.WhichOneof("value_type") == "double_value" and math.isnan(value.double_value)
