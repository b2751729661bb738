"""KernelCI handlers of nodes: writing and reading one, flagging many (kernelci.md 2.4)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import orjson

from lib.dialects.kernelci.codec import (
    check_data,
    decode_node,
    decode_node_set,
    decode_patch,
    encode_created,
    encode_node,
    encode_stored,
)
from lib.dialects.kernelci.codec_query import FLAG
from lib.dialects.kernelci.condition import decode_if_match, decode_once, encode_etag, is_known, reply_again
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, decode_body, decode_json, reply_json
from lib.domain.event.ledger import Done
from lib.domain.hub import Hub
from lib.domain.node.node import Draft, Node
from lib.errors import Forbidden, Invalid, NotFound
from lib.ids import is_node_id
from schemas.kernelci.body import NodeEdit, NodeIn, NodeOut, NodePatch, NodeSetIn


def submit(request: Request, hub: Hub) -> Reply:
    """POST /node"""
    id, draft = decode_node(decode_json(request))
    if id is not None:
        raise Invalid("id", "a new node is given its id, it cannot bring one")
    once = decode_once(request, "/node", lambda node: orjson.dumps(encode_created(node)).decode())
    try:
        node = hub.nodes.submit(request.caller, draft, request.now, once)
    except Done as done:
        return reply_again(done, headers=encode_etag(1))
    return reply_json(encode_created(node), headers=encode_etag(node.rev))


def read(request: Request, hub: Hub) -> Reply:
    """GET /node/{id}: null for a node that is not there (kernelci.md 2.4). A report of KCIDB is shown as one."""
    id = decode_node_id(request)
    doc = hub.nodes.load(id)
    if doc is None:
        # What it shows is more than one record, so no revision tells whether it is still the same.
        view = hub.views.load(id)
        return reply_json(None if view is None else encode_stored(view))
    etag = encode_etag(doc.rev)
    return Reply(304, headers=etag) if is_known(request, doc.rev) else reply_json(encode_stored(doc), headers=etag)


def edit(request: Request, hub: Hub) -> Reply:
    """PUT /node/{id}"""
    id, body = decode_node_id(request), decode_json(request)
    quiet = Params(request).value("noevent", FLAG, False)
    with editing(hub, id):
        _, draft = decode_node(body, NodeEdit, stored_kind(hub, id, body))
        node = hub.nodes.edit(request.caller, id, draft, request.now, quiet=quiet, expect=decode_if_match(request))
    return reply_json(encode_node(node), headers=encode_etag(node.rev))


def patch(request: Request, hub: Hub) -> Reply:
    """PATCH /node/{id}: objects are replaced, or merged with `merge=1`."""
    id = decode_node_id(request)
    params = Params(request)
    quiet, merge = params.value("noevent", FLAG, False), params.value("merge", FLAG, False)
    changes = decode_patch(decode_json(request), merge=merge)
    with editing(hub, id):
        node = hub.nodes.patch(
            request.caller, id, changes, request.now,
            check=_check_of(changes), merge=merge, quiet=quiet, expect=decode_if_match(request),
        )  # fmt: skip
    return reply_json(encode_node(node), headers=encode_etag(node.rev))


def _check_of(changes: Draft) -> Callable[[Node], None]:
    """What must hold after these changes; data that they do not touch is none of their business."""

    def check(node: Node) -> None:
        if "data" in changes:
            check_data(node.kind, node.data)

    return check


def flag(request: Request, hub: Hub) -> Reply:
    """PUT /batch/nodeset: how many nodes were flagged; those the caller may not edit are passed over."""
    ids, value = decode_node_set(decode_body(request, NodeSetIn))
    return reply_json(hub.nodes.flag(request.caller, ids, value, request.now))


def decode_node_id(request: Request) -> str:
    """The node id of the path; raises Invalid (400) for one that cannot be."""
    id = request.params["id"].lower()
    if not is_node_id(id):
        raise Invalid("node_id", "not an id of 24 hex digits")
    return id


@contextmanager
def editing(hub: Hub, id: str) -> Iterator[None]:
    """Around an edit: what cannot be found may be a report of KCIDB, which is only shown as a node. Raises Forbidden
    for one."""
    try:
        yield
    except NotFound as error:
        if error.key == id and hub.views.load(id) is not None:
            raise Forbidden(
                f"{id} is a report of KCIDB shown as a node, and read-only: submit to it instead"
            ) from error
        raise


def stored_kind(hub: Hub, id: str, body: Any) -> str | None:
    """The kind of the stored node for a body that omits it, so that its data can be checked."""
    if not isinstance(body, dict) or "kind" in body:
        return None
    node = hub.nodes.get(id)
    if node is None:
        raise NotFound("node", id)
    return node.kind


ROUTES = (
    Route(
        "POST", "/node", submit, "node", Access.USER, brief=True, takes=NodeIn, gives=NodeOut,
        summary="Create a node",
    ),
    Route("GET", "/node/{id}", read, "node", quick=True, gives=NodeOut | None, summary="Read a node, null for none"),
    Route(
        "PUT", "/node/{id}", edit, "node", Access.USER, brief=True, takes=NodeEdit, gives=NodeOut, params=("noevent",),
        summary="Replace a node",
    ),
    Route(
        "PATCH", "/node/{id}", patch, "node", Access.USER, brief=True, takes=NodePatch, gives=NodeOut,
        params=("noevent", "merge"), summary="Change some fields of a node",
    ),
    Route(
        "PUT", "/batch/nodeset", flag, "node", Access.USER, takes=NodeSetIn, gives=int,
        summary="Set a flag on many nodes",
    ),
)  # fmt: skip
