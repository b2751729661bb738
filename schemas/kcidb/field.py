"""The types that describe KCIDB's schema: types of values, fields, and changes between versions (kcidb.md 1).

Only data. `schemas.kcidb.version` describes the versions in these types. The checker, the published JSON Schemas and
the documentation are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Union


@dataclass(frozen=True, slots=True)
class Text:
    """A string. `pattern` must match all of it, in `re` and in ECMAScript; `format` is one of JSON Schema's; `values`
    are the only valid ones. `hint` is an advice for repairing an invalid value."""

    name: str
    hint: str
    pattern: str = ""
    format: str = ""
    chars_max: int | None = None
    values: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Number:
    """A number; `is_whole` is one without a fraction, from 0 to 2^63 - 1."""

    name: str
    hint: str
    is_whole: bool = False


@dataclass(frozen=True, slots=True)
class Flag:
    """true or false."""

    name: str = "flag"
    hint: str = "write true or false, without quotes"


@dataclass(frozen=True, slots=True)
class Free:
    """An object with any members."""

    name: str = "any object"
    hint: str = "write a JSON object, {} perhaps"


@dataclass(frozen=True, slots=True)
class List:
    """A list of values of one type."""

    of: Type
    hint: str = "write a JSON list, [] perhaps"

    @property
    def name(self) -> str:
        return f"list of {self.of.name}"


@dataclass(frozen=True, slots=True)
class Struct:
    """An object that has these fields and no others."""

    name: str
    fields: Mapping[str, FieldSpec]
    hint: str = "write a JSON object with these fields"


Type = Union[Text, Number, Flag, Free, List, Struct]  # noqa: UP007 - names that come later, at run time


class FieldSpec(NamedTuple):
    """A field of an object: its type, and its meaning."""

    type: Type
    note: str = ""
    is_required: bool = False


_LAST = ("misc", "_timestamp")


def shown(struct: Struct) -> list[tuple[str, FieldSpec]]:
    """The fields of an object in the order of the documentation: the identity, the required fields, the others."""

    def place(pair: tuple[str, FieldSpec]) -> tuple[bool, bool, bool]:
        name, known = pair
        return name in _LAST, not known.is_required, name not in ("id", "origin")

    return sorted(struct.fields.items(), key=place)


Kinds = Mapping[str, Struct]
"""Name of a list → the type of its items."""


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A version, as its difference from the one before.

    `dropped` are fields (`tests.waived`) and lists (`revisions`). `retyped` maps a type to the type that replaces it
    everywhere. `added` maps a path (`tests.environment`) to new fields, and holds new lists.
    """

    major: int
    minor: int
    note: str
    dropped: tuple[str, ...] = ()
    retyped: tuple[tuple[Type, Type], ...] = ()
    added: Mapping[str, Mapping[str, FieldSpec]] = field(default_factory=dict)


def apply(kinds: Kinds, change: VersionChange) -> Kinds:
    """The lists of a version, from those of the one before."""
    made = {}
    for kind, struct in kinds.items():
        if kind not in change.dropped:
            made[kind] = _changed(struct, kind, change)
    for place, fields in change.added.items():
        if "." not in place and place not in made:
            made[place] = Struct(place[:-1], fields)
    return made


def _changed(struct: Struct, place: str, change: VersionChange) -> Struct:
    fields = {
        name: known._replace(type=_retyped(known.type, f"{place}.{name}", change))
        for name, known in struct.fields.items()
        if f"{place}.{name}" not in change.dropped
    }
    return replace(struct, fields={**fields, **change.added.get(place, {})})


def _retyped(old: Type, place: str, change: VersionChange) -> Type:
    for before, after in change.retyped:
        if old == before:
            return after
    if isinstance(old, List):
        return replace(old, of=_retyped(old.of, place, change))
    return _changed(old, place, change) if isinstance(old, Struct) else old
