"""Dashboard codec: the answers, read from records as the shapes of `schemas/dashboard` state (kcidb.md 4.5). Pure.

The reader of a shape is made once, from the annotations of its fields; nothing is validated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from operator import attrgetter
from types import UnionType
from typing import Any, Union, get_args, get_origin

from lib.domain.dashboard.row import UNKNOWN
from schemas.dashboard.shape import At, Model

Wire = dict[str, Any]
Encode = Callable[[Any], Any]


def encode(shape: Any, record: Any) -> Any:
    """A record as a shape: a `Model`, or a list, a mapping or an optional one of them."""
    return _encoder(shape)(record)


@cache
def _encoder(shape: Any) -> Encode:
    origin, parts = get_origin(shape), get_args(shape)
    if origin in (Union, UnionType):
        inner = _encoder(next(part for part in parts if part is not type(None)))
        return inner if inner is _same else lambda value: None if value is None else inner(value)
    if origin is list:
        inner = _encoder(parts[0])
        return _listed if inner is _same else lambda values: [inner(value) for value in values]
    if origin is dict:
        inner = _encoder(parts[1])
        if inner is _same:
            return lambda values: values or {}
        return lambda values: {key: inner(value) for key, value in values.items()}
    return _object(shape) if isinstance(shape, type) and issubclass(shape, Model) else _same


def _same(value: Any) -> Any:
    return value


def _listed(values: Any) -> list[Any]:
    """A list of plain values; of a set, in order, an unknown one last."""
    return sorted(values, key=lambda value: (value == UNKNOWN, value)) if isinstance(values, set) else values or []


def _object(model: type[Model]) -> Encode:
    fields = []
    for name, field in model.model_fields.items():
        path = next((at.path for at in field.metadata if isinstance(at, At)), model.source)
        annotation: Any = field.annotation
        inner = _encoder(annotation)
        fields.append((field.alias or name, _value(_taken(path, name), inner)))
    return lambda record: {name: read(record) for name, read in fields}


def _value(take: Encode, inner: Encode) -> Encode:
    return take if inner is _same else lambda record: inner(take(record))


def _taken(path: str, name: str) -> Encode:
    """What reads the value at a path."""
    if path == ".":
        return _same
    if not path or path[-1] in "./":
        path += name
    attributes, *keys = path.split("/")
    whole = attrgetter(attributes) if attributes else _same
    if not keys:
        return whole
    if len(keys) == 1:
        (key,) = keys
        return lambda record: whole(record).get(key)
    return lambda record: _deep(whole(record), keys)


def _deep(value: Any, keys: list[str]) -> Any:
    for key in keys:
        value = (value or {}).get(key)
    return value
