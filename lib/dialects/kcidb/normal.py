"""Values of KCIDB in normal form (kcidb.md 2.3): each type of the schema as a function, made from the tables.

Such a function gives the value in normal form, or raises `Wrong`; it changes nothing of what it is given. Why a value
is wrong is `fault`'s business: the way of the right ones is short. Numbers are expected as `canonical.write` leaves
them, whole floats as integers.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from math import isfinite
from typing import Any

from lib.dialects.kcidb.text import is_mail, is_uri, normal_time
from schemas.kcidb.field import Flag, Free, List, Number, Struct, Text, Type
from schemas.kcidb.version import WHOLE_MAX

Convert = Callable[[Any], Any]

INTEGER_MIN, INTEGER_MAX = -(2**63), 2**64 - 1
"""Larger integers are read, and refused: few programs that read JSON keep them."""


MATCHED_CHARS_MAX = 2**20
"""Longest text that is held against a pattern or format. No report holds an object of a longer one."""


class Mistyped(Exception):
    """A value is not of its type."""


def converter(type_: Type, free: Convert) -> Convert:
    """The function of a type. `free` is the one of `misc`: `keep`, or `keep_checked`."""
    match type_:
        case Free():
            return free
        case Text():
            return _text(type_)
        case Number():
            return _whole if type_.is_whole else _number
        case Flag():
            return _flag
        case List():
            return _list(converter(type_.of, free))
        case Struct():
            return _struct(type_, free)


def keep(value: Any) -> Any:
    """`misc` of a submission whose text shows that there is nothing in it to look for."""
    if type(value) is not dict:
        raise Mistyped
    return value


def keep_checked(value: Any) -> Any:
    """`misc`, every value of it looked at."""
    if type(value) is not dict or not _is_kept(value):
        raise Mistyped
    return value


def _is_kept(value: Any) -> bool:
    """Whether a value holds no text with U+0000, and no number that is none or too large."""
    kind = type(value)
    if kind is str:
        return "\0" not in value
    if kind is dict:
        return all("\0" not in key and _is_kept(item) for key, item in value.items())
    if kind is list:
        return all(map(_is_kept, value))
    return is_storable(value) if kind is int or kind is float else True


def unkept(value: Any) -> Iterator[tuple[str, Any]]:
    """What keeps an object or list from being kept: each with its pointer below it."""
    for step, item in value.items() if type(value) is dict else enumerate(value):
        name = escape(str(step))
        if "\0" in name:
            yield f"/{name}", step
        if type(item) is dict or type(item) is list:
            yield from ((f"/{name}{pointer}", bad) for pointer, bad in unkept(item))
        elif not _is_kept(item):
            yield f"/{name}", item


def is_storable(number: int | float) -> bool:
    """Whether a number is one that JSON has, and not too large."""
    return INTEGER_MIN <= number <= INTEGER_MAX if type(number) is int else isfinite(number)


def escape(name: str) -> str:
    """A name as a step of a JSON pointer (RFC 6901)."""
    return name.replace("~", "~0").replace("/", "~1") if "~" in name or "/" in name else name


def _flag(value: Any) -> Any:
    if value is True or value is False:
        return value
    raise Mistyped


def _number(value: Any) -> Any:
    if type(value) in (int, float) and is_storable(value):
        return value
    raise Mistyped


def _whole(value: Any) -> Any:
    if type(value) is float and value.is_integer():
        value = int(value)
    if type(value) is int and 0 <= value <= WHOLE_MAX:
        return value
    raise Mistyped


def _text(type_: Text) -> Convert:
    """The function of a kind of text. The frequent kinds have one of their own."""
    if type_.format == "date-time":
        return _time
    if type_.values:
        return _word(frozenset(type_.values))
    if type_.pattern == r"[^\u0000]*" and not type_.format:
        return _free_text if type_.chars_max is None else _short_text(type_.chars_max)
    return _matching(type_)


def _time(value: Any) -> Any:
    if type(value) is str and len(value) <= MATCHED_CHARS_MAX:
        try:
            made = normal_time(value)
        except OverflowError:
            made = None
        if made is not None:
            return made
    raise Mistyped


def _word(values: frozenset[str]) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is str and value in values:
            return value
        raise Mistyped

    return convert


def _free_text(value: Any) -> Any:
    if type(value) is str and "\0" not in value:
        return value
    raise Mistyped


def _short_text(chars_max: int) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is str and len(value) <= chars_max and "\0" not in value:
            return value
        raise Mistyped

    return convert


_FORMATS: dict[str, Callable[[str], bool]] = {"uri": is_uri, "email": is_mail}


def _matching(type_: Text) -> Convert:
    match = re.compile(type_.pattern).fullmatch if type_.pattern else None
    has_format = _FORMATS.get(type_.format)
    longest = MATCHED_CHARS_MAX if type_.chars_max is None else type_.chars_max

    def convert(value: Any) -> Any:
        if (
            type(value) is str
            and len(value) <= longest
            and (match is None or match(value) is not None)
            and (has_format is None or has_format(value))
        ):
            return value
        raise Mistyped

    return convert


def _list(item: Convert) -> Convert:
    def convert(value: Any) -> Any:
        if type(value) is list:
            return [item(one) for one in value]
        raise Mistyped

    return convert


def _struct(type_: Struct, free: Convert) -> Convert:
    fields = {name: converter(field.type, free) for name, field in type_.fields.items()}
    required = tuple(name for name, field in type_.fields.items() if field.is_required)

    def convert(value: Any) -> Any:
        if type(value) is not dict:
            raise Mistyped
        made = {}
        for name, item in value.items():
            field = fields.get(name)
            if field is None:
                raise Mistyped
            made[name] = field(item)
        for name in required:
            if name not in made:
                raise Mistyped
        return made

    return convert


def finish(fields: dict[str, Any]) -> dict[str, Any]:
    """An object without what normal form has not: `_timestamp`, and an `environment` or `culprit` without fields."""
    fields.pop("_timestamp", None)
    for name in ("environment", "culprit"):
        if name in fields and not fields[name]:
            del fields[name]
    return fields
