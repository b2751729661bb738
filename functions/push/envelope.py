"""Reads what is pushed here, in each form it may take, into one shape. Called by `route`; stores nothing.

A push is a message of Pub/Sub, wrapped in its envelope or bare (its metadata in headers), or a CloudEvent, its context
in headers (binary) or around its data (structured). In any of them there is one event: a CloudEvent, or plain JSON of
which the message's attributes tell. Sources: Google's "Push subscriptions" and "Payload unwrapping for push"; the HTTP
and Pub/Sub bindings of CloudEvents 1.0.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import NamedTuple
from urllib.parse import unquote

from lib.dialects.wire import PushedEvent, Request, decode_json_text, parse
from lib.domain.event.event import TYPE_DEFAULT
from lib.errors import Invalid
from schemas.pubsub import CloudEventIn, PushedMessage, PushEnvelope

BARE = "x-goog-pubsub-"
"""Begins the headers that tell of a message without its envelope: its metadata, and its attributes."""
CONTEXT = "ce-"
"""Begins the headers, or attributes, that are the context of a CloudEvent."""
STRUCTURED = "application/cloudevents+json"
WRAPPING = "google.cloud.pubsub.topic.v1.messagePublished"
"""The type of a CloudEvent whose data is a push envelope, as Eventarc makes them."""
_METADATA = frozenset(("message-id", "publish-time", "ordering-key", "subscription-name", "delivery-attempt"))
_CHANNEL, _CONTENT_TYPE = "channel", "content-type"


class Push(NamedTuple):
    """A message as it came: from which subscription, which one, and whether again; "" for what was not said."""

    attributes: Mapping[str, str]
    data: bytes
    subscription: str = ""
    message_id: str = ""
    attempt: str = ""
    ordering_key: str = ""

    @property
    def short_name(self) -> str:
        """The subscription without its project."""
        return self.subscription.rpartition("/")[2]

    @property
    def remarks(self) -> dict[str, str]:
        """What the log line of the request says of it."""
        said = {
            "subscription": self.short_name,
            "message": self.message_id,
            "attempt": self.attempt,
            "key": self.ordering_key,
        }
        return {name: value for name, value in said.items() if value}


def decode_push(request: Request) -> Push:
    """The message of a request. Raises Malformed and Invalid."""
    headers = request.headers
    is_structured = _media(headers) == STRUCTURED
    if not is_structured and f"{CONTEXT}specversion" not in headers and f"{BARE}message-id" not in headers:
        value = decode_json_text(request.body)
        if not _is_cloudevent(value):
            return unwrap(parse(PushEnvelope, value))
    return Push(
        _attributes(headers), request.body,
        subscription=headers.get(f"{BARE}subscription-name", ""),
        message_id=headers.get(f"{BARE}message-id", ""),
        attempt=headers.get(f"{BARE}delivery-attempt", ""),
        ordering_key=headers.get(f"{BARE}ordering-key", ""),
    )  # fmt: skip


def unwrap(envelope: PushEnvelope) -> Push:
    """The message in an envelope. Raises Invalid."""
    message: PushedMessage = envelope.message
    try:
        data = base64.b64decode(message.data, validate=True)
    except (binascii.Error, ValueError) as error:
        raise Invalid("message.data", "must be base64") from error
    attempt = "" if envelope.delivery_attempt is None else str(envelope.delivery_attempt)
    return Push(message.attributes, data, envelope.subscription, message.message_id, attempt, message.ordering_key)


def decode_event(push: Push) -> PushedEvent:
    """The event of a message. Raises Malformed and Invalid."""
    value = decode_json_text(push.data) if push.data else None
    context = {k.removeprefix(CONTEXT): v for k, v in push.attributes.items() if k.startswith(CONTEXT)}
    if "specversion" in context:
        return _of_cloudevent(push, parse(CloudEventIn, {**context, "data": value}, "attributes"))
    if _media(push.attributes) == STRUCTURED or _is_cloudevent(value):
        return _of_cloudevent(push, parse(CloudEventIn, value, "data"))
    if not push.subscription or not push.message_id:
        raise Invalid("subscription", "a message that is no CloudEvent needs its subscription and its id")
    source = f"//pubsub.googleapis.com/{push.subscription}"
    attributes = {k: v for k, v in push.attributes.items() if k not in (_CHANNEL, _CONTENT_TYPE)}
    return PushedEvent(source, push.message_id, TYPE_DEFAULT, push.attributes.get(_CHANNEL, ""), value, attributes)


def _of_cloudevent(push: Push, event: CloudEventIn) -> PushedEvent:
    data = event.data
    if event.data_base64 is not None:
        try:
            data = decode_json_text(base64.b64decode(event.data_base64, validate=True))
        except (binascii.Error, ValueError) as error:
            raise Invalid("data_base64", "must be base64") from error
    extensions = dict(event.model_extra or {})
    named = extensions.pop(_CHANNEL, "")
    channel = push.attributes.get(_CHANNEL) or (named if isinstance(named, str) else "")
    return PushedEvent(event.source, event.id, event.type, channel, data, extensions)


def _is_cloudevent(value: object) -> bool:
    return isinstance(value, dict) and "specversion" in value


def _media(headers: Mapping[str, str]) -> str:
    return headers.get(_CONTENT_TYPE, "").partition(";")[0].strip().lower()


def _attributes(headers: Mapping[str, str]) -> dict[str, str]:
    """What headers say of a message or a CloudEvent that fills the body."""
    found = {name: _text(headers[name]) for name in (_CHANNEL, _CONTENT_TYPE) if name in headers}
    for name, value in headers.items():
        if name.startswith(BARE) and name.removeprefix(BARE) not in _METADATA:
            found[name.removeprefix(BARE)] = _text(value)
        elif name.startswith(CONTEXT):
            found[name] = unquote(value)
    return found


def _text(value: str) -> str:
    """A header's value that was written as UTF-8; both shells read headers as Latin-1."""
    try:
        return value.encode("latin-1").decode()
    except UnicodeError:
        return value
