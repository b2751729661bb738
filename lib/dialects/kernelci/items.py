"""KernelCI handlers of lists that hand each item to exactly one taker: push and pop (kernelci.md 2.5)."""

from __future__ import annotations

from datetime import datetime

from lib.dialects.kernelci.codec_event import beep
from lib.dialects.wire import Access, Reply, Request, Route, Wait, decode_body, reply_json
from lib.domain.hub import Hub
from lib.domain.service.queue import bell_of
from schemas.kernelci.event import CloudEventRead, PushIn


def push(request: Request, hub: Hub) -> Reply:
    """POST /push/{list}"""
    wanted = decode_body(request, PushIn)
    hub.queues.push(
        request.params["list"], wanted.data, request.now,
        source=wanted.source, type=wanted.type, attributes=wanted.model_extra or {},
    )  # fmt: skip
    return reply_json(None)


def pop(request: Request, hub: Hub) -> Reply | Wait:
    """GET /pop/{list}: the CloudEvent itself, or a BEEP once the poll has idled.

    Upstream never answers an idle pop; no client waits for more than a minute, and no cloud function may.
    """
    list = request.params["list"]

    def look(now: datetime) -> Reply | None:
        return _look(hub, list, now)

    def idle() -> Reply:
        return reply_json(beep(hub.policy.source, hub.journal.ids.event(), hub.clock()))

    until = request.now + hub.policy.keep_alive
    return look(request.now) or Wait(frozenset((bell_of(list),)), until, look, idle, blocking=True)


def _look(hub: Hub, list: str, now: datetime) -> Reply | None:
    taken = hub.queues.pop(list, now)
    if taken is None:
        return None
    key, event = taken
    reply = reply_json(event)
    # The item goes only once it was handed over; `on_sent` has the shell look whether the client is still there.
    reply.on_sent = lambda: None
    reply.after = lambda: hub.queues.settle(key)
    return reply


ROUTES = (
    Route(
        "POST", "/push/{list}", push, "pubsub", Access.USER, takes=PushIn, gives=None,
        summary="Put an item at the end of a list",
    ),
    Route(
        "GET", "/pop/{list}", pop, "pubsub", Access.USER, gives=CloudEventRead,
        summary="Wait for the first item of a list and take it",
    ),
)  # fmt: skip
