"""Collections: the declaration of one kind of document, and the scans and promoted values that follow from it.

A stored document is a JSON body. The fields declared here are *promoted* out of it: each names the dotted path in the
body from which it is read. A scan may filter and order by promoted fields only. `missing()` finds scans that no
declared shape serves, in the same way for every backend. `indexes.py` lists the collections.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from enum import Enum
from typing import Any, NamedTuple

TEXT_BYTES_MAX = 1000
"""Texts are promoted by their first 1,000 bytes of UTF-8 (an index entry holds no more). A residual filter checks the
whole text."""


class FieldType(Enum):
    """The type of a promoted field. `INSTANT` is the canonical text of `clock.stamp`; `TEXTS` is matched by element."""

    TEXT = "text"
    INT = "int"
    BOOL = "bool"
    INSTANT = "instant"
    TEXTS = "texts"


@dataclass(frozen=True, slots=True)
class Field:
    """A promoted field: its name, its type, and its path in the body (`artifacts.*`: all values).

    `is_coarse`: most documents have the same value. Where reads are cheap, the field is checked on the documents and
    has no index.
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

    A scan may combine shapes with the same `order`: each backend intersects them (Firestore by merging, SQLite by
    filtering).
    """

    equal: tuple[str, ...]
    order: tuple[str, ...]


class Ttl(NamedTuple):
    """Documents are deleted when the instant in `field` is `age` in the past."""

    field: str
    age: timedelta


@dataclass(frozen=True, slots=True)
class Collection:
    """One kind of document: its promoted fields, the shapes of its scans, and its retention.

    `tallied` names coarse text fields (few values each) by which all documents are often counted. A backend may store
    the number of documents of each combination, so that such a count reads no documents.
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
        """Position of a field in the order of selectivity; a smaller one selects fewer documents."""
        return next((i for i, f in enumerate(self.fields) if f.name == name), len(self.fields))


def missing(collection: Collection, equal: frozenset[str], ranges: frozenset[str], order: str) -> str | None:
    """The reason why no index serves a scan, as a text for its author; None when the scan is served.

    `equal` are the fields compared for equality (membership and containment too), `ranges` those with an order
    comparison, `order` the field ordered by (`-` first when descending) or "" for key order, or any order for a count.
    Firestore's rules: indexes of the same order may be merged. Every promoted field serves equalities alone and its
    ascending order alone (`firestore/index.py`). A descending order alone is served where some shape is ordered that
    way.
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
        # Nearly every value is a short text or None: both need no conversion.
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
    """The first TEXT_BYTES_MAX bytes of a text, never cut inside a character."""
    if len(text) <= _SHORT:
        return text
    return text.encode()[:TEXT_BYTES_MAX].decode(errors="ignore")


_CASTS: Mapping[FieldType, Callable[[Any], Any]] = {
    FieldType.TEXT: lambda v: cut(v) if isinstance(v, str) else None,
    FieldType.INSTANT: lambda v: v if isinstance(v, str) else None,
    # The indexes of the backends hold no integer past 64 bits.
    FieldType.INT: lambda v: v if isinstance(v, int) and not isinstance(v, bool) and -(2**63) <= v < 2**63 else None,
    FieldType.BOOL: lambda v: v if isinstance(v, bool) else None,
    FieldType.TEXTS: lambda v: (
        list(dict.fromkeys(cut(x) for x in v if isinstance(x, str))) if isinstance(v, list) else []
    ),
}
