"""What is pushed here: the route of `on_event`, which takes Pub/Sub's pushes and CloudEvents, and what each leads to.

An HTTP function, since one for CloudEvents would see neither the token nor the attempts of a delivery. The edge has
verified the caller before anything of the body is read. Pub/Sub delivers again whatever is not answered with 2xx: a
message that can never be taken is refused with 4xx until the subscription's dead-letter policy ends that; 503 says that
the trouble is ours. A message that comes again is answered 204 and changes nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from functions.push import submission
from functions.push.envelope import WRAPPING, Push, PushedEvent, decode_push, decode_told, unwrap
from lib.dialects.wire import Access, Reply, Request, Route, parse
from lib.domain.event.event import NODE_CHANNEL
from lib.domain.hub import Hub
from lib.errors import Invalid
from schemas.pubsub import PushEnvelope

BODY_BYTES_MAX = 14 * 1024 * 1024
"""A message of Pub/Sub has at most 10 MB, which base64 makes a third longer."""
_OURS = frozenset(("owner", "_sequence_id"))
"""Extensions that the hub's envelope sets itself."""


class Arrival(NamedTuple):
    """A push, its event, and who brought it when."""

    request: Request
    push: Push
    told: PushedEvent


class Kind(NamedTuple):
    """One line of the table: which arrivals it is for, and what is done with them; gives a word for the log."""

    name: str
    fits: Callable[[Arrival, Hub], bool]
    take: Callable[[Arrival, Hub], str]


def on_event(request: Request, hub: Hub) -> Reply:
    """POST /on_event"""
    push = decode_push(request)
    request.remarks = push.remarks
    told = decode_told(push)
    if told.type == WRAPPING:
        push = unwrap(parse(PushEnvelope, told.data, "data"))
        request.remarks = push.remarks
        told = decode_told(push)
    arrival = Arrival(request, push, told)
    kind = next(kind for kind in KINDS if kind.fits(arrival, hub))
    done = kind.take(arrival, hub)
    request.remarks = {**push.remarks, "kind": kind.name, "done": done}
    return Reply(204)


def _is_own(arrival: Arrival, hub: Hub) -> bool:
    """Whether the hub told it itself, or says so: nobody else speaks in its name."""
    told = arrival.told
    return told.source == hub.policy.source or hub.journal.source_of(told.id) == told.source


def _finish(arrival: Arrival, hub: Hub) -> str:
    """It was committed and carried out; do what its request may have been killed before doing."""
    return "finished" if hub.relay.finish(arrival.told.id) else "nothing"


def _receive(arrival: Arrival, hub: Hub) -> str:
    """Append it to the channel it names. What it says of its owner is not believed: that is who brought it."""
    told, push = arrival.told, arrival.push
    if told.channel == NODE_CHANNEL:
        raise Invalid("channel", f"only the hub itself tells of its nodes, on {NODE_CHANNEL}")
    owner = f"pubsub:{push.short_name}" if push.subscription else f"push:{arrival.request.caller.username}"
    is_new = hub.journal.receive(
        owner, told.channel, told.data, arrival.request.now,
        id=told.id, source=told.source, type=told.type,
        attributes={name: _checked(name, value) for name, value in told.attributes.items() if name not in _OURS},
    )  # fmt: skip
    return "appended" if is_new else "known"


def _refuse(arrival: Arrival, hub: Hub) -> str:
    raise Invalid("channel", "an event from elsewhere names its channel in the attribute `channel`")


def _checked(name: str, value: object) -> object:
    """The value of an extension (CloudEvents 1.0, 1.1: texts, numbers and flags)."""
    if value is not None and not isinstance(value, str | int):
        raise Invalid(name, "an extension is a text, a whole number or true or false")
    return value


def on_submission(request: Request, hub: Hub) -> Reply:
    """POST /on_event/kcidb: every message that arrives here is a submission, readable or not."""
    push = decode_push(request)
    request.remarks = push.remarks
    done = submission.take(push, request, hub)
    request.remarks = {**push.remarks, "kind": "kcidb", "done": done}
    return Reply(204)


KINDS: tuple[Kind, ...] = (
    Kind("own", _is_own, _finish),
    Kind(
        "kcidb",
        lambda arrival, hub: submission.is_submission(arrival.told),
        lambda arrival, hub: submission.take(arrival.push, arrival.request, hub),
    ),
    Kind("inbox", lambda arrival, hub: bool(arrival.told.channel), _receive),
    Kind("stray", lambda arrival, hub: True, _refuse),
)

ROUTES = (
    Route(
        "POST", "/on_event", on_event, "on_event", Access.PUSH, body_bytes_max=BODY_BYTES_MAX, takes=PushEnvelope,
        summary="Take a push of Pub/Sub or a CloudEvent",
    ),
    Route(
        "POST", "/on_event/kcidb", on_submission, "on_event", Access.PUSH, body_bytes_max=BODY_BYTES_MAX,
        takes=PushEnvelope, summary="Take a push of Pub/Sub or a CloudEvent that is a KCIDB submission",
    ),
)  # fmt: skip
