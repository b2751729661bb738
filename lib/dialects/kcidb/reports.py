"""KCIDB handlers of reports: one by its id, many by theirs, each with its relatives (kcidb.md 4.1, 2.5)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from lib.dialects.kcidb.codec_report import (
    Form,
    Lists,
    encode_conflicts,
    encode_document,
    encode_lists,
    encode_received,
    encode_view,
    lists_of,
    reply_pieces,
)
from lib.dialects.kcidb.provenance import encode_provenance
from lib.dialects.params import Params
from lib.dialects.wire import Reply, Request, Route, decode_body
from lib.domain.hub import Hub
from lib.domain.report.family import Bodies
from lib.domain.report.report import KINDS, SINGULAR, Key, key_of
from lib.errors import Invalid, NoRoute, NotFound
from schemas.kcidb.query import IDS_MAX, VERSION_MAX, DocumentOut, QueryIn, ReportOut

if TYPE_CHECKING:
    from lib.store.port import Body

READ = ("version", "parents", "children", "limit", "cursor", "provenance", "misc", "metadata")
QUERY = ("metadata", "misc")
QUERY_BYTES_MAX = 4 * 1024 * 1024
PAGE_DEFAULT = 100
PAGE_MAX = 1000
"""Children on one page."""
NEWEST_MAX = 100
"""Issues of one query that name no version: each is looked for by itself."""


class ReportRelatives(NamedTuple):
    """What is told beside a report; `next` is where the next page of its children begins."""

    parents: Lists | None
    children: Lists | None
    next: str | None = None
    is_page: bool = False

    @property
    def objects(self) -> int:
        return sum(len(bodies) for lists in (self.parents, self.children) if lists for bodies in lists.values())


def read(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/{kind}/{id}"""
    kind, id = request.params["kind"], request.params["id"]
    params = Params(request, READ)
    key, body = _find(hub, kind, id, params.number("version", 0, VERSION_MAX))
    kin, form = _kin(hub, key, body, params), decode_form(params)
    told: dict[str, Any] = {
        "object": hub.archive.whole([encode_view(kind, body, form)])[0],
        "conflicts": encode_conflicts(kind, body),
        "received": encode_received(body),
    }
    if params.flag("provenance"):
        told["provenance"] = encode_provenance(hub.archive, kind, body)
    if kin.is_page:
        told["next"] = kin.next
    return reply_pieces(_pieces(hub, told, kin, form), kin.objects)


def query(request: Request, hub: Hub) -> Reply:
    """POST /kcidb/query: one document of everything that is there of what was named."""
    form = decode_form(Params(request, QUERY))
    asked = decode_body(request, QueryIn)
    if asked.count > IDS_MAX:
        raise Invalid("", f"at most {IDS_MAX} ids at once")
    found = hub.archive.load_many(_keys(asked)) | _newest(hub, asked)
    if asked.children:
        found |= hub.families.children(found)
    if asked.parents:
        found |= hub.families.parents(found)
    return reply_pieces(encode_document(hub.archive, lists_of(found), form), len(found))


def decode_form(params: Params) -> Form:
    """How objects are to be shown."""
    return Form(params.choice("misc", ("union",)) is not None, params.flag("metadata"))


def _find(hub: Hub, kind: str, id: str, version: int | None) -> tuple[Key, Body]:
    if kind not in KINDS:
        raise NoRoute
    if version is not None and kind != "issues":
        raise Invalid("version", "issues alone have versions")
    is_newest = kind == "issues" and version is None
    body = hub.archive.newest(id) if is_newest else hub.archive.load(Key(kind, id, version))
    if body is None:
        raise NotFound(SINGULAR[kind], id if version is None else f"{id} version {version}")
    return key_of(kind, body["object"]), body


def _kin(hub: Hub, key: Key, body: Body, params: Params) -> ReportRelatives:
    """What `parents` and `children` ask for; `children` is a flag, or the kind of a page."""
    children: Bodies = {}
    kind, after = params.text("children"), None
    is_page, is_whole = kind in KINDS, kind not in KINDS and params.flag("children")
    if is_page:
        limit = params.number("limit", 1, PAGE_MAX) or PAGE_DEFAULT
        children, after = hub.families.page(key, kind, limit, params.text("cursor") or None)
    elif params.text("cursor") or params.text("limit"):
        raise Invalid("children", "limit and cursor are of pages of one kind: children=builds, tests or incidents")
    elif is_whole:
        children = hub.families.children({key: body})
    parents = hub.families.parents({key: body} | children) if params.flag("parents") else None
    below = {kind: [], **lists_of(children)} if is_page else lists_of(children) if is_whole else None
    return ReportRelatives(None if parents is None else lists_of(parents), below, after, is_page)


def _pieces(hub: Hub, told: dict[str, Any], kin: ReportRelatives, form: Form) -> Iterator[bytes]:
    yield orjson.dumps(told)[:-1]
    for name, lists in (("parents", kin.parents), ("children", kin.children)):
        if lists is not None:
            yield b',"%b":{' % name.encode()
            yield from encode_lists(hub.archive, lists, form)
            yield b"}"
    yield b"}"


def _keys(asked: QueryIn) -> list[Key]:
    """The keys that are named outright."""
    named = [Key(kind, id) for kind in KINDS if kind != "issues" for id in getattr(asked, kind)]
    return named + [Key("issues", *issue) for issue in asked.issues if not isinstance(issue, str)]


def _newest(hub: Hub, asked: QueryIn) -> Bodies:
    ids = list(dict.fromkeys(issue for issue in asked.issues if isinstance(issue, str)))
    if len(ids) > NEWEST_MAX:
        raise Invalid("issues", f"at most {NEWEST_MAX} without a version: name them as [id, version]")
    bodies = (hub.archive.newest(id) for id in ids)
    return {key_of("issues", body["object"]): body for body in bodies if body is not None}


ROUTES = (
    Route(
        "GET", "/kcidb/{kind}/{id:path}", read, "kcidb", params=READ, gives=ReportOut,
        summary="Read an object as merged, its conflicts, and its relatives",
    ),
    Route(
        "POST", "/kcidb/query", query, "kcidb", params=QUERY, takes=QueryIn, gives=DocumentOut,
        body_bytes_max=QUERY_BYTES_MAX,
        summary="Read many objects and their relatives as one document",
    ),
)  # fmt: skip
