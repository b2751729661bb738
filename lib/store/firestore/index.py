"""The declared indexes in Firestore's form: the content of firestore.indexes.json.

Called by the provisioning, which writes the file, and by the tests, whose database has exactly these indexes. Imports
no Google library. Source: `indexes.py`; the rules are Firestore's (composite indexes, merging of indexes of one order,
single-field exemptions, TTL policies).

Document names begin with a hash, so that consecutive keys are not adjacent. So the key is a field of its own, and every
order ends with it. Each promoted field has one index with the key, which serves an equality alone and an ascending
order alone. It has no automatic indexes: those would be two entries for each field, and none of them ends with the key.
A descending order alone has an index where some shape is ordered that way.

An index whose values grow with time (`received_at`, `seq`) takes about 500 writes a second. This limits the nodes, and
the events of all channels, that one database accepts in a second.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lib.store.collection import Collection, FieldType, Shape
from lib.store.indexes import COLLECTIONS, EVENT

KEY = "key"
"""The key of a document, as a field."""
TODO_AT = "todo_at"
"""A field of an event: the instant since which it waits for its number or its publication; null when both are done."""
EXPIRE_AT = "expire_at"
"""The instant after which Firestore itself deletes a document (a TTL policy), if its collection has an age."""
OWN = ("rev", "body", "parts", "tag", "batch", EXPIRE_AT)
"""The adapter's other fields, never searched: the write count, the JSON, the number of further parts, the tag of the
commit that wrote the document, and the first number of the batch of a numbered event."""
EVERY = "*"
"""Firestore's name for all fields of a collection without an entry of their own."""
PART = "part"
"""The collection group of the further parts of bodies."""

_LOG = (
    Shape((), (TODO_AT,)),
    Shape(("channel",), (TODO_AT,)),
)


def firestore_indexes() -> dict[str, Any]:
    """The composite indexes, the exemptions and the TTL policies, in the form of firestore.indexes.json."""
    collections = COLLECTIONS.values()
    return {
        "indexes": [_entry(c.name, fields) for c in collections for fields in composite(c)],
        "fieldOverrides": [*(o for c in collections for o in _overrides(c)), *_part_overrides()],
    }


def composite(collection: Collection) -> list[tuple[tuple[str, str], ...]]:
    """The composite indexes of a collection: each a row of (field, ASCENDING, DESCENDING or CONTAINS)."""
    texts = {f.name for f in collection.fields if f.type is FieldType.TEXTS}
    shapes = [*collection.shapes, *(_LOG if collection is EVENT else ())]
    alone = [Shape((f.name,), ("",)) for f in collection.fields]
    descending = [Shape((), (first,)) for first in dict.fromkeys(s.order[0] for s in shapes) if first[0] == "-"]
    return list(dict.fromkeys(tuple(_fields(s, texts)) for s in (*alone, *descending, *shapes)))


def _fields(shape: Shape, texts: set[str]) -> Iterator[tuple[str, str]]:
    first, *more = shape.order
    way = "DESCENDING" if first.startswith("-") else "ASCENDING"
    for name in shape.equal:
        yield name, "CONTAINS" if name in texts else "ASCENDING"
    if first:
        yield first.lstrip("-"), way
    yield KEY, way
    # After the key, which leaves no ties, these fields only serve ranges without reading the documents.
    for name in more:
        yield name, way


def _entry(name: str, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    rows = [{"fieldPath": f, "arrayConfig" if mode == "CONTAINS" else "order": mode} for f, mode in fields]
    return {"collectionGroup": name, "queryScope": "COLLECTION", "fields": rows}


def _overrides(collection: Collection) -> Iterator[dict[str, Any]]:
    """No automatic index except that of the key, in ascending order: all searched fields are in composite indexes. One
    entry covers all fields, the adapter's own (`OWN`) too, since a database takes only 200 such entries."""
    yield _override(collection.name, EVERY)
    key = [{"queryScope": "COLLECTION", "order": "ASCENDING"}]
    yield {"collectionGroup": collection.name, "fieldPath": KEY, "indexes": key}
    if collection.ttl is not None:
        yield _override(collection.name, EXPIRE_AT, is_ttl=True)


def _part_overrides() -> Iterator[dict[str, Any]]:
    yield _override(PART, "body")
    yield _override(PART, EXPIRE_AT, is_ttl=True)


def _override(group: str, field: str, *, is_ttl: bool = False) -> dict[str, Any]:
    override: dict[str, Any] = {"collectionGroup": group, "fieldPath": field, "indexes": []}
    return {**override, "ttl": True} if is_ttl else override
