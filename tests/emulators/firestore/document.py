"""One version of a document, which never changes once it is stored, and the ways to look into its fields."""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1.types import document
from google.protobuf.timestamp_pb2 import Timestamp

from tests.emulators.firestore.path import NAME, Path
from tests.emulators.firestore.value import Key, encode, encode_name

Message = document.Document.pb()

_UNREAD = object()


class Document:
    """A version: its full name, its message as sent to clients, and the encodings of the fields asked for so far."""

    __slots__ = ("_keys", "created", "id", "message", "name", "updated")

    def __init__(self, message: Any, created: int, updated: int) -> None:
        self.name: str = message.name
        self.id = self.name.rpartition("/")[2]
        self.message = message
        self.created = created
        self.updated = updated
        self._keys: dict[Path, Key | None] = {}

    def key(self, path: Path) -> Key | None:
        """The encoding of a field (of the name for `__name__`), None when the document has no such field."""
        found: Any = self._keys.get(path, _UNREAD)
        if found is _UNREAD:
            found = self._keys[path] = encode_name(self.name) if path == NAME else self._encode(path)
        return found  # type: ignore[no-any-return]

    def _encode(self, path: Path) -> Key | None:
        value = find_value(self.message.fields, path)
        return None if value is None else encode(value)


def find_value(fields: Any, path: Path) -> Any:
    """The value at a path, None when there is none."""
    value = fields.get(path[0])
    for segment in path[1:]:
        if value is None or value.WhichOneof("value_type") != "map_value":
            return None
        value = value.map_value.fields.get(segment)
    return value


def put_value(fields: Any, path: Path, value: Any) -> None:
    """Set the value at a path; maps on the way are made, and take the place of what is no map."""
    for segment in path[:-1]:
        inner = fields[segment]
        if inner.WhichOneof("value_type") != "map_value":
            inner.map_value.SetInParent()
        fields = inner.map_value.fields
    fields[path[-1]].CopyFrom(value)


def drop_value(fields: Any, path: Path) -> None:
    """Remove the value at a path, if there is one."""
    for segment in path[:-1]:
        inner = fields.get(segment)
        if inner is None or inner.WhichOneof("value_type") != "map_value":
            return
        fields = inner.map_value.fields
    if path[-1] in fields:
        del fields[path[-1]]


def project(message: Any, paths: tuple[Path, ...] | None) -> Any:
    """The document with the fields of a mask only; whole without a mask."""
    if paths is None:
        return message
    cut = Message(name=message.name, create_time=message.create_time, update_time=message.update_time)
    for path in paths:
        value = None if path == NAME else find_value(message.fields, path)
        if value is not None:
            put_value(cut.fields, path, value)
    return cut


def to_time(microseconds: int) -> Timestamp:
    seconds, rest = divmod(microseconds, 1_000_000)
    return Timestamp(seconds=seconds, nanos=rest * 1000)


def from_time(time: Any) -> int:
    """Microseconds since 1970."""
    return int(time.seconds) * 1_000_000 + int(time.nanos) // 1000
