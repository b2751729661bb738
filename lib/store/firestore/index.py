"""What a Firestore database is told of the declared indexes: the content of firestore.indexes.json.

Called by the provisioning, which writes the file, and by the tests, whose database has these indexes and no others.
Imports no google library. Source: `indexes.py`; the rules are Firestore's (composite indexes, merging of indexes of one
order, single-field exemptions, TTL policies).

Document names begin with a hash, so that keys made one after the other are not neighbours; hence the key is a field of
its own and every order ends with it. Each promoted field has one index with the key, which answers an equality and an
ascending order alone, and no automatic ones: those would be two entries a field, and none of them ends with the key. A
descending order alone has an index where some shape is ordered that way.

An index whose values grow with the time (`received_at`, `seq`) takes about 500 writes a second: that is the most nodes,
and the most events of all channels, that one database takes in.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from lib.store.collection import Collection, FieldType, Shape
from lib.store.indexes import COLLECTIONS, EVENT

KEY = "key"
"""The key of a document, as a field."""
TODO_AT = "todo_at"
"""Of an event: since when it waits to be numbered, or to be sent; null when nothing is left to do for it."""
EXPIRE_AT = "expire_at"
"""The instant after which Firestore itself drops a document (a TTL policy), where its collection has an age."""
OWN = ("rev", "body", "parts", "tag", "batch", EXPIRE_AT)
"""The adapter's other fields, never searched: the write count, the JSON, how many parts follow it, which commit wrote
the document, and where the batch of a numbered event began."""
EVERY = "*"
"""Stands for every field of a collection that has no entry of its own."""
PART = "part"
"""The group of collections that hold what of a body is past the first part."""

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
    # Behind the key, which leaves no ties, these only answer ranges without reading the documents.
    for name in more:
        yield name, way


def _entry(name: str, fields: Iterable[tuple[str, str]]) -> dict[str, Any]:
    rows = [{"fieldPath": f, "arrayConfig" if mode == "CONTAINS" else "order": mode} for f, mode in fields]
    return {"collectionGroup": name, "queryScope": "COLLECTION", "fields": rows}


def _overrides(collection: Collection) -> Iterator[dict[str, Any]]:
    """No automatic index but of the key, in ascending order: what is searched is in a composite one. One entry says so
    of all fields, the adapter's own (`OWN`) too: a database takes 200 such entries, whatever it has of fields."""
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
