"""KernelCI query strings: pairs of a query → filters of the domain (kernelci.md 3).

A key is a dotted path, with `__operator` behind it or not. The fields of each collection are a table; what a value
means follows from the type of its field. Where the KernelCI server answers 500, or quietly everything or nothing, this
refuses with the key's name; ACCEPTED lists what is let through all the same because clients send it.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Annotated, Any, NamedTuple, cast

from pydantic import Field as Rule
from pydantic import TypeAdapter, ValidationError

from lib.clock import read_instant, stamp, to_milliseconds
from lib.domain.query.operator import RANGES, Operator
from lib.domain.query.pattern import regex
from lib.domain.query.query import Filter
from lib.errors import Invalid
from lib.ids import is_node_id
from schemas.kernelci.body import INT_MAX, WebUrl

FILTERS_MAX = 50
"""Most filters of one query."""
LISTED_VALUES_MAX = 1000
"""Most values of one `in` or `nin`."""
PATH_CHARS_MAX = 300
PATH_STEPS_MAX = 32

OPERATORS = ("lt", "lte", "gt", "gte", "ne", "re", "in", "nin", "int")
"""`field__op`: order comparisons, not equal, regular expression, (not) one of a comma list, equal to an integer."""


class WireType(Enum):
    """What a field of the wire holds, as far as queries care."""

    TEXT = "text"
    TEXTS = "list of texts"
    ID = "id"
    INSTANT = "instant"
    INT = "integer"
    BOOL = "boolean"
    OPEN = "object"
    URLS = "object of URLs"


class WireField(NamedTuple):
    """A field that a query may name: where it stands in the record, and its type."""

    path: str
    type: WireType


@dataclass(frozen=True, slots=True)
class Fields:
    """The fields of one collection. `has_null`: the value `null` means missing or null, not a text."""

    by_name: Mapping[str, WireField]
    has_null: bool = True
    cuts_instants: bool = True


def _same(type: WireType, *names: str) -> dict[str, WireField]:
    return {name: WireField(name, type) for name in names}


NODE_FIELDS = Fields(
    {
        **_same(WireType.ID, "id", "parent"),
        # The name of the key in older replies.
        "_id": WireField("id", WireType.ID),
        **_same(WireType.TEXT, "kind", "name", "group", "state", "result", "owner", "submitter", "treeid"),
        **_same(WireType.TEXTS, "path", "jobfilter", "platform_filter", "user_groups"),
        **_same(WireType.INSTANT, "created", "updated", "timeout", "holdoff"),
        "processed_by_kcidb_bridge": WireField("processed_by_kcidb_bridge", WireType.BOOL),
        "retry_counter": WireField("retry_counter", WireType.INT),
        **_same(WireType.OPEN, "data", "debug"),
        "artifacts": WireField("artifacts", WireType.URLS),
    },
)
USER_FIELDS = Fields(
    {
        "id": WireField("id", WireType.ID),
        **_same(WireType.TEXT, "username", "email"),
        **_same(WireType.BOOL, "is_active", "is_superuser", "is_verified"),
        "groups": WireField("groups", WireType.OPEN),
    },
    has_null=False,
)
GROUP_FIELDS = Fields({"id": WireField("id", WireType.ID), "name": WireField("name", WireType.TEXT)}, has_null=False)


class Accepted(NamedTuple):
    """Keys that are let through on a route where they mean nothing, and why."""

    route: str
    keys: tuple[str, ...]
    why: str


ACCEPTED: tuple[Accepted, ...] = (
    Accepted(
        "GET /count",
        ("limit", "offset"),
        "whoever counts what it is about to page sends the same query; a total does not depend on the page. The "
        "KernelCI server takes them for fields and answers 0 (kernelci.md 2.4)",
    ),
    Accepted(
        "PUT /node/{id}, PUT /nodes/{id}, POST /subscribe/{channel}, GET /listen/{id}, …",
        ("any",),
        "these routes filter nothing; keys they do not know are ignored, as everywhere on the web",
    ),
)
"""Exceptions from the rule that an unknown key is refused. No client of kernelci.md 10.1 to 10.4 needs another: every
key they send there is a field, a path inside `data` or `artifacts`, `limit` or `offset`."""


def accepted(route: str) -> frozenset[str]:
    """The keys that a route ignores."""
    return frozenset(k for a in ACCEPTED if a.route == route for k in a.keys)


def decode_filters(given: Mapping[str, str], fields: Fields, skip: Iterable[str] = ()) -> tuple[Filter, ...]:
    """The filters of a query, all of which must hold. Those in `skip` are none. Raises Invalid that names the key."""
    chosen = given.keys() - frozenset(skip)
    if len(chosen) > FILTERS_MAX:
        raise Invalid("", f"a query has at most {FILTERS_MAX} filters")
    return tuple(decode_filter(key, value, fields) for key, value in given.items() if key in chosen)


def decode_filter(key: str, value: str, fields: Fields) -> Filter:
    """One condition. Raises Invalid that names the key."""
    name, op = _split(key)
    field = find_field(key, name, fields)
    if op == "re":
        return Filter(field.path, "re", regex(value, key))
    if op in ("in", "nin"):
        if value.count(",") >= LISTED_VALUES_MAX:
            raise Invalid(key, f"at most {LISTED_VALUES_MAX} values")
        many = tuple(_decode(key, field.type, op, part, fields) for part in value.split(","))
        return Filter(field.path, cast(Operator, op), many)
    if op == "int":
        if field.type not in (WireType.INT, WireType.OPEN):
            raise Invalid(key, f"{name} holds no integers")
        return Filter(field.path, "eq", _integer(key, value))
    if op in RANGES and fields.has_null and value == "null":
        raise Invalid(key, "null has no place in an order")
    return Filter(field.path, cast(Operator, op), _decode(key, field.type, op, value, fields))


def _split(key: str) -> tuple[str, str]:
    """The path and the operator. Exactly two parts around `__` are these; more are a path of an odd name."""
    parts = key.split("__")
    if len(parts) != 2:
        return key, "eq"
    name, op = parts
    if op not in OPERATORS:
        raise Invalid(_shown(key), f"unknown operator {_shown(op)!r}; there are {', '.join(OPERATORS)}")
    return name, op


def find_field(key: str, name: str, fields: Fields) -> WireField:
    """The field a path names: a declared one, an element of a list, or anything inside an open object."""
    if key.startswith("$"):
        raise Invalid(_shown(key), "a key must not begin with $")
    if len(name) > PATH_CHARS_MAX or name.count(".") >= PATH_STEPS_MAX:
        raise Invalid(_shown(key), f"a path has at most {PATH_CHARS_MAX} characters and {PATH_STEPS_MAX} steps")
    head, _, rest = name.partition(".")
    field = fields.by_name.get(head)
    if field is None:
        there = ", ".join(n for n in fields.by_name if not n.startswith("_"))
        raise Invalid(_shown(key), f"no such field: {_shown(head)!r}; there are {there}")
    if not rest:
        return field
    inner = _INNER.get(field.type)
    if inner is None or (field.type is WireType.TEXTS and not (rest.isascii() and rest.isdecimal())):
        raise Invalid(_shown(key), f"{head} has no members of that name")
    return WireField(f"{field.path}.{rest}", inner)


_INNER = {WireType.TEXTS: WireType.TEXT, WireType.OPEN: WireType.OPEN, WireType.URLS: WireType.URLS}


def _shown(text: str) -> str:
    return text if len(text) <= 100 else text[:100] + "…"


# Values


def _decode(key: str, type: WireType, op: str, value: str, fields: Fields) -> Any:
    """A value as its field holds it."""
    if value == "null" and fields.has_null:
        return None
    return _DECODERS[type](key, op, value, fields)


def _decode_instant(key: str, op: str, value: str, fields: Fields) -> str:
    try:
        instant = read_instant(value)
    except (ValueError, OverflowError) as error:
        raise Invalid(key, f"not an ISO 8601 date: {_shown(value)!r}") from error
    # Node instants are stored in whole milliseconds, so a finer one would never compare equal.
    return stamp(to_milliseconds(instant) if fields.cuts_instants else instant)


def _decode_id(key: str, op: str, value: str, fields: Fields) -> str:
    id = value.lower()
    if op not in RANGES and not is_node_id(id):
        raise Invalid(key, f"not an id of 24 hex digits: {_shown(value)!r}")
    return id


_BOOLEANS = {"true": True, "false": False, "1": True, "0": False}


def _decode_bool(key: str, op: str, value: str, fields: Fields) -> bool:
    if op in RANGES:
        raise Invalid(key, "a boolean has no order; use ne, in or nin")
    if (flag := _BOOLEANS.get(value.lower())) is None:
        raise Invalid(key, f"neither true nor false: {_shown(value)!r}")
    return flag


def _decode_open(key: str, op: str, value: str, fields: Fields) -> str | bool | int:
    """Inside free data nothing tells a type but the text: booleans when equal, integers when compared, as sent in a
    list (kernelci.md 3.6 and 3.8)."""
    if op == "eq":
        return {"true": True, "false": False}.get(value.lower(), value)
    if op not in ("in", "nin") and value.isascii() and value.isdecimal():
        return _integer(key, value)
    return value


_URL: TypeAdapter[Any] = TypeAdapter(WebUrl)


def _decode_url(key: str, op: str, value: str, fields: Fields) -> str:
    """Artifact URLs are stored normalised; one that is asked for is compared in the same form."""
    try:
        return str(_URL.validate_python(value))
    except ValidationError:
        return value


_DIGITS = re.compile(r"[+-]?[0-9]{1,19}\Z", re.ASCII)


def _integer(key: str, value: str) -> int:
    if _DIGITS.match(value.strip()) is None or abs(number := int(value)) > INT_MAX:
        raise Invalid(key, f"not an integer of 64 bits: {_shown(value)!r}")
    return number


_DECODERS: Mapping[WireType, Callable[[str, str, str, Fields], Any]] = {
    WireType.TEXT: lambda key, op, value, fields: value,
    WireType.TEXTS: lambda key, op, value, fields: value,
    WireType.ID: _decode_id,
    WireType.INSTANT: _decode_instant,
    WireType.INT: lambda key, op, value, fields: _integer(key, value),
    WireType.BOOL: _decode_bool,
    WireType.OPEN: _decode_open,
    WireType.URLS: _decode_url,
}


# Parameters that are no filters

LIMIT_DEFAULT = 50
LIMIT_MAX = 10_000
"""Largest page of a list; the manage page asks for 5,000. More is refused, since a shorter page reads as the last."""

LIMIT: TypeAdapter[int] = TypeAdapter(Annotated[int, Rule(ge=1, le=LIMIT_MAX)])
OFFSET: TypeAdapter[int] = TypeAdapter(Annotated[int, Rule(ge=0, le=INT_MAX)])
FLAG: TypeAdapter[bool] = TypeAdapter(bool)


def decode_count(name: str, text: str) -> int:
    """A whole number that is not negative; raises Invalid (400) with its name."""
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Invalid(name, "must be a whole number, not negative")
    return int(text)
