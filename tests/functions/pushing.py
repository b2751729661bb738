"""What a test pushes: messages in Pub/Sub's envelope, CloudEvents; and what the log then holds."""

from __future__ import annotations

import base64
import json
from typing import Any

from lib.dialects.wire import Reply
from lib.domain.event.event import envelope

SUBSCRIPTION = "projects/hub-test/subscriptions/inbox"


def wrapped(data: object = ..., id: str = "77", **attributes: str) -> dict[str, Any]:
    """A message in Pub/Sub's envelope, as Google writes it."""
    message: dict[str, Any] = {
        "messageId": id, "message_id": id, "publishTime": "2024-02-01T09:58:28Z",
        "publish_time": "2024-02-01T09:58:28Z", "attributes": attributes,
    }  # fmt: skip
    if data is not ...:
        message["data"] = base64.b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()
    return {"message": message, "subscription": SUBSCRIPTION, "deliveryAttempt": 3}


def cloudevent(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "e-1", "source": "https://ci.example.org", "type": "org.example.done",
        "time": "2024-02-01T09:58:28Z", "datacontenttype": "application/json", "data": {"n": 1}, **changes,
    }  # fmt: skip


def binary(**changes: str) -> dict[str, str]:
    return {f"ce_{k}": v for k, v in {**cloudevent(), **changes}.items() if isinstance(v, str)}


def content(reply: Reply) -> Any:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def log(hub, channel: str = "ci") -> list[dict[str, Any]]:
    return [envelope(event) for event in hub.store.read(channel, 0, 100)]
