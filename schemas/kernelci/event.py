"""KernelCI wire models of events, subscriptions and lists (kernelci.md 2.5 and 5)."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict

from schemas.kernelci.body import NodeOut


def _truthy(value: Any) -> Any:
    if not value:
        raise ValueError("should not be empty")
    return value


class PublishIn(BaseModel):
    """An event to publish: `data` may be anything that is not empty, zero, false or null (kernelci.md 2.5)."""

    data: Annotated[Any, AfterValidator(_truthy)]
    type: str | None = None
    source: str | None = None
    attributes: dict[str, Any] | None = None


class PushIn(BaseModel):
    """An item for a list: the keys beside `data` become attributes of its envelope (kernelci.md 2.5)."""

    model_config = ConfigDict(extra="allow")

    data: Any
    type: str | None = None
    source: str | None = None


class SubscriptionRead(BaseModel):
    """A created subscription."""

    id: int
    channel: str
    user: str
    promiscuous: bool


class SubscriptionStat(BaseModel):
    """A live subscription, as administrators see it."""

    id: int
    channel: str
    user: str
    promiscuous: bool
    created: datetime
    last_poll: datetime | None


class CloudEventRead(BaseModel):
    """A CloudEvent; further keys are its extension attributes. `data` is `BEEP` when there was no item."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: str
    source: str
    type: str
    time: str
    data: Any


class MessageRead(BaseModel):
    """The reply to a poll: `data` is a CloudEvent as a JSON text; its own `data` is `BEEP` when there was no event."""

    type: Literal["message"]
    pattern: None
    channel: str
    data: str


class EventRead(BaseModel):
    """An event of the log; `node`, on request, is the event's node in its present state."""

    timestamp: datetime
    sequence_id: int
    channel: str
    owner: str | None
    data: Any
    id: str
    node: NodeOut | None = None
