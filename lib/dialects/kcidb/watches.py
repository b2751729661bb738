"""KCIDB handlers of watches: be told when an object is ready for a purpose (kcidb.md 4.4)."""

from __future__ import annotations

from lib.dialects.kcidb.codec_ready import decode_watch, encode_watch
from lib.dialects.wire import Access, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from schemas.kcidb.ready import WatchesOut, WatchIn, WatchOut

WATCH_BYTES_MAX = 64 * 1024


def make(request: Request, hub: Hub) -> Reply:
    """POST /kcidb/watches"""
    watch = hub.watches.make(request.caller, decode_watch(request), request.now)
    return reply_json(encode_watch(watch, request.caller), 201)


def list_all(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/watches"""
    caller = request.caller
    return reply_json({"watches": [encode_watch(watch, caller) for watch in hub.watches.find(caller)]})


def show(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/watches/{id}"""
    watch = hub.watches.get(request.caller, request.params["id"])
    return reply_json(encode_watch(watch, request.caller, hub.watches.state(watch)))


def drop(request: Request, hub: Hub) -> Reply:
    """DELETE /kcidb/watches/{id}"""
    hub.watches.drop(request.caller, request.params["id"])
    return Reply(204)


ROUTES = (
    Route(
        "POST", "/kcidb/watches", make, "kcidb", Access.USER, takes=WatchIn, gives=WatchOut,
        body_bytes_max=WATCH_BYTES_MAX, summary="Be told when objects are ready for a purpose",
    ),
    Route("GET", "/kcidb/watches", list_all, "kcidb", Access.USER, gives=WatchesOut, summary="One's own watches"),
    Route(
        "GET", "/kcidb/watches/{id}", show, "kcidb", Access.USER, gives=WatchOut,
        summary="A watch, and how its deliveries fare",
    ),
    Route("DELETE", "/kcidb/watches/{id}", drop, "kcidb", Access.USER, gives=None, summary="End a watch"),
)  # fmt: skip
