"""The stored form of a document in Firestore: the fields of its main document, and the parts of a large body.

Hides: the splitting of bodies. Every declared field is always present, null when the body lacks it, so that `== None`
finds it. The body is JSON text without an index. A body past PART_BYTES continues in further documents of a
sub-collection. Their names hold the tag of the commit, so that a reader never combines parts of two revisions, or of
two documents that had the same key one after the other.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import orjson

from lib.clock import unstamp
from lib.errors import Invalid
from lib.store.collection import Collection, promote
from lib.store.firestore.index import EXPIRE_AT, KEY, PART, TODO_AT, composite
from lib.store.firestore.wire import Fields, decode_fields
from lib.store.indexes import EVENT
from lib.store.port import BODY_BYTES_MAX, Body, Doc

PART_BYTES = 900_000
"""Most bytes of a body in one document: Firestore takes 1 MiB, the promoted fields included."""
LINGER = timedelta(days=7)
"""How much later than the main document the parts expire. Firestore deletes expired documents within a day or so, in no
order, and a document without its parts could not be read."""
LATEST = datetime(9999, 12, 1, tzinfo=UTC)
"""The latest expiry. A client's instant may be the last possible one, to which LINGER could not be added."""
INDEXED_BYTES_MAX = 100_000
"""Most bytes of the promoted fields of one document together."""
INDEXED_TEXTS_MAX = 10_000
"""Most elements of the `TEXTS` fields together: each has an entry in every index of its field, and a document has at
most 40,000 entries."""
ENTRY_BYTES = 100
"""Bytes of an index entry beside its values: names, and the service's overhead ("Storage size calculations")."""
LOG_OWN = ("channel", "at", "seq")
"""Fields that the log fills itself; it ignores these fields of an event's body."""

_NOTHING: Mapping[str, Any] = {}


@dataclass(frozen=True, slots=True)
class Encoded:
    """A body ready to be stored: its promoted fields, its JSON, and when it expires."""

    collection: Collection
    promoted: dict[str, Any]
    pieces: tuple[bytes, ...]
    expire_at: Any

    def weigh(self, key: str) -> int:
        """The bytes that its write takes of a commit: the documents and their index entries."""
        sizes = {name: max(1, _bytes_of(value)) for name, value in self.promoted.items()}
        name = len(key.encode())
        total = sum(map(len, self.pieces)) + sum(sizes.values()) + name
        for plain, several in _entries(self.collection):
            count = 1 if several is None else len(self.promoted[several])
            values = sum(sizes[n] for n in plain)
            total += count * (ENTRY_BYTES + 2 * name + values) + (0 if several is None else sizes[several])
        return total

    def decode(self) -> Body:
        """The body, as a new copy."""
        return decode_body(b"".join(self.pieces))

    def main(self, key: str, rev: int, tag: int, more: Fields = _NOTHING) -> Fields:
        """The fields of the main document."""
        first = self.pieces[0] if len(self.pieces) > 1 else self.pieces[0].decode()
        own = {KEY: key, "rev": rev, "tag": tag, "parts": len(self.pieces) - 1, "body": first}
        expiry = {} if self.expire_at is None else {EXPIRE_AT: self.expire_at}
        return {**self.promoted, **own, **expiry, **more}

    def parts(self, path: str, tag: int) -> Iterator[tuple[str, Fields]]:
        """The path and fields of each further document."""
        names = part_paths(path, tag, len(self.pieces) - 1)
        for name, piece in zip(names, self.pieces[1:], strict=True):
            yield name, {"body": piece, EXPIRE_AT: None if self.expire_at is None else self.expire_at + LINGER}


