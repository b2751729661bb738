"""An event as a Pub/Sub message: CloudEvents' binding in structured mode, within what Pub/Sub takes.

The data is the CloudEvent as JSON; attributes are for filters on the far side. Source: `port.py`, the CloudEvents
binding for Google Cloud Pub/Sub (a `content-type` attribute says the mode), its `dataref` extension, and Pub/Sub's
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
"""Longer values are cut. No filter can tell: one has at most 256 bytes, so it equals none of these, and a prefix it may
ask for is all there."""
ORDERING_KEY_BYTES_MAX = 1024
KEY_RESERVED = "goog"
CONTENT_TYPE = "application/cloudevents+json"
KEPT = ("specversion", "id", "source", "type", "time", "owner", "_sequence_id")
"""What stays of an envelope that is carried without its data."""

_Pb = PubsubMessage.pb()


def encode(message: Message) -> Any:
    """The Pub/Sub message of one event, as protobuf."""
    if len(message.data) > MESSAGE_BYTES_MAX:
        message = thin(message)
    key = _cut(message.channel, ORDERING_KEY_BYTES_MAX)
    return _Pb(data=message.data, ordering_key=key, attributes=_attributes(message))


def thin(message: Message) -> Message:
    """The event without its data, and `dataref` for where that is: the hub's own reading of the log, relative to its
    API. The same stands in an attribute."""
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
    """The least there can be of an event: its id, without the channel as ordering key."""
    return Message("", message.id, message.data, {})


def _attributes(message: Message) -> Mapping[str, str]:
    """All that can be an attribute; what cannot is in the data anyway."""
    own = {key: _cut(value, VALUE_BYTES_MAX) for key, value in message.attributes.items() if _is_key(key)}
    made = {"content-type": CONTENT_TYPE, "id": _cut(message.id, VALUE_BYTES_MAX)}
    return dict([*made.items(), *((k, v) for k, v in own.items() if k not in made)][:ATTRIBUTES_MAX])


def _is_key(text: str) -> bool:
    return 1 <= len(_bytes(text)) <= KEY_BYTES_MAX and not text.startswith(KEY_RESERVED)


def _cut(text: str, bytes_max: int) -> str:
    """The text, or as many whole characters of it as fit."""
    return _bytes(text)[:bytes_max].decode(errors="ignore")


def _bytes(text: str) -> bytes:
    return text.encode(errors="replace")
