"""What is pushed here: Pub/Sub's push envelope and CloudEvents 1.0, as Google's and the CNCF's documents have them.

Both may grow fields, so those not named are passed over (of an envelope) or kept as extensions (of a CloudEvent).
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

ATTRIBUTES_MAX = 100
ID_CHARS_MAX = 1024
SOURCE_CHARS_MAX = 2048
TYPE_CHARS_MAX = 256

Name = Annotated[str, Field(min_length=1, max_length=256)]
Value = Annotated[str, Field(max_length=1024)]
Id = Annotated[str, Field(min_length=1, max_length=ID_CHARS_MAX)]


class PushedMessage(BaseModel):
    """A message of Pub/Sub; `data` is base64."""

    data: str = ""
    attributes: Annotated[dict[Name, Value], Field(max_length=ATTRIBUTES_MAX)] = {}
    message_id: Id = Field(validation_alias="messageId")
    ordering_key: Value = Field("", validation_alias="orderingKey")


class PushEnvelope(BaseModel):
    """A message as a push subscription wraps it. `deliveryAttempt` is there under a dead-letter policy."""

    message: PushedMessage
    subscription: Id
    delivery_attempt: int | None = Field(None, validation_alias="deliveryAttempt")


class CloudEventIn(BaseModel):
    """A CloudEvent; what is not named here is an extension."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, Field(min_length=1, max_length=SOURCE_CHARS_MAX)]
    type: Annotated[str, Field(min_length=1, max_length=TYPE_CHARS_MAX)]
    time: str | None = None
    datacontenttype: str | None = None
    data: Any = None
    data_base64: str | None = None