@dataclass(frozen=True, slots=True)
class Stored:
    """A main document as it was read."""

    path: str
    key: str
    rev: int
    tag: int
    parts: int
    body: str | bytes
    updated: Any
    log: Mapping[str, Any]

    @property
    def is_hidden(self) -> bool:
        """Whether this is an event without a number; readers do not see it."""
        return bool(self.log) and self.log["seq"] is None

    @property
    def part_paths(self) -> list[str]:
        return part_paths(self.path, self.tag, self.parts)

    def doc(self, rest: Mapping[str, bytes] = _NOTHING) -> Doc:
        """The document; `rest` holds the content of its parts by path."""
        whole: str | bytes = self.body
        if isinstance(whole, bytes):
            whole = b"".join((whole, *(rest[p] for p in self.part_paths)))
        text = whole.encode() if isinstance(whole, str) else whole
        if not self.log and text[:1] != b" ":
            return Doc(self.key, self.rev, stored=text)
        body = decode_body(text)
        if self.log:
            body.update({name: self.log[name] for name in LOG_OWN})
        return Doc(self.key, self.rev, body)


_OWN = (KEY, "rev", "tag", "parts", "body")
_LOG_READ = (*LOG_OWN, TODO_AT, "batch")


def read_main(document: Any, collection: str) -> Stored:
    """The main document in an answer of the service."""
    own = decode_fields(document, _OWN)
    log = decode_fields(document, _LOG_READ) if collection == EVENT.name else {}
    return Stored(document.name, own[KEY], own["rev"], own["tag"], own["parts"], own["body"], document.update_time, log)


def part_paths(path: str, tag: int, parts: int) -> list[str]:
    """The paths of the further parts of a body."""
    return [f"{path}/{PART}/{tag}-{n}" for n in range(1, parts + 1)]


def encode(collection: Collection, body: Body) -> Encoded:
    """A body as stored and its promoted values, encoded now, since the caller may change the body later."""
    text = encode_body(body)
    if len(text) > BODY_BYTES_MAX:
        raise Invalid("body", f"has at most {BODY_BYTES_MAX} bytes")
    promoted = dict(zip((f.name for f in collection.fields), promote(collection, body), strict=True))
    try:
        indexed = sum(_bytes_of(value) for value in promoted.values())
    except UnicodeEncodeError as error:
        raise Invalid("body", "a text that is indexed is not Unicode") from error
    if indexed > INDEXED_BYTES_MAX:
        raise Invalid("body", f"its indexed fields have at most {INDEXED_BYTES_MAX} bytes")
    if sum(len(v) for v in promoted.values() if isinstance(v, list)) > INDEXED_TEXTS_MAX:
        raise Invalid("body", f"its indexed lists have at most {INDEXED_TEXTS_MAX} elements")
    pieces = tuple(text[i : i + PART_BYTES] for i in range(0, len(text), PART_BYTES))
    expire_at = None
    if collection.ttl is not None and promoted[collection.ttl.field] is not None:
        age = collection.ttl.age
        expire_at = min(unstamp(promoted[collection.ttl.field]), LATEST - age) + age
    return Encoded(collection, promoted, pieces, expire_at)


@functools.cache
def _entries(collection: Collection) -> list[tuple[list[str], str | None]]:
    """For each index of a collection: its promoted fields, and separately its `TEXTS` field."""
    found = []
    for row in composite(collection):
        several = next((name for name, mode in row if mode == "CONTAINS"), None)
        found.append(([n for n, _ in row if n != several and collection.field(n) is not None], several))
    return found


def _bytes_of(value: Any) -> int:
    if isinstance(value, list):
        return sum(map(_bytes_of, value))
    return len(value.encode()) if isinstance(value, str) else 0


def encode_body(body: Body) -> bytes:
    """A body as JSON. The standard library writes the bodies that orjson cannot write (integers past 64 bits, nesting
    past 254 levels, lone surrogates); a leading space marks them for the reader."""
    try:
        return orjson.dumps(body, option=orjson.OPT_PASSTHROUGH_DATETIME | orjson.OPT_PASSTHROUGH_DATACLASS)
    except TypeError:
        pass
    try:
        return b" " + json.dumps(body, separators=(",", ":")).encode()
    except RecursionError as error:
        raise Invalid("body", "is nested too deep") from error


def decode_body(text: bytes) -> Body:
    body: Body = json.loads(text) if text[:1] == b" " else orjson.loads(text)
    return body
