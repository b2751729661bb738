"""KCIDB reports on the wire: objects of schema 5.3, lists and documents of them, conflicts, provenance.

Lists are encoded piece by piece, and log excerpts are read for each piece, so that a long answer is never held whole.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lib.dialects.kcidb.codec import VERSION
from lib.dialects.wire import Headers, Reply
from lib.domain.report.archive import Archive
from lib.domain.report.family import Bodies
from lib.domain.report.report import KINDS, Fields
from lib.domain.report.view import Cut, FieldConflict, conflicts, union_misc

if TYPE_CHECKING:
    from lib.store.port import Body

OBJECTS_AT_ONCE = 200
"""Objects of one piece, whose excerpts are read together."""

JSON: Headers = (("content-type", "application/json"),)
Lists = Mapping[str, "list[Body]"]


class Form(NamedTuple):
    """How objects are shown: with every `misc` the union of all that were told, with the time of the last change, with
    their members in the order of their names."""

    unites_misc: bool = False
    has_metadata: bool = False
    is_sorted: bool = False


AS_MERGED = Form()


def encode_view(kind: str, body: Body, form: Form = AS_MERGED) -> Fields:
    """The object of a report; a long excerpt is left to `Archive.whole`."""
    view: Fields = union_misc(kind, body) if form.unites_misc else body["object"]
    return {**view, "_timestamp": encode_time(body["changed_at"])} if form.has_metadata else view


def encode_time(stamp: str) -> str:
    """A canonical text as KCIDB's dumps write it: `+00:00`, not `Z`."""
    return f"{stamp[:-1]}+00:00"


def encode_key(kind: str, body: Body) -> dict[str, Any]:
    """What tells a report from all others."""
    view = body["object"]
    return {"kind": kind, "id": view["id"], **({"version": view["version"]} if kind == "issues" else {})}


def encode_conflicts(kind: str, body: Body) -> list[dict[str, Any]]:
    """The fields of a report that were told several values (kcidb.md 2.5)."""
    return [encode_conflict(conflict) for conflict in conflicts(kind, body)]


def encode_conflict(conflict: FieldConflict) -> dict[str, Any]:
    """One of them. A value too long to be kept is told by its digest and its beginning."""
    losers = [loser._asdict() if isinstance(loser, Cut) else loser for loser in conflict.losers]
    return {**conflict._asdict(), "losers": losers}


def encode_received(body: Body) -> dict[str, str]:
    """When a report was first and last told of."""
    return {"first": body["first_received"], "last": body["last_received"]}


def lists_of(bodies: Bodies) -> dict[str, list[Body]]:
    """Reports by kind, parents first; kinds without any are left out."""
    found: dict[str, list[Body]] = {kind: [] for kind in KINDS}
    for key, body in bodies.items():
        found[key.kind].append(body)
    return {kind: some for kind, some in found.items() if some}


def encode_lists(archive: Archive, lists: Lists, form: Form = AS_MERGED) -> Iterator[bytes]:
    """The members `"checkouts":[…],"builds":[…]` of a JSON object, without its braces."""
    comma, option = b"", orjson.OPT_SORT_KEYS if form.is_sorted else 0
    for kind, bodies in lists.items():
        yield b'%b"%b":[' % (comma, kind.encode())
        for at in range(0, len(bodies), OBJECTS_AT_ONCE):
            views = [encode_view(kind, body, form) for body in bodies[at : at + OBJECTS_AT_ONCE]]
            yield (b"," if at else b"") + orjson.dumps(archive.whole(views), option=option)[1:-1]
        yield b"]"
        comma = b","


def encode_document(archive: Archive, lists: Lists, form: Form = AS_MERGED) -> Iterator[bytes]:
    """A document of schema 5.3 that holds these reports."""
    yield b'{"version":' + orjson.dumps(VERSION)
    for at, piece in enumerate(encode_lists(archive, lists, form)):
        yield piece if at else b"," + piece
    yield b"}"


def reply_pieces(pieces: Iterable[bytes], objects: int) -> Reply:
    """JSON made of pieces: a long one is streamed, a short one has a length."""
    return Reply(200, pieces if objects > OBJECTS_AT_ONCE else b"".join(pieces), JSON)
