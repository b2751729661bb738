"""KernelCI codec of pages: where a list goes on, in which order, and which fields it shows.

None of it is upstream's (kernelci.md 11.5 and 11.11): `after`, `sort` and `fields` are names no node field has.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from lib.dialects.kernelci.codec import Wire, encode_doc, encode_stored
from lib.dialects.kernelci.codec_query import NODE_FIELDS, WireType, find_field
from lib.errors import Invalid

if TYPE_CHECKING:
    from lib.store.port import Doc

PAGE_KEYS = ("limit", "offset", "after", "sort", "fields")
VIEW_KEYS = ("after", "sort", "fields")
SORTS: Mapping[str, str] = {"created": "received_at", "-created": "-received_at"}
"""`sort` → the order of the store. Nodes are ordered by when the hub received them, which never changes, not by the
`created` that a client may set: so a page never shifts."""
CURSOR_CHARS_MAX = 400
FIELDS_MAX = 50

_CURSOR = re.compile(r"[A-Za-z0-9_-]*\Z", re.ASCII)
Path = tuple[str, ...]


class View(NamedTuple):
    """How nodes are listed. `after` None: from the start. `fields` None: whole nodes."""

    after: str | None
    order: str
    fields: tuple[Path, ...] | None
    is_asked: bool

    def show(self, doc: Doc) -> Any:
        """A node as this view shows it, for `orjson`."""
        return encode_stored(doc) if self.fields is None else project(encode_doc(doc.body), self.fields)


def decode_view(given: Mapping[str, str], offset: int = 0) -> View:
    """The view a query asks for; an empty `after` is the start. Raises Invalid (400) that names the parameter."""
    after, sort = given.get("after", ""), given.get("sort", "created")
    if len(after) > CURSOR_CHARS_MAX or _CURSOR.match(after) is None:
        raise Invalid("after", "not a cursor of this list")
    if after and offset:
        raise Invalid("offset", "give either offset or after")
    if sort not in SORTS:
        raise Invalid("sort", f"one of {', '.join(SORTS)}")
    is_asked = any(key in given for key in VIEW_KEYS)
    return View(after or None, SORTS[sort], decode_fields(given.get("fields")), is_asked)


def decode_fields(text: str | None) -> tuple[Path, ...] | None:
    """The dotted paths of `fields`; one that stands inside another one is dropped. None: not asked for."""
    if text is None:
        return None
    names = list(dict.fromkeys(name.strip() for name in text.split(",", FIELDS_MAX)))
    if len(names) > FIELDS_MAX or "," in names[-1]:
        raise Invalid("fields", f"at most {FIELDS_MAX}")
    paths = []
    for name in names:
        head = find_field("fields", name.partition(".")[0], NODE_FIELDS)
        if "." in name and head.type not in (WireType.OPEN, WireType.URLS):
            raise Invalid("fields", f"{head.path} has no members")
        paths.append(tuple(find_field("fields", name, NODE_FIELDS).path.split(".")))
    return tuple(p for p in paths if not any(p[: len(q)] == q for q in paths if q != p))


def project(wire: Wire, fields: Iterable[Path]) -> Wire:
    """Only these fields of a node, nested as the node has them; null where it has none."""
    shown: Wire = {}
    for path in fields:
        _copy(wire, path, shown)
    return shown


def _copy(source: Any, path: Path, target: dict[str, Any]) -> None:
    while path:
        members = source if isinstance(source, Mapping) else {}
        # A key may itself hold dots (`artifacts.dtbs/x.dtb`): the longest one that is there is meant.
        taken = next((n for n in range(len(path), 0, -1) if ".".join(path[:n]) in members), 1)
        key, path = ".".join(path[:taken]), path[taken:]
        source = members.get(key)
        if path:
            target = target.setdefault(key, {})
        else:
            target[key] = source
