"""Which indexes there are: the automatic ones, the declared ones, and the exemptions of an index file.

The file has the shape of `firestore.indexes.json`: `indexes` (collectionGroup, queryScope, fields) and `fieldOverrides`
(collectionGroup, fieldPath, indexes, ttl). Rules of "Index types" and "Manage indexes":

- every field has automatic indexes of collection scope, ascending, descending and, for arrays, by element; an override
  takes their place, for the fields inside a map too, and `*` is the override of every field of a collection;
- a composite index ends with `__name__`, in the direction of its last field unless it says otherwise.

A file that the service would not take is a ValueError.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, NamedTuple

from tests.emulators.firestore.limits import COMPOSITE_INDEXES_MAX, FIELD_CONFIGURATIONS_MAX, INDEX_FIELDS_MAX
from tests.emulators.firestore.path import NAME, Path, parse_field, write_field

ASCENDING, DESCENDING, CONTAINS = "ASCENDING", "DESCENDING", "CONTAINS"
COLLECTION, GROUP = "COLLECTION", "COLLECTION_GROUP"


class Part(NamedTuple):
    """A field of an index, and how it is indexed."""

    path: Path
    kind: str

    def __str__(self) -> str:
        return f"{write_field(self.path)} {self.kind}"


@dataclass(frozen=True)
class Index:
    """An index of a collection group; `name` is the direction of `__name__` behind its parts."""

    scope: str
    parts: tuple[Part, ...]
    name: str
    is_automatic: bool = False

    def __str__(self) -> str:
        """As the service writes it: (a ASCENDING, b DESCENDING, __name__ DESCENDING)."""
        return f"({', '.join(map(str, (*self.parts, Part(NAME, self.name))))})"


AUTOMATIC = ((ASCENDING, COLLECTION), (DESCENDING, COLLECTION), (CONTAINS, COLLECTION))

Source = Mapping[str, Any] | str | File | None


class IndexSet:
    """The indexes of a server. Without an index file every query is served (`is_open`)."""

    def __init__(self, source: Source = None) -> None:
        self.is_open = source is None
        data = json.loads(File(source).read_text()) if isinstance(source, str | File) else source or {}
        self._composite: dict[str, list[Index]] = {}
        self._overrides: dict[str, dict[Path, tuple[tuple[str, str], ...]]] = {}
        self.ttl: dict[str, Path] = {}
        for entry in data.get("indexes", ()):
            self._declare(entry["collectionGroup"], _read_index(entry))
        for entry in data.get("fieldOverrides", ()):
            self._read_override(entry)
        _check_count("indexes", data, COMPOSITE_INDEXES_MAX)
        _check_count("fieldOverrides", data, FIELD_CONFIGURATIONS_MAX)

    def _declare(self, group: str, index: Index) -> None:
        declared = self._composite.setdefault(group, [])
        if index in declared:
            raise ValueError(f"an index of {group!r} is declared twice: {index}")
        declared.append(index)

    def _read_override(self, entry: Mapping[str, Any]) -> None:
        group, text = entry["collectionGroup"], entry["fieldPath"]
        path = ("*",) if text == "*" else parse_field(text)
        if entry.get("ttl"):
            if group in self.ttl:
                raise ValueError(f"two TTL policies for {group!r}: a collection group has one")
            self.ttl[group] = path
        overrides = self._overrides.setdefault(group, {})
        if path in overrides:
            raise ValueError(f"the field {text!r} of {group!r} is overridden twice")
        kinds = [(_kind(i), i.get("queryScope", COLLECTION)) for i in entry["indexes"]] if "indexes" in entry else None
        overrides[path] = AUTOMATIC if kinds is None else tuple(kinds)

    def composite(self, group: str) -> list[Index]:
        """The declared indexes of a collection group."""
        return self._composite.get(group, [])

    def kinds(self, group: str, path: Path) -> tuple[tuple[str, str], ...]:
        """Kind and scope of each single-field index of a field."""
        overrides = self._overrides.get(group)
        if not overrides:
            return AUTOMATIC
        for length in range(len(path), 0, -1):
            if path[:length] in overrides:
                return overrides[path[:length]]
        return overrides.get(("*",), AUTOMATIC)

    def single(self, group: str, path: Path) -> Iterator[Index]:
        """The single-field indexes of a field."""
        for kind, scope in self.kinds(group, path):
            yield Index(scope, (Part(path, kind),), DESCENDING if kind == DESCENDING else ASCENDING, True)


def _read_index(entry: Mapping[str, Any]) -> Index:
    parts = tuple(Part(parse_field(f["fieldPath"]), _kind(f)) for f in entry["fields"])
    if parts and parts[-1].path == NAME:
        index = Index(_scope(entry), parts[:-1], parts[-1].kind)
    else:
        index = Index(_scope(entry), parts, _natural(parts))
    _check_index(index)
    return index


def _natural(parts: tuple[Part, ...]) -> str:
    """The direction of `__name__` behind parts that do not say it."""
    return DESCENDING if parts and parts[-1].kind == DESCENDING else ASCENDING


def _check_index(index: Index) -> None:
    """Refuse an index that cannot be created, or that there is already by itself."""
    paths = [part.path for part in index.parts]
    if len(paths) + 1 > INDEX_FIELDS_MAX:
        raise ValueError(f"an index of more than {INDEX_FIELDS_MAX} fields")
    if len(set(paths)) < len(paths) or NAME in paths:
        raise ValueError(f"an index that holds a field twice, or __name__ before its end: {index}")
    if sum(part.kind == CONTAINS for part in index.parts) > 1:
        raise ValueError(f"an index of the elements of two arrays: {index}")
    if len(paths) < 2 and index.name == _natural(index.parts):
        raise ValueError(f"an index of one field is no composite index, declare it as an override: {index}")


def _check_count(name: str, data: Mapping[str, Any], most: int) -> None:
    if len(data.get(name, ())) > most:
        raise ValueError(f"{len(data[name])} {name}: the most is {most}")


def _scope(entry: Mapping[str, Any]) -> str:
    scope = entry.get("queryScope", COLLECTION)
    if scope not in (COLLECTION, GROUP):
        raise ValueError(f"not a query scope: {scope!r}")
    return str(scope)


def _kind(entry: Mapping[str, Any]) -> str:
    kind = entry.get("order") or entry.get("arrayConfig")
    if kind not in (ASCENDING, DESCENDING, CONTAINS):
        raise ValueError(f"an indexed field has an order, or the arrayConfig CONTAINS: {dict(entry)}")
    return str(kind)
