"""KernelCI handlers of trees: writing a hierarchy (kernelci.md 2.4), reading a subtree whole (11.12)."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from typing import TYPE_CHECKING, Any

import orjson

from lib.dialects.kernelci.codec import Wire, decode_hierarchy, encode_doc
from lib.dialects.kernelci.codec_page import View, decode_view
from lib.dialects.kernelci.codec_query import FLAG
from lib.dialects.kernelci.condition import decode_if_match, decode_once, encode_etag, reply_again
from lib.dialects.kernelci.nodes import decode_node_id, editing, stored_kind
from lib.dialects.params import Params
from lib.dialects.wire import Access, Headers, Reply, Request, Route, decode_json, reply_json
from lib.domain.event.ledger import Done
from lib.domain.hub import Hub
from lib.domain.node.node import RESULTS, STATES
from lib.domain.query.query import Filter
from lib.errors import NotFound
from schemas.kernelci.body import HierarchyIn, NodeOut, TreeRead

if TYPE_CHECKING:
    from lib.store.port import Doc

CHUNK_NODES = 200
"""Nodes of a tree that are written out at a time."""


def edit_tree(request: Request, hub: Hub) -> Reply:
    """PUT /nodes/{id}

    `If-Match` speaks of the root, and so does the entity tag of the reply.

    Of a request with an Idempotency-Key the ids are kept, for the whole reply may be larger than a record: a
    repetition shows the same nodes as they are now.
    """
    id, body = decode_node_id(request), decode_json(request)
    root = body.get("node") if isinstance(body, dict) else None
    with editing(hub, id):
        tree = decode_hierarchy(body, stored_kind(hub, id, root))
    once = decode_once(request, f"/nodes/{id}", _encode_ids)
    try:
        with editing(hub, id):
            docs = hub.nodes.replace_tree(request.caller, id, tree, request.now, once, decode_if_match(request))
    except Done as done:
        docs = hub.nodes.load_many(orjson.loads(done.reply))
        return reply_again(done, orjson.dumps([encode_doc(doc.body) for doc in docs]), _etag(docs))
    return reply_json([encode_doc(doc.body) for doc in docs], headers=_etag(docs))


def _etag(docs: list[Doc]) -> Headers:
    """The revision of the root, which comes first."""
    return encode_etag(docs[0].rev) if docs else ()


def _encode_ids(docs: list[Doc]) -> str:
    return orjson.dumps([doc.key for doc in docs]).decode()


def read_tree(request: Request, hub: Hub) -> Reply:
    """GET /tree/{id}"""
    id = decode_node_id(request)
    params = Params(request)
    view = decode_view({key: value for key, value in params.given.items() if key == "fields"})
    if params.value("counts", FLAG, False):
        return reply_json({"root": id, "counts": _count_tree(hub, id)})
    # Refuses before the first byte is sent.
    docs = hub.nodes.subtree(id)
    return Reply(200, _stream(id, docs, view), (("content-type", "application/json"),))


def _stream(id: str, docs: Iterator[Doc], view: View) -> Iterator[bytes]:
    """The tree as JSON, its counts behind the items that they count."""
    tally: Counter[tuple[str, str | None]] = Counter()
    yield b'{"root":"%b","items":[' % id.encode()
    comma = b""
    while chunk := list(islice(docs, CHUNK_NODES)):
        tally.update(_traits(chunk))
        yield comma + orjson.dumps([view.show(doc) for doc in chunk])[1:-1]
        comma = b","
    yield b'],"counts":%b}' % orjson.dumps(_encode_counts(tally))


def _count_tree(hub: Hub, id: str) -> Wire:
    """The counts of a tree from the indexes, without reading its nodes."""
    root = hub.nodes.load(id)
    if root is None:
        raise NotFound("node", id)
    below = Filter("ancestors", "eq", id)
    tally: Counter[tuple[str, str | None]] = Counter(_traits([root]))
    for field, values in _TRAITS.items():
        for value in values:
            tally[field, value] += hub.nodes.count((below, Filter(field, "eq", value)))
    return _encode_counts(tally)


_TRAITS: Mapping[str, tuple[str | None, ...]] = {"state": STATES, "result": (*RESULTS, None)}


def _traits(docs: Iterable[Doc]) -> Iterator[tuple[str, str | None]]:
    return ((field, doc.body[field]) for doc in docs for field in _TRAITS)


def _encode_counts(tally: Mapping[Any, int]) -> Wire:
    by_trait = {
        field: {"null" if value is None else value: tally[field, value] for value in values}
        for field, values in _TRAITS.items()
    }
    return {"total": sum(by_trait["state"].values()), **by_trait}


ROUTES = (
    Route(
        "PUT", "/nodes/{id}", edit_tree, "node", Access.USER, takes=HierarchyIn, gives=list[NodeOut],
        summary="Replace a node and create or replace its descendants, all or none",
    ),
    Route(
        "GET", "/tree/{id}", read_tree, "query", gives=TreeRead, params=("counts", "fields"),
        summary="Read a node and all its descendants, and count them",
    ),
)  # fmt: skip
