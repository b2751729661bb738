"""Events: what the log holds of a change, and the CloudEvents 1.0 envelope every carrier shows of it.

Envelope and payload are kernelci.md 5.1 and 5.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from lib.messaging.port import Message
from lib.store.port import Body, Event

NODE_CHANNEL = "node"
MERGED_CHANNEL = "kcidb"
"""Tells which of KCIDB's reports changed (`ingest`)."""
READY_CHANNEL = "kcidb-ready"
"""Tells what became ready for whom (`notify`)."""
RESERVED = frozenset((MERGED_CHANNEL, READY_CHANNEL))
"""Channels on which only the hub itself tells: nobody shall make it look at what did not change, or others believe that
something became ready."""
TYPE_DEFAULT = "api.kernelci.org"
BEEP = "BEEP"
"""The data of an envelope that only says the line is alive."""


class News(NamedTuple):
    """What follows a write: an event to append (its channel, id and body; no body: none is told), and the node whose
    relatives are to be settled."""

    channel: str
    key: str
    body: Body | None
    settle: str | None = None


def body_of(
    data: Any, *, owner: str | None, source: str, type: str = TYPE_DEFAULT, attributes: Mapping[str, Any] = {}
) -> Body:
    """The stored form of an event."""
    return {"data": data, "owner": owner, "source": source, "type": type, "attributes": dict(attributes)}


def envelope(event: Event) -> dict[str, Any]:
    """The CloudEvent of a logged event. `owner`, the publisher's attributes and `_sequence_id` are extensions."""
    body = event.body
    built = {
        "specversion": "1.0",
        "id": event.key,
        "source": body["source"],
        "type": body["type"],
        "time": event.at[:-1] + "+00:00",
        "data": body["data"],
    }
    if body["owner"] is not None:
        built["owner"] = body["owner"]
    return {**body["attributes"], **built, "_sequence_id": event.seq}


_ATTRIBUTES = ("kind", "op", "state", "result", "owner")


def message(event: Event) -> Message:
    """The copy of an event that the bus carries, with attributes for filters on the far side."""
    data = event.body["data"]
    shown = {k: str(data[k]) for k in _ATTRIBUTES if data.get(k) is not None} if isinstance(data, dict) else {}
    return Message(event.channel, event.key, orjson.dumps(envelope(event)), {"channel": event.channel, **shown})
