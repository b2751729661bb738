"""Which indexes there are: the automatic ones, the declared ones, and the exemptions of an index file.

The file has the shape of `firestore.indexes.json`: `indexes` (collectionGroup, queryScope, fields) and `fieldOverrides`
(collectionGroup, fieldPath, indexes, ttl). Rules of "Index types" and "Manage indexes":

- every field has automatic indexes of collection scope, ascending, descending and, for arrays, by element; an override
  takes their place, for the fields inside a map too, and `*` is the override of every field of a collection;
- a composite index ends with `__name__`, in the direction of its last field unless it says otherwise.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path as File
from typing import Any, NamedTuple

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
            self._composite.setdefault(entry["collectionGroup"], []).append(_read_index(entry))
        for entry in data.get("fieldOverrides", ()):
            self._read_override(entry)

    def _read_override(self, entry: Mapping[str, Any]) -> None:
        group, text = entry["collectionGroup"], entry["fieldPath"]
        path = ("*",) if text == "*" else parse_field(text)
        if entry.get("ttl"):
            self.ttl[group] = path
        if "indexes" in entry:
            kinds = tuple((_kind(i), i.get("queryScope", COLLECTION)) for i in entry["indexes"])
            self._overrides.setdefault(group, {})[path] = kinds

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
        return Index(_scope(entry), parts[:-1], parts[-1].kind)
    return Index(_scope(entry), parts, DESCENDING if parts[-1].kind == DESCENDING else ASCENDING)


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
