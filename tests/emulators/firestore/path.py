"""Names of documents and paths of fields: taken apart, put together, and refused when the service would.

A name is `projects/P/databases/D/documents/C/ID...`; inside a database the part behind `documents/` is used, called the
relative path. A field path is a tuple of segments, as `a.`b.c`` names the field `b.c` inside `a`.
"""

from __future__ import annotations

import re
from functools import lru_cache

from tests.emulators.firestore.limits import COLLECTION_DEPTH_MAX, FIELD_NAME_BYTES_MAX, ID_BYTES_MAX, NAME_BYTES_MAX
from tests.emulators.firestore.refusal import invalid

Path = tuple[str, ...]
NAME: Path = ("__name__",)

_ROOT = re.compile(r"projects/[^/]+/databases/[^/]+")
_SEGMENT = re.compile(r"`(?:[^`\\]|\\.)*`|[A-Za-z_][A-Za-z_0-9]*")


def split_name(name: str) -> tuple[str, str]:
    """`projects/p/databases/d/documents/a/b` → the database, and `a/b` ("" for the database itself)."""
    root = _ROOT.match(name)
    if not root or not name.startswith("/documents", root.end()):
        raise invalid(f"not the name of a document or its parent: {name!r}")
    rest = name[root.end() + len("/documents") :]
    if rest and not (rest[0] == "/" and len(rest) > 1):
        raise invalid(f"not the name of a document or its parent: {name!r}")
    return root.group(), rest[1:]


def check_database(database: str) -> str:
    if not _ROOT.fullmatch(database):
        raise invalid(f"not the name of a database: {database!r}")
    return database


@lru_cache(maxsize=4096)
def check_document(path: str) -> str:
    """Refuse a relative path that is not a document's."""
    segments = path.split("/")
    if len(segments) % 2 or not path:
        raise invalid(f"a document has an even number of segments: {path!r}")
    if len(path.encode()) > NAME_BYTES_MAX:
        raise invalid(f"the name of a document is longer than {NAME_BYTES_MAX} bytes")
    if len(segments) // 2 > COLLECTION_DEPTH_MAX:
        raise invalid(f"collections are nested deeper than {COLLECTION_DEPTH_MAX}")
    for segment in segments:
        check_id(segment)
    return path


def check_id(segment: str) -> None:
    """The rules for ids of collections and documents."""
    if not segment:
        raise invalid("an id of a collection or document is empty")
    if segment in (".", "..") or "/" in segment:
        raise invalid(f"not an id: {segment!r}")
    if len(segment) > 3 and segment.startswith("__") and segment.endswith("__"):
        raise invalid(f"the id {segment!r} is reserved")
    if len(segment.encode()) > ID_BYTES_MAX:
        raise invalid(f"an id is longer than {ID_BYTES_MAX} bytes")


def check_parent(path: str) -> str:
    """Refuse a relative path that is neither a document's nor the database itself."""
    return check_document(path) if path else path


@lru_cache(maxsize=4096)
def parse_field(text: str) -> Path:
    """The segments of a field path as it is written in masks, filters and orders."""
    segments, at = [], 0
    while True:
        found = _SEGMENT.match(text, at)
        if not found:
            raise invalid(f"not a field path: {text!r}")
        segments.append(_unquote(found.group()))
        at = found.end()
        if at == len(text):
            break
        if text[at] != ".":
            raise invalid(f"not a field path: {text!r}")
        at += 1
    path = tuple(segments)
    if path != NAME:
        for segment in path:
            check_field_name(segment)
    return path


def _unquote(segment: str) -> str:
    return re.sub(r"\\(.)", r"\1", segment[1:-1], flags=re.S) if segment[0] == "`" else segment


@lru_cache(maxsize=4096)
def check_field_name(name: str) -> str:
    if not name:
        raise invalid("the name of a field is empty")
    if len(name) > 3 and name.startswith("__") and name.endswith("__"):
        raise invalid(f"the field name {name!r} is reserved")
    if len(name.encode()) > FIELD_NAME_BYTES_MAX:
        raise invalid(f"the name of a field is longer than {FIELD_NAME_BYTES_MAX} bytes")
    return name


def write_field(path: Path) -> str:
    """The text of a field path, quoted where it must be."""
    return ".".join(s if re.fullmatch(r"[A-Za-z_][A-Za-z_0-9]*", s) else _quote(s) for s in path)


def _quote(segment: str) -> str:
    escaped = segment.replace("\\", "\\\\").replace("`", "\\`")
    return f"`{escaped}`"
