"""KernelCI handlers of events: subscribe, listen, publish, and the log (kernelci.md 2.5 and 5).

A subscription may say what it wants of an event's data, by `kind`, `state`, `result`, `op`, `name`, `group` and `owner`
(equality, all must hold), so that the rest is never sent. Other parameters are ignored, as they always were.
"""

from __future__ import annotations

from datetime import datetime
from itertools import islice

from lib.dialects.kernelci.codec_event import (
    decode_event_query,
    decode_wanted,
    encode_beep,
    encode_event,
    encode_message,
    encode_subscription,
    encode_subscription_stat,
)
from lib.dialects.kernelci.codec_query import FLAG
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, Wait, decode_body, problem, reply_json
from lib.domain.event.subscription import FILTERS, Poll
from lib.domain.hub import Hub
from lib.errors import Malformed, NotFound
from schemas.kernelci.event import EventRead, MessageRead, PublishIn, SubscriptionRead, SubscriptionStat

STATS_MAX = 10_000
"""Most subscriptions that are shown; the oldest ones."""


def subscribe(request: Request, hub: Hub) -> Reply:
    """POST /subscribe/{channel}: with a `subscriber_id`, one that outlives its end (kernelci.md 5.4)."""
    params = Params(request)
    made = hub.subscriptions.subscribe(
        request.caller, request.params["channel"], request.now,
        promiscuous=params.value("promisc", FLAG, False),
        subscriber_id=params.given.get("subscriber_id"),
        filters=decode_wanted(params.given),
    )  # fmt: skip
    return reply_json(encode_subscription(made))


def unsubscribe(request: Request, hub: Hub) -> Reply:
    """POST and GET /unsubscribe/{id}: documented as the one, called as the other."""
    hub.subscriptions.unsubscribe(request.caller, decode_subscription_id(request))
    return reply_json(None)


def listen(request: Request, hub: Hub) -> Reply | Wait:
    """GET /listen/{id}: the next event, or BEEP once the poll has idled (kernelci.md 5.3).

    An event counts as delivered when its response was handed over (`on_sent`); what the store is told of it, and of how
    far an idle poll looked, is told behind the response (`after`).
    """
    poll = hub.subscriptions.listen(request.caller, decode_subscription_id(request), request.now)

    def look(now: datetime) -> Reply | None:
        return _look(hub, poll, now)

    def idle() -> Reply:
        return _beep(hub, poll, hub.clock())

    return look(request.now) or Wait(frozenset((poll.channel,)), request.now + hub.policy.keep_alive, look, idle)


def _look(hub: Hub, poll: Poll, now: datetime) -> Reply | None:
    try:
        event = hub.subscriptions.look(poll)
    except NotFound:
        # Superseded by a newer poll, or unsubscribed: this one ends, quietly.
        return _beep(hub, poll, now)
    if event is None:
        return None
    reply = reply_json(encode_message(event))
    reply.on_sent = lambda: hub.subscriptions.sent(poll, event)
    reply.after = lambda: hub.subscriptions.settle(poll, event.seq)
    return reply


def _beep(hub: Hub, poll: Poll, now: datetime) -> Reply:
    reply = reply_json(encode_beep(poll.channel, hub.policy.source, hub.journal.ids.event(), now))
    reply.after = lambda: hub.subscriptions.settle(poll, None)
    return reply


def publish(request: Request, hub: Hub) -> Reply:
    """POST /publish/{channel}"""
    wanted = decode_body(request, PublishIn)
    hub.journal.publish(
        request.caller, request.params["channel"], wanted.data, request.now,
        type=wanted.type, source=wanted.source, attributes=wanted.attributes or {},
    )  # fmt: skip
    return reply_json(None)


def stats(request: Request, hub: Hub) -> Reply:
    """GET /stats/subscriptions"""
    return reply_json([encode_subscription_stat(s) for s in islice(hub.subscriptions.every(), STATS_MAX)])


def find(request: Request, hub: Hub) -> Reply:
    """GET /events: oldest first."""
    query, with_nodes = decode_event_query(Params(request).given)
    docs = hub.journal.find(query)
    nodes = hub.journal.nodes_of(docs) if with_nodes else None
    return reply_json([encode_event(doc, nodes) for doc in docs])


def decode_subscription_id(request: Request) -> int:
    """The subscription id of the path; raises Malformed (422) for one that is no number."""
    text = request.params["id"]
    if not (text.isascii() and text.isdecimal() and len(text) <= 18):
        raise Malformed([problem("int_parsing", ["path", "sub_id"], "Input should be a valid integer", text)])
    return int(text)


_EVENT_PARAMS = (
    "kind", "state", "result", "op", "name", "group", "owner", "channel", "node_id", "id", "ids", "path", "from",
    "since", "after", "limit", "offset", "recursive", "data.<path>",
)  # fmt: skip

ROUTES = (
    Route(
        "POST", "/subscribe/{channel}", subscribe, "pubsub", Access.USER, brief=True, gives=SubscriptionRead,
        params=("promisc", "subscriber_id", *FILTERS), summary="Subscribe to a channel",
    ),
    Route(
        "POST", "/unsubscribe/{id}", unsubscribe, "pubsub", Access.USER, brief=True, gives=None,
        summary="End a subscription",
    ),
    Route(
        "GET", "/unsubscribe/{id}", unsubscribe, "pubsub", Access.USER, brief=True, gives=None,
        summary="End a subscription",
    ),
    Route(
        "GET", "/listen/{id}", listen, "pubsub", Access.USER, brief=True, gives=MessageRead,
        summary="Wait for the next event",
    ),
    Route(
        "POST", "/publish/{channel}", publish, "pubsub", Access.USER, brief=True, takes=PublishIn, gives=None,
        summary="Publish an event",
    ),
    Route(
        "GET", "/stats/subscriptions", stats, "pubsub", Access.SUPER, gives=list[SubscriptionStat],
        summary="Live subscriptions",
    ),
    Route("GET", "/events", find, "pubsub", gives=list[EventRead], params=_EVENT_PARAMS, summary="Read the log"),
)  # fmt: skip
