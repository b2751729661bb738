"""The words in which KCIDB's schema is written down: types of values, fields, and what a version changes (kcidb.md 1).

Only data. `schemas.kcidb.version` says the versions in these words; the checker, the published JSON Schemas and the
documentation are made from them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Union


@dataclass(frozen=True, slots=True)
class Text:
    """A string. `pattern` must match the whole of it, as `re` and ECMAScript both read it; `format` is one of JSON
    Schema's; `values` are the only ones. `hint` says how to repair another one."""

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
    """An object that holds whatever its sender likes."""

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
    """An object that has these fields and no other."""

    name: str
    fields: Mapping[str, FieldSpec]
    hint: str = "write a JSON object with these fields"


Type = Union[Text, Number, Flag, Free, List, Struct]  # noqa: UP007 - names that come later, at run time


class FieldSpec(NamedTuple):
    """A field of an object: what it holds, and what it means."""

    type: Type
    note: str = ""
    is_required: bool = False


_LAST = ("misc", "_timestamp")


def shown(struct: Struct) -> list[tuple[str, FieldSpec]]:
    """The fields of an object in the order in which people are shown them: what it is, what must be there, the rest."""

    def place(pair: tuple[str, FieldSpec]) -> tuple[bool, bool, bool]:
        name, known = pair
        return name in _LAST, not known.is_required, name not in ("id", "origin")

    return sorted(struct.fields.items(), key=place)


Kinds = Mapping[str, Struct]
"""Name of a list → what each of its items is."""


@dataclass(frozen=True, slots=True)
class VersionChange:
    """A version, as its difference to the one before.

    `dropped` are fields (`tests.waived`) and lists (`revisions`). `retyped` says what takes the place of a type
    wherever it stood. `added` holds new fields by where they go (`tests.environment`), and new lists.
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
