"""Field transforms: what the server works out from the stored value (`DocumentTransform.FieldTransform`)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulators.firestore.document import find_value, put_value, to_time
from tests.emulators.firestore.path import parse_field
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.value import Value, encode, is_nan, is_number, make_number, normalise, number

REQUEST_TIME = 1


def transform(request: Any, fields: Any, at: int) -> Any:
    """Apply one transform to the fields; gives its result as the client is told it."""
    path = parse_field(request.field_path)
    kind = request.WhichOneof("transform_type")
    if kind is None:
        raise invalid(f"a transform of {request.field_path} without a kind")
    operand = getattr(request, kind)
    stored = find_value(fields, path)
    if kind == "set_to_server_value":
        result = _server_time(operand, at)
    elif kind in _ARRAYS:
        put_value(fields, path, _ARRAYS[kind](stored, operand))
        return Value(null_value=0)
    else:
        result = _reckon(kind, stored, operand)
    put_value(fields, path, result)
    return result


def _server_time(operand: int, at: int) -> Any:
    """The commit's time, "with millisecond precision"."""
    if operand != REQUEST_TIME:
        raise invalid("an unknown server value")
    return Value(timestamp_value=to_time(at - at % 1000))


def _reckon(kind: str, stored: Any, operand: Any) -> Any:
    """Increment, maximum and minimum; a field that is no number becomes the operand."""
    if not is_number(operand):
        raise invalid(f"the operand of {kind} is not a number")
    if stored is None or not is_number(stored):
        return operand
    if kind == "increment":
        return make_number(number(stored) + number(operand))
    if is_nan(stored) or is_nan(operand):
        return stored if is_nan(stored) else operand
    if kind == "maximum":
        return operand if number(operand) > number(stored) else stored
    return operand if number(operand) < number(stored) else stored


def _stored_elements(stored: Any) -> list[Any]:
    is_array = stored is not None and stored.WhichOneof("value_type") == "array_value"
    return list(stored.array_value.values) if is_array else []


def _append(stored: Any, operand: Any) -> Any:
    result = Value()
    result.array_value.values.extend(_stored_elements(stored))
    known = {encode(e) for e in result.array_value.values}
    for element in _checked(operand):
        if encode(element) not in known:
            known.add(encode(element))
            result.array_value.values.append(element)
    result.array_value.SetInParent()
    return result


def _remove(stored: Any, operand: Any) -> Any:
    gone = {encode(e) for e in _checked(operand)}
    result = Value()
    result.array_value.SetInParent()
    result.array_value.values.extend(e for e in _stored_elements(stored) if encode(e) not in gone)
    return result


def _checked(operand: Any) -> Any:
    whole = Value(array_value=operand)
    normalise(whole)
    return whole.array_value.values


_ARRAYS: dict[str, Callable[[Any, Any], Any]] = {
    "append_missing_elements": _append,
    "remove_all_from_array": _remove,
}
