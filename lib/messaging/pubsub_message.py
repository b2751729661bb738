"""An event as a Pub/Sub message: CloudEvents' binding in structured mode, within Pub/Sub's limits.

The data is the CloudEvent as JSON. The attributes are for filters of subscriptions. Source: `port.py`, the CloudEvents
binding for Google Cloud Pub/Sub (a `content-type` attribute names the mode), its `dataref` extension, and Pub/Sub's
documented limits.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import orjson
from google.pubsub_v1.types import PubsubMessage

from lib.messaging.port import Message

MESSAGE_BYTES_MAX = 9_000_000
"""Below Pub/Sub's limit of 10 MB for a message and a request, with room for attributes and names."""
ATTRIBUTES_MAX = 100
KEY_BYTES_MAX = 256
VALUE_BYTES_MAX = 1024
"""Longer values are cut. This does not affect filters: a filter has at most 256 bytes, so it never equals a cut value,
and every prefix that it may test is kept."""
ORDERING_KEY_BYTES_MAX = 1024
KEY_RESERVED = "goog"
CONTENT_TYPE = "application/cloudevents+json"
KEPT = ("specversion", "id", "source", "type", "time", "owner", "_sequence_id")
"""The members that stay in an envelope that is published without its data."""

_Pb = PubsubMessage.pb()


def encode(message: Message) -> Any:
    """The Pub/Sub message of one event, as protobuf."""
    if len(message.data) > MESSAGE_BYTES_MAX:
        message = thin(message)
    key = _cut(message.channel, ORDERING_KEY_BYTES_MAX)
    return _Pb(data=message.data, ordering_key=key, attributes=_attributes(message))


def thin(message: Message) -> Message:
    """The event without its data, and with `dataref`: the address of the event in the hub's log, relative to its API.
    An attribute holds the same address."""
    try:
        envelope = orjson.loads(message.data)
    except orjson.JSONDecodeError:
        envelope = {}
    shown = envelope if isinstance(envelope, dict) else {}
    kept = {name: shown[name] for name in KEPT if isinstance(shown.get(name), str | int)}
    kept = {name: _cut(v, VALUE_BYTES_MAX) if isinstance(v, str) else v for name, v in kept.items()}
    where = f"events?channel={quote(message.channel, safe='')}&id={quote(message.id, safe='')}"
    data = orjson.dumps({**kept, "dataref": where})
    return message._replace(data=data, attributes={**message.attributes, "dataref": where})


def bare(message: Message) -> Message:
    """The smallest form of an event: its id, without an ordering key."""
    return Message("", message.id, message.data, {})


def _attributes(message: Message) -> Mapping[str, str]:
    """The values that can be attributes; the data holds all others anyway."""
    own = {key: _cut(value, VALUE_BYTES_MAX) for key, value in message.attributes.items() if _is_key(key)}
    made = {"content-type": CONTENT_TYPE, "id": _cut(message.id, VALUE_BYTES_MAX)}
    return dict([*made.items(), *((k, v) for k, v in own.items() if k not in made)][:ATTRIBUTES_MAX])


def _is_key(text: str) -> bool:
    return 1 <= len(_bytes(text)) <= KEY_BYTES_MAX and not text.startswith(KEY_RESERVED)


def _cut(text: str, bytes_max: int) -> str:
    """The text, cut to the whole characters that fit."""
    return _bytes(text)[:bytes_max].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
