"""KCIDB handlers of exports: everything that changed in some span of time, and how much there is (kcidb.md 4.1).

An export is a stream of documents; or one document a request, with the cursor to go on from, for whoever must be able
to. The cursor cannot stand in the stream, which holds KCIDB's documents and nothing else. With `canonical` the same
reports make the same bytes, whenever and in whichever order they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import chain

import orjson

from lib.clock import stamp
from lib.dialects.kcidb.codec import VERSION
from lib.dialects.kcidb.codec_report import Form, encode_document, reply_pieces
from lib.dialects.params import Params
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.report.archive import Archive
from lib.domain.report.export import ExportPart, Span
from lib.domain.report.report import KINDS
from lib.errors import Invalid
from schemas.kcidb.query import CountOut, ExportPage

OBJECTS_DEFAULT = 500
OBJECTS_MAX = 1000
"""Objects of one exported document."""
EXPORT = (
    "format", "limit", "cursor", "after", "until", "origin", "kind", "version", "objects_per_document", "metadata",
    "canonical",
)  # fmt: skip
VERSIONS = (f"{VERSION['major']}.{VERSION['minor']}",)
_NDJSON = (("content-type", "application/x-ndjson"),)


def export(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/export"""
    params = Params(request, EXPORT)
    params.choice("version", VERSIONS)
    is_canonical, cursor = params.flag("canonical"), params.text("cursor") or None
    if is_canonical and (clash := [n for n in ("after", "until", "metadata") if params.text(n)]):
        raise Invalid(clash[0], "a canonical export says nothing of times")
    span = replace(decode_span(params), is_by_key=is_canonical)
    form = Form(has_metadata=params.flag("metadata"), is_sorted=is_canonical)
    if params.choice("format", ("stream", "pages")) == "pages":
        part = hub.exports.part(span, params.number("limit", 1, OBJECTS_MAX) or OBJECTS_DEFAULT, cursor)
        return reply_pieces(_page(hub.archive, part, form), len(part.bodies))
    parts = hub.exports.parts(span, params.number("objects_per_document", 1, OBJECTS_MAX) or OBJECTS_DEFAULT, cursor)
    # The first part is read here: what is wrong with the request can still be refused.
    first = [part for part in (next(parts, None),) if part is not None]
    return Reply(200, encode_lines(hub.archive, chain(first, parts), form), _NDJSON)


def count(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/count"""
    origin = Params(request, ("origin",)).text("origin") or None
    return reply_json({kind: hub.exports.count(kind, origin) for kind in KINDS})


def decode_span(params: Params, *, is_conflicted: bool = False) -> Span:
    """What `origin`, `kind`, `after` and `until` choose."""
    kind = params.choice("kind", KINDS)
    after, until = (None if at is None else stamp(at) for at in map(params.instant, ("after", "until")))
    return Span(KINDS if kind is None else (kind,), params.text("origin") or None, after, until, is_conflicted)


def encode_lines(archive: Archive, parts: Iterable[ExportPart], form: Form) -> Iterator[bytes]:
    """A document a line."""
    for part in parts:
        yield from encode_document(archive, {part.kind: part.bodies}, form)
        yield b"\n"


def _page(archive: Archive, part: ExportPart, form: Form) -> Iterator[bytes]:
    yield b'{"document":'
    yield from encode_document(archive, {part.kind: part.bodies} if part.bodies else {}, form)
    yield b',"next":%b}' % orjson.dumps(part.next)


ROUTES = (
    Route(
        "GET", "/kcidb/export", export, "kcidb", params=EXPORT, gives=ExportPage,
        summary="Read every object that changed in a span of time: a stream of documents, or pages of them",
    ),
    Route(
        "GET", "/kcidb/count", count, "kcidb", params=("origin",), gives=CountOut,
        summary="Count the objects of each kind",
    ),
)  # fmt: skip
