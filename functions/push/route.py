"""What is pushed here: the routes of `on_event`, which take Pub/Sub's pushes and CloudEvents, and what each leads to.

An HTTP function, since one for CloudEvents would see neither the token nor the attempts of a delivery. The edge has
verified the caller before anything of the body is read. Pub/Sub delivers again whatever is not answered with 2xx: a
message that can never be taken is refused with 4xx until the subscription's dead-letter policy ends that; 503 says that
the trouble is ours. A message that comes again is answered 204 and changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from functions.push.envelope import WRAPPING, Push, decode_event, decode_push, unwrap
from lib.dialects.wire import Access, Dialect, Handler, PushedEvent, Pushes, Reply, Request, Route, parse
from lib.domain.event.event import NODE_CHANNEL
from lib.domain.hub import Hub
from lib.errors import Invalid, Malformed
from schemas.pubsub import PushEnvelope

BODY_BYTES_MAX = 14 * 1024 * 1024
"""A message of Pub/Sub has at most 10 MB, which base64 makes a third longer."""
_OURS = frozenset(("owner", "_sequence_id"))
"""Extensions that the hub's envelope sets itself."""


def routes(dialects: Iterable[Dialect]) -> Iterator[Route]:
    """`/on_event`, and `/on_event/<dialect>` for each dialect that takes pushes."""
    taking = {dialect.name: dialect.pushes for dialect in dialects if dialect.pushes is not None}

    def on_event(request: Request, hub: Hub) -> Reply:
        push, event = _event_of(request)
        kind, done = _take(push, event, taking, request, hub)
        return _done(push, kind, done, request)

    yield _route("/on_event", on_event, "Take a push of Pub/Sub or a CloudEvent")
    for name, pushes in taking.items():
        yield _route(f"/on_event/{name}", _handler(name, pushes), pushes.summary)


def _handler(name: str, pushes: Pushes) -> Handler:
    """The handler of a path where every message is for one dialect, readable or not."""

    def on_message(request: Request, hub: Hub) -> Reply:
        push = decode_push(request)
        request.remarks = push.remarks
        try:
            event = decode_event(push)
        except Malformed:
            event = None
        return _done(push, name, pushes.take(push.data, event, request, hub), request)

    return on_message


def _route(path: str, handler: Handler, summary: str) -> Route:
    return Route(
        "POST", path, handler, "on_event", Access.PUSH, body_bytes_max=BODY_BYTES_MAX, takes=PushEnvelope,
        summary=summary,
    )  # fmt: skip


def _done(push: Push, kind: str, done: str, request: Request) -> Reply:
    request.remarks = {**push.remarks, "kind": kind, "done": done}
    return Reply(204)


def _event_of(request: Request) -> tuple[Push, PushedEvent]:
    """The message of a request, and the event in it. Raises Malformed and Invalid."""
    push = decode_push(request)
    request.remarks = push.remarks
    event = decode_event(push)
    if event.type == WRAPPING:
        push = unwrap(parse(PushEnvelope, event.data, "data"))
        request.remarks = push.remarks
        event = decode_event(push)
    return push, event


def _take(push: Push, event: PushedEvent, taking: dict[str, Pushes], request: Request, hub: Hub) -> tuple[str, str]:
    """Which kind an event is, and what was done with it, for the log."""
    # Events of the hub itself, and those that say so: no other source may use its name.
    if event.source == hub.policy.source or hub.journal.source_of(event.id) == event.source:
        return "own", "finished" if hub.relay.finish(event.id) else "nothing"
    for name, pushes in taking.items():
        if pushes.fits(event):
            return name, pushes.take(push.data, event, request, hub)
    if not event.channel:
        raise Invalid("channel", "an event from elsewhere names its channel in the attribute `channel`")
    return "inbox", _append(push, event, request, hub)


def _append(push: Push, event: PushedEvent, request: Request, hub: Hub) -> str:
    """Append an event to the channel it names. Its owner is who brought it, whatever it says itself."""
    if event.channel == NODE_CHANNEL:
        raise Invalid("channel", f"only the hub itself tells of its nodes, on {NODE_CHANNEL}")
    owner = f"pubsub:{push.short_name}" if push.subscription else f"push:{request.caller.username}"
    is_new = hub.journal.receive(
        owner, event.channel, event.data, request.now,
        id=event.id, source=event.source, type=event.type,
        attributes={name: _checked(name, value) for name, value in event.attributes.items() if name not in _OURS},
    )  # fmt: skip
    return "appended" if is_new else "known"


def _checked(name: str, value: object) -> object:
    """The value of an extension (CloudEvents 1.0, 1.1: texts, numbers and flags)."""
    if value is not None and not isinstance(value, str | int):
        raise Invalid(name, "an extension is a text, a whole number or true or false")
    return value
