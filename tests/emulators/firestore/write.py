"""What one write of a commit makes of a document: precondition, mask, transforms."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from google.cloud.firestore_v1.types import write as messages

from tests.emulators.firestore.document import (
    Document,
    Message,
    drop_value,
    find_value,
    from_time,
    put_value,
    to_time,
)
from tests.emulators.firestore.limits import TRANSFORMS_MAX
from tests.emulators.firestore.path import NAME, Path, parse_field
from tests.emulators.firestore.refusal import exists, failed, invalid, missing
from tests.emulators.firestore.transform import transform
from tests.emulators.firestore.value import normalise_fields

Write = messages.Write.pb()


def target(write: Any) -> str:
    """The full name of the document a write is about."""
    kind = write.WhichOneof("operation")
    if kind == "update":
        return str(write.update.name)
    if kind == "delete":
        return str(write.delete)
    if kind == "transform":
        return str(write.transform.document)
    raise invalid("a write without an operation")


def check_precondition(precondition: Any, name: str, stored: Document | None) -> None:
    """Refuse the write when the stored document is not as the precondition says."""
    kind = precondition.WhichOneof("condition_type")
    if kind == "exists":
        if precondition.exists and stored is None:
            raise missing(f"No document to update: {name}")
        if not precondition.exists and stored is not None:
            raise exists(f"Document already exists: {name}")
    elif kind == "update_time":
        wanted = from_time(precondition.update_time)
        if stored is None or stored.updated != wanted:
            held = "none" if stored is None else str(stored.updated)
            raise failed(f"the stored version ({held}) does not match the required base version ({wanted}): {name}")


def make(write: Any, stored: Document | None, at: int) -> tuple[Document | None, list[Any]]:
    """The document after the write at a time (None: deleted), and the results of its transforms.

    A write that changes nothing gives the stored document itself.
    """
    if write.WhichOneof("operation") == "delete":
        return None, []
    fields = _updated(write, stored)
    results = _transformed(write, fields, at)
    message = Message(name=target(write), create_time=to_time(stored.created if stored else at))
    message.fields.MergeFrom(fields)
    if stored is not None:
        message.update_time.CopyFrom(stored.message.update_time)
        if message == stored.message:
            return stored, results
    message.update_time.CopyFrom(to_time(at))
    return Document(message, stored.created if stored else at, at), results


def _updated(write: Any, stored: Document | None) -> Any:
    """A copy of the fields after the update, before transforms."""
    result = Message()
    if write.WhichOneof("operation") == "transform":
        if stored:
            result.fields.MergeFrom(stored.message.fields)
        return result.fields
    sent = write.update.fields
    normalise_fields(sent)
    if not write.HasField("update_mask"):
        return sent
    if stored:
        result.fields.MergeFrom(stored.message.fields)
    paths = read_mask(write.update_mask)
    _check_disjoint(paths)
    for path in paths:
        value = find_value(sent, path)
        if value is None:
            drop_value(result.fields, path)
        else:
            put_value(result.fields, path, value)
    return result.fields


def _transformed(write: Any, fields: Any, at: int) -> list[Any]:
    if write.WhichOneof("operation") == "transform":
        transforms: Sequence[Any] = write.transform.field_transforms
        if not transforms:
            raise invalid("a transform without field transforms")
    else:
        transforms = write.update_transforms
    if len(transforms) > TRANSFORMS_MAX:
        raise invalid(f"more than {TRANSFORMS_MAX} field transforms of one document")
    return [transform(t, fields, at) for t in transforms]


def read_mask(mask: Any) -> tuple[Path, ...]:
    """The field paths of a mask."""
    return tuple(parse_field(text) for text in mask.field_paths)


def _check_disjoint(paths: tuple[Path, ...]) -> None:
    known = set(paths)
    if len(known) < len(paths):
        raise invalid("a mask names a field twice")
    for path in paths:
        if path == NAME:
            raise invalid("a mask of a write cannot hold __name__")
        if any(path[:n] in known for n in range(1, len(path))):
            raise invalid(f"a mask holds a field and a field inside it: {'.'.join(path)}")
