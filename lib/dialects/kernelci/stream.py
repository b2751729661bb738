"""KernelCI's log as a stream of server-sent events, which upstream lacks (kernelci.md 11.15).

Each event has its sequence number for `id`, so that a client which lost the line goes on by `Last-Event-ID`.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from lib.dialects.kernelci.codec_event import FeedQuery, decode_feed_query, encode_event
from lib.dialects.params import Params
from lib.dialects.wire import Feed, Reply, Request, Route
from lib.domain.hub import Hub

if TYPE_CHECKING:
    from lib.store.port import Doc

BEAT_EVERY = timedelta(seconds=15)
"""Proxies cut a line on which nothing was heard for a minute, some for half of one."""
RETRY_MS = 1000
LOOKS_AT_ONCE = 10
"""Parts of the log that are looked through before a stream that wants none of it tells how far it is."""

_HEADERS = (
    ("content-type", "text/event-stream; charset=utf-8"),
    ("cache-control", "no-store"),
    # nginx would hold the events back until its buffer is full.
    ("x-accel-buffering", "no"),
)


def stream(request: Request, hub: Hub) -> Reply:
    """GET /events/stream: the items of /events as they come."""
    wanted = decode_feed_query(Params(request).given, request.headers.get("last-event-id", ""))
    last = hub.journal.last(wanted.channel)
    tail = _Tail(hub, wanted, last if wanted.after is None else wanted.after)
    return Reply(200, Feed(frozenset((wanted.channel,)), tail.take, tail.beat, BEAT_EVERY), _HEADERS)


@dataclass(slots=True)
class _Tail:
    """One stream: how far it came, and whether it has said so yet."""

    hub: Hub
    wanted: FeedQuery
    position: int
    has_begun: bool = False

    def take(self) -> bytes:
        """What is new. The first thing told is the position, so that whoever heard nothing else can go on, too."""
        if not self.has_begun:
            self.has_begun = True
            return b"retry: %d\n%b" % (RETRY_MS, self.beat())
        for _ in range(LOOKS_AT_ONCE):
            docs, position = self.hub.journal.tail(self.wanted.channel, self.position, self.wanted.filters)
            if position == self.position:
                return b""
            self.position = position
            if docs:
                return b"".join(map(_encode, docs))
        return self.beat()

    def beat(self) -> bytes:
        """A comment, and how far the log was looked through: an id without data is kept and shows nowhere."""
        return b": beat\nid: %d\n\n" % self.position


def _encode(doc: Doc) -> bytes:
    return b"id: %d\ndata: %b\n\n" % (doc.body["seq"], orjson.dumps(encode_event(doc)))


ROUTES = (
    Route(
        "GET", "/events/stream", stream, "pubsub",
        params=("channel", "after", "kind", "state", "result", "op", "name", "group", "owner", "node_id", "path",
                "from", "since", "data.<path>"),
        summary="Follow the log as server-sent events",
    ),
)  # fmt: skip
