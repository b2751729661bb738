"""Collections: how one kind of document is declared, and what follows for its scans and its promoted values.

A stored document is a JSON body; the fields declared here are *promoted* out of it (each names the dotted path it is
read from) and are all a scan may filter or order by. `missing()` refuses a scan that no declared shape serves, the same
in every backend. Which collections there are is in `indexes.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, NamedTuple

TEXT_BYTES_MAX = 1000
"""Texts are promoted by their first 1,000 bytes of UTF-8 (an index entry holds no more); a residual filter verifies."""


class FieldType(Enum):
    """What a promoted field holds. `INSTANT` is the canonical text of `clock.stamp`; `TEXTS` is matched by element."""

    TEXT = "text"
    INT = "int"
    BOOL = "bool"
    INSTANT = "instant"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Field:
    """A promoted field: its name, its type, and where in the body it is read (`artifacts.*`: all values).

    `is_coarse`: it is the same for most documents, so where reading is cheap it is checked on them and has no index.
    """

    name: str
    type: FieldType
    source: str = ""
    is_coarse: bool = False

    @property
    def path(self) -> str:
        return self.source or self.name


@dataclass(frozen=True, slots=True)
class Shape:
    """A composite index: any equality on `equal`, then ordered by `order` (a leading `-` is descending).

    Names after the first in `order` are range filters that the index answers without reading documents.
    Scans may combine shapes of one `order`: each backend intersects them (Firestore by merging, SQLite by filtering).
    """

    equal: tuple[str, ...]
    order: tuple[str, ...]


class Ttl(NamedTuple):
    """Documents are let go when the instant in `field` is `age` in the past."""

    field: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of document: its promoted fields, the shapes its scans may take, and how long it is kept.

    `tallied` are coarse texts (few values each) by which all documents are often counted: a backend may keep the number
    of each combination, so that such a count costs no reading.
    """

    name: str
    fields: tuple[Field, ...]
    shapes: tuple[Shape, ...] = ()
    ttl: Ttl | None = None
    tallied: tuple[str, ...] = ()

    def field(self, name: str) -> Field | None:
        """The declared field of this name."""
        return next((f for f in self.fields if f.name == name), None)

    def rank(self, name: str) -> int:
        """Place of a field in the order of selectivity; smaller selects fewer documents."""
        return next((i for i, f in enumerate(self.fields) if f.name == name), len(self.fields))


def missing(collection: Collection, equal: frozenset[str], ranges: frozenset[str], order: str) -> str | None:
    """What a scan lacks to be served, in words for the one who wrote it; None when it is served.

    `equal` are the fields compared for equality (membership and containment too), `ranges` those with an order
    comparison, `order` the field ordered by (`-` first when descending) or "" for key order, or any order for a count.
    Firestore's rules: indexes of one order may be merged. Equalities alone and one field alone, ascending, are served
    for every promoted field (`firestore/index.py`); descending alone where some shape is ordered that way.
    """
    names = equal | ranges | ({order.lstrip("-")} if order else frozenset())
    if unknown := sorted(n for n in names if collection.field(n) is None):
        return f"{collection.name} promotes no field {', '.join(unknown)}"
    if ranges and not order:
        firsts = sorted({s.order[0] for s in collection.shapes} | ranges)
        lacks = [missing(collection, equal, ranges, first) for first in firsts]
        return None if None in lacks else lacks[0]
    suffix = tuple(sorted(ranges - {order.lstrip("-")}))
    if not suffix and (not equal or not order):
        if not order.startswith("-") or any(s.order[0] == order for s in collection.shapes):
            return None
        return f"{collection.name} declares no shape ordered by ({order})"
    want = (order, *suffix)
    covered = {f for s in collection.shapes if s.order == want and set(s.equal) <= equal for f in s.equal}
    bare = any(s.order == want and not s.equal for s in collection.shapes)
    if covered == equal and (covered or bare):
        return None
    lacking = sorted(equal - covered) or ["(nothing)"]
    return f"{collection.name} declares no shape ({', '.join(lacking)}) ordered by ({', '.join(want)})"


def promote(collection: Collection, body: Mapping[str, Any]) -> list[Any]:
    """The promoted values of a body, one per declared field, in order; a missing or mistyped value is None.

    Texts are cut to TEXT_BYTES_MAX; a `TEXTS` field gives a list without repeats.
    """
    values = []
    for head, rest, is_text, cast in _sources(collection):
        value = body.get(head)
        if rest:
            value = _descend(value, rest)
        # Nearly every value is a short text or nothing: both are as they should be.
        if value is None or type(value) is not str or not is_text or len(value) > _SHORT:
            value = cast(value)
        values.append(value)
    return values


_Source = tuple[str, tuple[str, ...], bool, Callable[[Any], Any]]
_SOURCES: dict[str, list[_Source]] = {}
_SHORT = TEXT_BYTES_MAX // 4


def _sources(collection: Collection) -> list[_Source]:
    sources = _SOURCES.get(collection.name)
    if sources is None:
        sources = _SOURCES[collection.name] = [_source(f) for f in collection.fields]
    return sources


def _source(field: Field) -> _Source:
    head, *rest = field.path.split(".")
    return head, tuple(rest), field.type in (FieldType.TEXT, FieldType.INSTANT), _CASTS[field.type]


def _descend(value: Any, steps: tuple[str, ...]) -> Any:
    for step in steps:
        if not isinstance(value, Mapping):
            return None
        value = list(value.values()) if step == "*" else value.get(step)
    return value


def cut(text: str) -> str:
    """A text by its first TEXT_BYTES_MAX bytes, never inside a character."""
    if len(text) <= _SHORT:
        return text
    return text.encode()[:TEXT_BYTES_MAX].decode(errors="ignore")


_CASTS: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.TEXT: lambda v: cut(v) if isinstance(v, str) else None,
    FieldType.INSTANT: lambda v: v if isinstance(v, str) else None,
    # No backend's index holds an integer past 64 bits.
    FieldType.INT: lambda v: v if isinstance(v, int) and not isinstance(v, bool) and -(2**63) <= v < 2**63 else None,
    FieldType.BOOL: lambda v: v if isinstance(v, bool) else None,
    FieldType.TEXTS: lambda v: (
        list(dict.fromkeys(cut(x) for x in v if isinstance(x, str))) if isinstance(v, list) else []
    ),
}
