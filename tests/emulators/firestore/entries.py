"""How many index entries a document has, and how large they are ("Storage size calculations").

A field that is no array or map has one entry in each of its single-field indexes, an array one for each different
element. A composite index has an entry when the document has all of its fields, one per element of its array.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.emulators.firestore.document import Document, find_value
from tests.emulators.firestore.index import CONTAINS, Index, IndexSet
from tests.emulators.firestore.limits import (
    INDEX_BYTES_MAX,
    INDEX_ENTRIES_MAX,
    INDEX_ENTRY_BYTES_MAX,
    INDEXED_VALUE_BYTES_MAX,
)
from tests.emulators.firestore.path import Path
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.value import encode, is_vector, size

OVERHEAD = 32


def check_entries(indexes: IndexSet, document: Document) -> int:
    """Bytes of all index entries of a document; refused when they are too many or too large."""
    path = document.name.partition("/documents/")[2]
    group = path.split("/")[-2]
    parent = path.rpartition("/")[0].rpartition("/")[0]
    base = len(path.encode()) + 17 + len(parent.encode()) + 17 + OVERHEAD
    count = total = 0
    for entries, entry_bytes in _entries(indexes, document, group):
        if base + entry_bytes > INDEX_ENTRY_BYTES_MAX:
            raise invalid(f"an index entry of {path} is larger than {INDEX_ENTRY_BYTES_MAX} bytes")
        count += entries
        total += entries * (base + entry_bytes)
    if count > INDEX_ENTRIES_MAX:
        raise invalid(f"too many index entries for {path}: {count}, the most is {INDEX_ENTRIES_MAX}")
    if total > INDEX_BYTES_MAX:
        raise invalid(f"the index entries of {path} are {total} bytes, the most is {INDEX_BYTES_MAX}")
    return total


def _entries(indexes: IndexSet, document: Document, group: str) -> Iterator[tuple[int, int]]:
    """Pairs of a number of entries and the bytes of one of them."""
    fields = document.message.fields
    yield from _single(indexes, fields, group, ())
    for index in indexes.composite(group):
        entry = _composite(index, fields)
        if entry:
            yield entry


def _single(indexes: IndexSet, fields: Any, group: str, above: Path) -> Iterator[tuple[int, int]]:
    for name in fields:
        value, path = fields[name], (*above, name)
        kind = value.WhichOneof("value_type")
        if kind == "map_value" and not is_vector(value):
            yield from _single(indexes, value.map_value.fields, group, path)
            continue
        by_element = sum(k == CONTAINS for k, _ in indexes.kinds(group, path))
        name_bytes = sum(len(s.encode()) + 1 for s in path)
        if kind == "array_value":
            if by_element:
                for element in {encode(e): e for e in value.array_value.values}.values():
                    yield by_element, name_bytes + _indexed_bytes(element)
        else:
            yield len(indexes.kinds(group, path)) - by_element, name_bytes + _indexed_bytes(value)


def _composite(index: Index, fields: Any) -> tuple[int, int] | None:
    count, total = 1, 0
    for part in index.parts:
        value = find_value(fields, part.path)
        if value is None or (part.kind == CONTAINS and value.WhichOneof("value_type") != "array_value"):
            return None
        if part.kind == CONTAINS:
            elements = {encode(e): _indexed_bytes(e) for e in value.array_value.values}
            count *= len(elements)
            total += max(elements.values(), default=0)
        else:
            total += _indexed_bytes(value)
    return count, total


def _indexed_bytes(value: Any) -> int:
    return min(size(value), INDEXED_VALUE_BYTES_MAX)
