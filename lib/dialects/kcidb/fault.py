"""Why a value is not what KCIDB's schema asks for, in words that help to repair it. Used once something is wrong."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from difflib import get_close_matches
from functools import cache, partial
from itertools import islice
from typing import Any, NamedTuple

from lib.dialects.kcidb.normal import (
    INTEGER_MAX,
    INTEGER_MIN,
    MATCHED_CHARS_MAX,
    Convert,
    Mistyped,
    converter,
    escape,
    keep,
    unkept,
)
from lib.dialects.kcidb.text import normal_time
from schemas.kcidb.field import Flag, Free, List, Number, Struct, Text, Type

FAULTS_MAX = 100
"""Most faults of a submission that are described; all are counted, but for more of one `misc`."""
GOT_CHARS_MAX = 80
"""Most characters of a faulty value that are shown."""

ABSENT = object()
"""What was got where nothing was."""
PLACE_CHARS_MAX = 500
"""Most characters that are told of a pointer, and of an id: a faulty document may have any for a name."""

Fault = dict[str, Any]


class Flaw(NamedTuple):
    """One thing that is wrong: where, which rule, the value, how to repair it, what is the matter. A hint that takes
    long to find is a function: most flaws of a hopeless document are only counted."""

    pointer: str
    rule: str
    got: Any
    hint: str | Callable[[], str]
    says: str


_REFERENCE = "write the id of the object it belongs to, as it was or will be sent: `othersystem:4711`"

Reason = tuple[str, Any, str | Callable[[], str], str]
"""A flaw without its place."""


def flaws(type_: Type, value: Any, pointer: str) -> Iterator[Flaw]:
    """Everything that keeps a value from being of its type."""
    if value is None and not isinstance(type_, Free):
        yield Flaw(pointer, "null", value, "leave the field out when there is no value", "null stands for no value")
    elif isinstance(type_, Struct) and isinstance(value, dict):
        yield from _of_struct(type_, value, pointer)
    elif isinstance(type_, List) and isinstance(value, list):
        for place, item in enumerate(value):
            yield from flaws(type_.of, item, f"{pointer}/{place}")
    elif isinstance(type_, Free) and isinstance(value, dict):
        for inner, bad in islice(unkept(value), FAULTS_MAX):
            yield _unkept(pointer + inner, bad)
    else:
        yield from _of_leaf(type_, value, pointer)


def _of_struct(type_: Struct, value: dict[str, Any], pointer: str) -> Iterator[Flaw]:
    for name, field in type_.fields.items():
        if field.is_required and name not in value:
            hint = _REFERENCE if name.endswith("_id") else field.type.hint
            yield Flaw(f"{pointer}/{name}", "required", ABSENT, hint, f"{_a(type_.name)} needs {name}")
    for name, item in value.items():
        known = type_.fields.get(name)
        if known is None:
            yield Flaw(f"{pointer}/{escape(name)}", "unknown", item, partial(_nearest, name, type_),
                       f"{_a(type_.name)} of this version has no field of this name")  # fmt: skip
        else:
            yield from flaws(known.type, item, f"{pointer}/{name}")


def _nearest(name: str, type_: Struct) -> str:
    near = get_close_matches(name[:100], type_.fields, 1)
    if near:
        return f"{near[0]} perhaps?"
    if "misc" in type_.fields:
        return "put what the schema has no field for into misc"
    return f"only {', '.join(type_.fields)}"


def _of_leaf(type_: Type, value: Any, pointer: str) -> Iterator[Flaw]:
    if isinstance(type_, Free | List | Struct):
        yield Flaw(pointer, *_mistyped(type_, value))
    elif not _takes(_convert(type_), value):
        yield Flaw(pointer, *_reason(type_, _convert(type_), value))


@cache
def _convert(type_: Text | Number | Flag) -> Convert:
    return converter(type_, keep)


def _reason(type_: Type, convert: Convert, value: Any) -> Reason:
    if not isinstance(type_, Text):
        return _reason_of_number(type_, value) if isinstance(type_, Number) else _mistyped(type_, value)
    if not isinstance(value, str):
        return _mistyped(type_, value)
    if value.endswith("\n") and _takes(convert, value[:-1]):
        return "newline", value, "cut the newline at the end", f"{_a(type_.name)} does not end in a newline"
    if "\0" in value:
        return "nul", value, "remove the characters U+0000", "a text holds the character U+0000"
    if type_.values:
        return "enum", value, type_.hint, f"no {type_.name} is called so"
    longest = MATCHED_CHARS_MAX if type_.chars_max is None else type_.chars_max
    if len(value) > longest:
        return "maxLength", value, type_.hint, f"{len(value):,} characters are more than {longest:,}"
    return "format" if type_.format else "pattern", value, type_.hint, _formless(type_, value)


def _formless(type_: Text, value: str) -> str:
    if type_.format == "date-time" and _is_far(value):
        return "in UTC, the time is outside the years 1 to 9999"
    return f"this is no {type_.name}"


def _is_far(value: str) -> bool:
    try:
        normal_time(value)
    except OverflowError:
        return True
    return False


def _reason_of_number(type_: Number, value: Any) -> Reason:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return _mistyped(type_, value)
    if not type_.is_whole:
        return _unkept("", value)[1:]
    return "range", value, type_.hint, "this is no whole number from 0 to 2^63 - 1"


def _mistyped(type_: Type, value: Any) -> Reason:
    return "type", value, type_.hint, f"this is {_kind(value)}, not {_a(type_.name)}"


def _kind(value: Any) -> str:
    words = {str: "a text", bool: "a flag", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return words.get(type(value), "null" if value is None else "no JSON")


def _unkept(pointer: str, value: Any) -> Flaw:
    if isinstance(value, str):
        return Flaw(pointer, "nul", value, "remove the characters U+0000", "a text holds the character U+0000")
    if isinstance(value, int):
        return Flaw(pointer, "large", value, "write it as a text",
                    f"an integer is outside {INTEGER_MIN} to {INTEGER_MAX}")  # fmt: skip
    return Flaw(pointer, "number", value, "write it as a text", "a number is too large, or none")


def _takes(convert: Convert, value: Any) -> bool:
    try:
        convert(value)
    except Mistyped:
        return False
    return True


def fault(flaw: Flaw, owner: str | None) -> Fault:
    """A flaw as it is told, with the id of its object."""
    owner = owner[:PLACE_CHARS_MAX] if owner else owner
    pointer = flaw.pointer[:PLACE_CHARS_MAX]
    where = f"{owner}: " if owner else ""
    hint = flaw.hint if isinstance(flaw.hint, str) else flaw.hint()
    message = f"{where}{pointer or '/'}: {flaw.says}"
    return {
        "pointer": pointer, "object": owner, "rule": flaw.rule, "got": shown(flaw.got), "hint": hint,
        "msg": message.encode(errors="replace").decode(),
    }  # fmt: skip


def shown(value: Any) -> str:
    """The beginning of a faulty value as JSON; of a large one what it is."""
    if value is ABSENT:
        return "nothing"
    if isinstance(value, dict | list) and (len(value) > 3 or any(isinstance(one, dict | list) for one in value)):
        return f"{_kind(value)} of {len(value)}"
    if isinstance(value, dict):
        return _cut("{" + ", ".join(f"{shown(key)}: {shown(item)}" for key, item in value.items()) + "}")
    if isinstance(value, list):
        return _cut("[" + ", ".join(map(shown, value)) + "]")
    if isinstance(value, int) and not INTEGER_MIN <= value <= INTEGER_MAX:
        return f"an integer of {value.bit_length()} bits"
    return _cut(json.dumps(value[:GOT_CHARS_MAX] if isinstance(value, str) else value, ensure_ascii=False))


def _cut(text: str) -> str:
    return text if len(text) <= GOT_CHARS_MAX else text[: GOT_CHARS_MAX - 1] + "…"


def _a(name: str) -> str:
    if name == "seconds":
        return "a number of seconds"
    return f"an {name}" if name[0] in "aeiou" else f"a {name}"
