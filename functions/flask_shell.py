"""The Flask shell: one cloud function of functions-framework, a request at a time in a thread of its server.

Hides Flask. `main.py` makes each deployable function with `target`; nothing is opened before the first request. A
function must not hold a request for long, so a long poll is looked at for at most two seconds and then answers BEEP,
and a feed ends as soon.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Iterator
from datetime import timedelta

import flask

from functions.edge.http import Edge, HeldPoll
from functions.edge.shell import Body, base_url, follow_up, make_request
from functions.edge.table import Found
from lib.clock import Clock
from lib.dialects.wire import Feed, Reply
from lib.errors import Invalid, Refusal

log = logging.getLogger(__name__)

POLL_MAX = timedelta(seconds=2)
POLL_EVERY_S = 0.05
FAR_POLL_EVERY_S = 0.5
"""Between two looks at a store that is not near: each of them is billed."""
CHUNK_BYTES = 64 * 1024

View = Callable[[flask.Request], flask.Response]


def target(slice: str) -> View:
    """The deployable function of a slice: a plain function that functions-framework finds by its name."""

    def function(request: flask.Request) -> flask.Response:
        from functions import wiring

        try:
            edge, public_url = wiring.shared().edge(slice), wiring.shared().settings.public_url
        except Exception:
            # A framework's own HTML page says less; the log says what is wrong with the deployment.
            log.exception("the function %s cannot start", slice)
            text = '{"code":500,"message":"Internal Server Error","detail":"Internal Server Error"}'
            return flask.Response(text, 500, content_type="application/json")
        return serve(edge, request, public_url)

    function.__name__ = function.__qualname__ = slice
    function.__doc__ = f"The slice `{slice}` of the hub as a cloud function."
    return function


def serve(edge: Edge, incoming: flask.Request, public_url: str = "") -> flask.Response:
    """One request through the edge."""
    match = edge.match(incoming.method, incoming.path)
    headers = {name.lower(): value for name, value in incoming.headers.items()}
    url = public_url or base_url(incoming.scheme, headers.get("host", ""))
    request = make_request(edge, incoming.method, incoming.path, incoming.query_string, headers, url)
    if type(match) is Found:
        try:
            request.body = _body(incoming, match.bound.route.body_bytes_max)
        except Refusal as error:
            return _response(edge.refuse(request, match, error), request.id)
    outcome = edge.answer(request, match)
    every_s = POLL_EVERY_S if edge.hub.store.is_near else FAR_POLL_EVERY_S
    reply = end_of(outcome, edge.hub.clock, every_s) if isinstance(outcome, HeldPoll) else outcome
    return _response(reply, request.id, every_s)


def _body(incoming: flask.Request, bytes_max: int) -> bytes:
    """The whole body. Raises TooLarge as soon as it is known to be, Invalid when it does not arrive."""
    body = Body(bytes_max, incoming.headers.get("content-length", ""))
    while True:
        try:
            chunk = incoming.stream.read(CHUNK_BYTES)
        except Exception as error:  # werkzeug and the server each have errors of their own for a broken connection
            raise Invalid("", "the body did not arrive") from error
        if not chunk:
            return body.whole()
        body.add(chunk)


def end_of(held: HeldPoll, clock: Clock, every_s: float, sleep: Callable[[float], object] = time.sleep) -> Reply:
    """The end of a poll, soon: news within two seconds, or what is said when there are none. Its handler has looked
    just now."""
    until = min(held.until, clock() + POLL_MAX)
    while (now := clock()) < until:
        sleep(min(every_s, (until - now).total_seconds()))
        reply = held.poll(clock())
        if reply is not None:
            return reply
    return held.otherwise()


def _feed(feed: Feed, every_s: float) -> Iterator[bytes]:
    """What a feed has to say within two seconds; then it ends, and the client comes back for more."""
    until = time.monotonic() + POLL_MAX.total_seconds()
    while True:
        yield from feed
        if time.monotonic() >= until:
            return
        time.sleep(every_s)


class _Response(flask.Response):
    default_mimetype = None


class _Sending:
    """The chunks of a body, which know whether the last of them was taken."""

    def __init__(self, chunks: Iterable[bytes]) -> None:
        self._chunks = chunks
        self.is_sent = False

    def __iter__(self) -> Iterator[bytes]:
        yield from self._chunks
        self.is_sent = True

    def close(self) -> None:
        if (close := getattr(self._chunks, "close", None)) is not None:
            close()


def _response(reply: Reply, id: str, every_s: float = POLL_EVERY_S) -> flask.Response:
    streamed = _feed(reply.body, every_s) if isinstance(reply.body, Feed) else reply.body
    sending = _Sending([streamed] if isinstance(streamed, bytes) else streamed)
    response = _Response(sending, reply.status, list(reply.headers))
    if isinstance(reply.body, bytes) and reply.status not in (204, 304):
        response.headers["content-length"] = str(len(reply.body))
    if reply.status >= 500:
        response.headers["x-request-id"] = id

    @response.call_on_close
    def finish() -> None:
        if sending.is_sent:
            follow_up(reply.on_sent, id)
            follow_up(reply.after, id)

    return response
