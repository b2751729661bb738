"""Dashboard codec: the answers, read from records as the shapes of `schemas/dashboard` state (kcidb.md 4.5). Pure.

The reader of a shape is made once, from the annotations of its fields; nothing is validated.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
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
    """The encoder of a model. It is compiled to one expression, since a list holds thousands of rows."""
    inner: dict[str, Encode] = {}
    fields = []
    for name, field in model.model_fields.items():
        path = next((at.path for at in field.metadata if isinstance(at, At)), model.source)
        value = _expression(path, name)
        annotation: Any = field.annotation
        if (encoder := _encoder(annotation)) is not _same:
            inner[f"encode_{name}"] = encoder
            value = f"encode_{name}({value})"
        fields.append(f"{field.alias or name!r}: {value}")
    encode_object: Encode = eval(f"lambda record: {{{', '.join(fields)}}}", inner)  # noqa: S307 (paths of our own)
    return encode_object


def _expression(path: str, name: str) -> str:
    """What reads the value at a path of `record`."""
    if path == ".":
        return "record"
    attributes, *keys = (path + name if not path or path[-1] in "./" else path).split("/")
    value = f"record.{attributes}" if attributes else "record"
    for key in keys[:-1]:
        value = f"({value}.get({key!r}) or {{}})"
    return f"{value}.get({keys[-1]!r})" if keys else value
