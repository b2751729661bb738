"""KernelCI handlers of the key-value store (kernelci.md 2.6)."""

from __future__ import annotations

from lib.dialects.wire import Access, Reply, Request, Route, decode_json, problem, reply_json
from lib.domain.hub import Hub
from lib.domain.service.kv import VALUE_BYTES_MAX
from lib.errors import Malformed

BODY_BYTES_MAX = 6 * VALUE_BYTES_MAX + 64
"""A value whose every byte is written as `\\u00xx`."""


def read(request: Request, hub: Hub) -> Reply:
    """GET /kv/{namespace}/{key}: null for a key that is not there."""
    return reply_json(hub.key_values.get(request.caller, *_place(request)))


def write(request: Request, hub: Hub) -> Reply:
    """POST /kv/{namespace}/{key}: an empty text, null or no body removes it."""
    hub.key_values.put(request.caller, *_place(request), decode_value(request), request.now)
    return reply_json("OK")


def delete(request: Request, hub: Hub) -> Reply:
    """DELETE /kv/{namespace}/{key}: the same answer whether it was there or not."""
    namespace, key = _place(request)
    hub.key_values.drop(request.caller, namespace, key, request.now)
    return reply_json(f"Key {key} of namespace {namespace} deleted")


def decode_value(request: Request) -> str:
    """The text of a body; raises Malformed (422) for any other JSON."""
    value = decode_json(request) if request.body.strip() else None
    if value is not None and not isinstance(value, str):
        raise Malformed([problem("string_type", ["body"], "Input should be a valid string", value)])
    return value or ""


def _place(request: Request) -> tuple[str, str]:
    return request.params["namespace"], request.params["key"]


_PATH = "/kv/{namespace}/{key}"

ROUTES = (
    Route("GET", _PATH, read, "pubsub", Access.USER, gives=str | None, summary="Read a value, null for none"),
    Route(
        "POST", _PATH, write, "pubsub", Access.USER, brief=True, takes=str | None, gives=str,
        body_bytes_max=BODY_BYTES_MAX, summary="Keep a text under a key; an empty one removes it",
    ),
    Route("DELETE", _PATH, delete, "pubsub", Access.USER, brief=True, gives=str, summary="Remove a value"),
)  # fmt: skip
