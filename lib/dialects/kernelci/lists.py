"""KernelCI handlers of lists of nodes: finding and counting (kernelci.md 2.4 and 3)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import orjson

from lib.dialects.kernelci.codec import encode_page
from lib.dialects.kernelci.codec_page import PAGE_KEYS, View, decode_view
from lib.dialects.kernelci.codec_query import (
    FLAG,
    LIMIT,
    LIMIT_DEFAULT,
    NODE_FIELDS,
    OFFSET,
    accepted,
    decode_count,
    decode_filters,
)
from lib.dialects.params import Params
from lib.dialects.wire import Headers, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.query.query import Filter, Query
from lib.domain.query.search import ResultPage
from lib.errors import Invalid, TooCostly
from schemas.kernelci.body import NodeOut, NodePage

FAST_NODES_DEFAULT = 1000
"""Nodes of an unfiltered fast read that names no limit: the newest ones, oldest of them first as everywhere.

Upstream answers the whole collection; kci-dev's watch asks for it when a node has no treeid, and compares one reply
with the next for equality, which a window over an order that never changes keeps meaningful.
"""
FAST_NODES_MAX = 100_000
"""Most nodes of one fast read. More is refused, never cut."""
FAST_CHUNK_NODES = 1000

REPORTS_KEY = "kcidb"
"""With it, lists show reports of KCIDB as nodes (kcidb.md 5.3)."""
_FILTERS = ("<field>", "<field>__<operator>")


def find(request: Request, hub: Hub) -> Reply:
    """GET /nodes"""
    params = Params(request)
    limit, offset = params.value("limit", LIMIT, LIMIT_DEFAULT), params.value("offset", OFFSET, 0)
    view = decode_view(params.given, offset)
    filters = decode_filters(params.given, NODE_FIELDS, (*PAGE_KEYS, REPORTS_KEY))
    source = _source(hub, params, view)
    docs, after = source.page(Query(filters, limit, offset, view.after))
    # A page that is not full tells the total by itself, unless it begins somewhere in the middle.
    known = view.after is None and len(docs) < limit and (docs or not offset)
    total = offset + len(docs) if known else source.count(filters)
    page = encode_page([view.show(d) for d in docs], total, limit, offset)
    if view.is_asked or source.is_reports:
        page["next"] = after
    return reply_json(page)


class _Source(NamedTuple):
    """What is listed: nodes, in the order of a view, or reports shown as nodes."""

    page: Callable[[Query], ResultPage]
    count: Callable[[tuple[Filter, ...]], int]
    is_reports: bool


def _source(hub: Hub, params: Params, view: View) -> _Source:
    if not params.value(REPORTS_KEY, FLAG, False):
        return _Source(lambda query: hub.nodes.page(query, view.order), hub.nodes.count, False)
    if view.order != "received_at":
        raise Invalid("sort", "reports of KCIDB are listed kind by kind, by their ids")
    return _Source(hub.views.page, hub.views.count, True)


class _Part(NamedTuple):
    """What a fast read is to give: `limit` 0 means all."""

    filters: tuple[Filter, ...]
    limit: int
    offset: int
    view: View


def find_fast(request: Request, hub: Hub) -> Reply:
    """GET /nodes/fast: an array; where it goes on, if its limit ended it, is told by the header `x-next`."""
    params = Params(request)
    given = params.given
    limit = decode_count("limit", given.get("limit", "0"))
    offset = decode_count("offset", given.get("offset", "0"))
    if limit > FAST_NODES_MAX:
        raise Invalid("limit", f"at most {FAST_NODES_MAX}")
    view = decode_view(given, offset)
    filters = decode_filters(given, NODE_FIELDS, (*PAGE_KEYS, REPORTS_KEY))
    source = _source(hub, params, view)
    if filters or limit:
        return _reply_array(*_read(source, _Part(filters, limit, offset, view)))
    note = (("x-nodes-window", f"{FAST_NODES_DEFAULT} nodes; name a filter, or a limit and an offset, for others"),)
    if offset or "after" in given or "sort" in given or source.is_reports:
        return _reply_array(*_read(source, _Part((), FAST_NODES_DEFAULT, offset, view)), note)
    newest = [view.show(d) for d in hub.nodes.newest(FAST_NODES_DEFAULT)]
    return _reply_array([orjson.dumps(newest)[1:-1]], None, note)


def count(request: Request, hub: Hub) -> Reply:
    """GET /count"""
    params = Params(request)
    is_reports = params.value(REPORTS_KEY, FLAG, False)
    filters = decode_filters(params.given, NODE_FIELDS, (*accepted("GET /count"), REPORTS_KEY))
    return reply_json(hub.views.count(filters) if is_reports else hub.nodes.count(filters))


def _read(source: _Source, part: _Part) -> tuple[list[bytes], str | None]:
    """The nodes of a part as JSON, chunk by chunk, so that only their wire form is ever held whole; and the cursor
    behind them, None when they are the last."""
    view, left = part.view, part.limit or FAST_NODES_MAX
    chunks: list[bytes] = []
    after, offset = view.after, part.offset
    while left:
        size = min(left, FAST_CHUNK_NODES)
        docs, after = source.page(Query(part.filters, size, offset, after))
        chunks.append(orjson.dumps([view.show(d) for d in docs])[1:-1])
        if after is None:
            return chunks, None
        left, offset = left - size, 0
    if not part.limit and source.page(Query(part.filters, 1, 0, after)).docs:
        raise TooCostly(f"more than {FAST_NODES_MAX} nodes match: add a filter, or read them by limit and after")
    return chunks, after if part.limit else None


def _reply_array(chunks: list[bytes], after: str | None, headers: Headers = ()) -> Reply:
    body = b"[%b]" % b",".join(chunk for chunk in chunks if chunk)
    more = () if after is None else (("x-next", after),)
    return Reply(200, body, (("content-type", "application/json"), *headers, *more))


ROUTES = (
    Route(
        "GET", "/nodes", find, "query", gives=NodePage, params=(*PAGE_KEYS, REPORTS_KEY, *_FILTERS),
        summary="Find nodes, or reports of KCIDB shown as nodes",
    ),
    Route(
        "GET", "/nodes/fast", find_fast, "query", gives=list[NodeOut], params=(*PAGE_KEYS, REPORTS_KEY, *_FILTERS),
        summary="Find nodes without a total",
    ),
    Route("GET", "/count", count, "query", gives=int, params=(REPORTS_KEY, *_FILTERS), summary="Count nodes"),
)  # fmt: skip
