"""Submissions decoded (kcidb.md 1, 2.3): JSON → copies in normal form of schema 5.3; views → a document of 5.3.

Pure and deterministic: what is stored is the submission, and everything else is computed from it, again and again.
Called by the handlers that take and give submissions, and by whoever merges stored ones.
"""

from __future__ import annotations

import hashlib
from collections.abc import Container, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import orjson

from lib.dialects.kcidb.check import Faults, Right, checked, framed
from lib.dialects.kcidb.fault import PLACE_CHARS_MAX, Flaw
from lib.dialects.kcidb.normal import finish
from lib.dialects.kcidb.owner import is_owned, owner_flaw
from lib.dialects.kcidb.source import read, split_documents, unreadable
from lib.dialects.kcidb.upgrade import Lists, upgrade, waived_places, waiver
from lib.domain.ingest.sent import Copy, Document, Sent
from lib.domain.report.canonical import Written, write
from lib.domain.report.report import KINDS, Fields, key_of
from schemas.kcidb.version import NEWEST

__all__ = ["VERSION", "decode", "decode_text", "encode", "opened", "read", "split_documents", "upgraded"]

VERSION: Mapping[str, int] = {"major": NEWEST[0], "minor": NEWEST[1]}
"""The schema of everything that is told."""

WARNINGS_MAX = 100
"""Most warnings about a submission."""

_PREDECESSOR: Mapping[str, str] = {"checkouts": "revisions"}
"""The lists whose objects stood in another one in the majors before 4."""


def opened(raw: bytes) -> Document:
    """The document of a text; its id is the digest of its canonical JSON (kcidb.md 2.3). Raises Malformed for what is
    no JSON."""
    written = _written(read(raw))
    id = _id_of(written)
    return Document(raw, id, lambda is_partial: _decode(written, id, is_partial))


def decode(value: Any, *, is_partial: bool = False) -> Sent:
    """A submission as `read` gave it. Raises Malformed when anything is wrong with it; `is_partial` leaves out the
    faulty objects instead, while the document around them is right."""
    written = _written(value)
    return _decode(written, _id_of(written), is_partial)


def _id_of(written: Written) -> str:
    return hashlib.sha256(written.text).hexdigest()


def _decode(written: Written, id: str, is_partial: bool) -> Sent:
    faults = Faults()
    version = framed(written.value, faults)
    # What `misc` must not hold shows in the text; most submissions have nothing of the kind.
    is_careful = written.has_large or b"null" in written.text or b"\\u0000" in written.text
    decode_objects = _right if version[0] == NEWEST[0] else _right_upgraded
    right = decode_objects(written.value, version, is_careful, faults)
    if not is_partial:
        faults.refuse()
    return Sent(
        id=id,
        version=version,
        copies=tuple(Copy(key_of(kind, fields), fields) for kind in KINDS for _, fields in right.get(kind, ())),
        warnings=tuple(islice(_warnings(right), WARNINGS_MAX)),
        faults=tuple(faults.found),
        fault_count=faults.count,
    )


def decode_text(raw: bytes, is_partial: bool) -> Sent:
    """A stored submission, read again. Raises Malformed."""
    return decode(read(raw), is_partial=is_partial)


def upgraded(value: Any) -> dict[str, Any]:
    """A submission as `read` gave it as a document of 5.3, whose values stay as they were written. Raises Malformed."""
    version = decode(value).version
    lists: Lists = {kind: objects for kind, objects in value.items() if kind != "version"}
    if version[0] != NEWEST[0]:
        waived = waived_places(lists)
        lists = upgrade(lists, version[0])
        for kind, objects in waiver([lists["tests"][at]["id"] for at in waived]).items():
            lists.setdefault(kind, []).extend(objects)
    return {"version": dict(VERSION), **lists}


def encode(views: Mapping[str, Sequence[Fields]]) -> dict[str, Any]:
    """A document of 5.3 of views by kind, parents first."""
    return {"version": dict(VERSION), **{kind: views[kind] for kind in KINDS if kind in views}}


def _written(value: Any) -> Written:
    try:
        return write(value)
    except orjson.JSONEncodeError as error:
        raise unreadable(str(error)) from None


def _right(document: Mapping[str, Any], version: tuple[int, int], is_careful: bool, faults: Faults) -> Right:
    """The right objects of a document of the newest major, in normal form."""
    right = checked(document, version, is_careful, faults)
    for kind, found in right.items():
        if len(found) < len(document[kind]):
            _add_owners(kind, document[kind], {at for at, _ in found}, faults)
        flawed = set()
        for at, fields in found:
            flaw = owner_flaw(kind, finish(fields), f"/{kind}/{at}")
            if flaw is not None:
                faults.add(flaw, fields["id"])
                flawed.add(at)
        if flawed:
            right[kind] = [one for one in found if one[0] not in flawed]
    return right


def _add_owners(kind: str, objects: Sequence[Any], right: Container[int], faults: Faults) -> None:
    """What is wrong with whose the objects are that are wrong otherwise too: a sender is to hear of all at once."""
    for at, one in enumerate(objects):
        if at not in right and isinstance(one, dict):
            id_, origin = one.get("id"), one.get("origin")
            if is_owned(id_, origin):
                flaw = owner_flaw(kind, one, f"/{kind}/{at}")
                if flaw is not None:
                    faults.add(flaw, id_)


def _right_upgraded(document: Mapping[str, Any], version: tuple[int, int], is_careful: bool, faults: Faults) -> Right:
    """The right objects of a document of an older major, upgraded, checked again, in normal form."""
    sound = checked(document, version, is_careful, faults)
    places = {kind: [at for at, _ in found] for kind, found in sound.items()}
    lists = {kind: [document[kind][at] for at in kept] for kind, kept in places.items()}

    def retell(flaw: Flaw) -> Flaw:
        return _retold(flaw, document, places)

    faults.retell = retell
    right = _right(upgrade(lists, version[0]), NEWEST, is_careful, faults)
    waived = set(waived_places(lists))
    for kind, made in waiver([test["id"] for at, test in right.get("tests", ()) if at in waived]).items():
        right.setdefault(kind, []).extend((-1, one) for one in made)
    return right


def _retold(flaw: Flaw, document: Mapping[str, Any], places: Mapping[str, Sequence[int]]) -> Flaw:
    """A flaw of an upgraded object, by its place in the document as sent."""
    _, kind, index, *steps = flaw.pointer.split("/")
    if kind not in places:
        kind = _PREDECESSOR[kind]
    at = places[kind][int(index)]
    is_there = steps and steps[0] in document[kind][at]
    pointer = "/".join(("", kind, str(at), *(steps if is_there else ())))
    if flaw.rule == "origin":  # was so before
        return flaw._replace(pointer=pointer)
    says = f"{'/'.join(steps)} after the upgrade to {NEWEST[0]}.{NEWEST[1]}: {flaw.says}"
    return Flaw(pointer, "upgrade", flaw.got, flaw.hint, says)


def _warnings(right: Right) -> Iterator[str]:
    """What is odd and valid."""
    for kind in ("builds", "tests"):
        for at, fields in right.get(kind, ()):
            if fields.get("duration", 0) < 0:
                yield f"/{kind}/{at}/duration: {fields['id'][:PLACE_CHARS_MAX]} has a negative duration"
    for at, fields in right.get("incidents", ()):
        if ("build_id" in fields) == ("test_id" in fields):
            yield f"/incidents/{at}: {fields['id'][:PLACE_CHARS_MAX]} names not one build or test"
