"""KernelCI handlers of nodes: writing, reading, listing and counting (kernelci.md 2.4 and 3)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from lib.dialects.kernelci.codec import (
    Wire,
    decode_hierarchy,
    decode_node,
    encode_created,
    encode_doc,
    encode_node,
    encode_page,
)
from lib.dialects.kernelci.codec_query import (
    FLAG,
    LIMIT,
    LIMIT_DEFAULT,
    NODE_FIELDS,
    OFFSET,
    accepted,
    decode_count,
    decode_filters,
    decode_param,
)
from lib.dialects.wire import Access, Headers, Reply, Request, Route, decode_json, reply_json
from lib.domain.hub import Hub
from lib.domain.query import Filter, Query
from lib.errors import Invalid, NotFound, TooCostly
from lib.ids import is_node_id
from schemas.kernelci import HierarchyIn, NodeEdit, NodeIn, NodeOut, NodePage

FAST_NODES_DEFAULT = 1000
"""Nodes of an unfiltered fast read that names no limit: the newest ones, oldest of them first as everywhere.

Upstream answers the whole collection; kci-dev's watch asks for it when a node has no treeid, and compares one reply
with the next for equality, which a window over an order that never changes keeps meaningful.
"""
FAST_NODES_MAX = 100_000
"""Most nodes of one fast read. More is refused, never cut."""
FAST_CHUNK_NODES = 1000

_PAGE_KEYS = ("limit", "offset")
_FILTERS = ("<field>", "<field>__<operator>")


def submit(request: Request, hub: Hub) -> Reply:
    """POST /node"""
    id, draft = decode_node(decode_json(request))
    if id is not None:
        raise Invalid("id", "a new node is given its id, it cannot bring one")
    return reply_json(encode_created(hub.nodes.submit(request.caller, draft, request.now)))


def read(request: Request, hub: Hub) -> Reply:
    """GET /node/{id}: null for a node that is not there (kernelci.md 2.4)."""
    doc = hub.nodes.load(decode_node_id(request))
    return reply_json(None if doc is None else encode_doc(doc.body))


def edit(request: Request, hub: Hub) -> Reply:
    """PUT /node/{id}"""
    id, body = decode_node_id(request), decode_json(request)
    quiet = decode_param(request.query, "noevent", FLAG, False)
    _, draft = decode_node(body, NodeEdit, _stored_kind(hub, id, body))
    return reply_json(encode_node(hub.nodes.edit(request.caller, id, draft, request.now, quiet=quiet)))


def edit_tree(request: Request, hub: Hub) -> Reply:
    """PUT /nodes/{id}"""
    id, body = decode_node_id(request), decode_json(request)
    root = body.get("node") if isinstance(body, dict) else None
    tree = decode_hierarchy(body, _stored_kind(hub, id, root))
    nodes = hub.nodes.replace_tree(request.caller, id, tree, request.now)
    return reply_json([encode_node(node) for node in nodes])


def find(request: Request, hub: Hub) -> Reply:
    """GET /nodes"""
    pairs = request.query
    limit = decode_param(pairs, "limit", LIMIT, LIMIT_DEFAULT)
    offset = decode_param(pairs, "offset", OFFSET, 0)
    filters = decode_filters(pairs, NODE_FIELDS, _PAGE_KEYS)
    docs = hub.nodes.find(Query(filters, limit, offset))
    # A page that is not full tells the total by itself, unless the offset is past the end.
    known = len(docs) < limit and (docs or not offset)
    total = offset + len(docs) if known else hub.nodes.count(filters)
    return reply_json(encode_page([encode_doc(d.body) for d in docs], total, limit, offset))


def find_fast(request: Request, hub: Hub) -> Reply:
    """GET /nodes/fast"""
    pairs = dict(request.query)
    limit = decode_count("limit", pairs.pop("limit", "0"))
    offset = decode_count("offset", pairs.pop("offset", "0"))
    if limit > FAST_NODES_MAX:
        raise Invalid("limit", f"at most {FAST_NODES_MAX}")
    filters = decode_filters(pairs.items(), NODE_FIELDS)
    if filters or limit:
        return _reply_array(_chunks(hub, filters, limit, offset))
    note = (("x-nodes-window", f"{FAST_NODES_DEFAULT} nodes; name a filter, or a limit and an offset, for others"),)
    if offset:
        return _reply_array(_chunks(hub, (), FAST_NODES_DEFAULT, offset), note)
    return _reply_array([[encode_doc(d.body) for d in hub.nodes.newest(FAST_NODES_DEFAULT)]], note)


def count(request: Request, hub: Hub) -> Reply:
    """GET /count"""
    return reply_json(hub.nodes.count(decode_filters(request.query, NODE_FIELDS, accepted("GET /count"))))


def decode_node_id(request: Request) -> str:
    """The node id of the path; raises Invalid (400) for one that cannot be."""
    id = request.params["id"].lower()
    if not is_node_id(id):
        raise Invalid("node_id", "not an id of 24 hex digits")
    return id


def _stored_kind(hub: Hub, id: str, body: Any) -> str | None:
    """The kind of the stored node for a body that omits it, so that its data can be checked."""
    if not isinstance(body, dict) or "kind" in body:
        return None
    node = hub.nodes.get(id)
    if node is None:
        raise NotFound("node", id)
    return node.kind


def _chunks(hub: Hub, filters: tuple[Filter, ...], limit: int, offset: int) -> Iterator[list[Wire]]:
    """The matching nodes in chunks, so that only their wire form is ever held whole. `limit` 0 means all."""
    left = limit or FAST_NODES_MAX
    while left:
        size = min(left, FAST_CHUNK_NODES)
        docs = hub.nodes.find(Query(filters, size, offset))
        yield [encode_doc(d.body) for d in docs]
        if len(docs) < size:
            return
        left, offset = left - size, offset + size
    if not limit and hub.nodes.find(Query(filters, 1, offset)):
        raise TooCostly(f"more than {FAST_NODES_MAX} nodes match: add a filter, or read them by limit and offset")


def _reply_array(chunks: Iterable[list[Wire]], headers: Headers = ()) -> Reply:
    body = b",".join(orjson.dumps(chunk)[1:-1] for chunk in chunks if chunk)
    return Reply(200, b"[%b]" % body, (("content-type", "application/json"), *headers))


ROUTES = (
    Route("POST", "/node", submit, "node", Access.USER, takes=NodeIn, gives=NodeOut, summary="Create a node"),
    Route("GET", "/node/{id}", read, "node", quick=True, gives=NodeOut | None, summary="Read a node, null for none"),
    Route(
        "PUT", "/node/{id}", edit, "node", Access.USER, takes=NodeEdit, gives=NodeOut, params=("noevent",),
        summary="Replace a node",
    ),
    Route(
        "PUT", "/nodes/{id}", edit_tree, "node", Access.USER, takes=HierarchyIn, gives=list[NodeOut],
        summary="Replace a node and create or replace its descendants, all or none",
    ),
    Route("GET", "/nodes", find, "query", gives=NodePage, params=(*_PAGE_KEYS, *_FILTERS), summary="Find nodes"),
    Route(
        "GET", "/nodes/fast", find_fast, "query", gives=list[NodeOut], params=(*_PAGE_KEYS, *_FILTERS),
        summary="Find nodes without a total",
    ),
    Route("GET", "/count", count, "query", gives=int, params=_FILTERS, summary="Count nodes"),
)  # fmt: skip
