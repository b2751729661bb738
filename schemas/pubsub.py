"""Pushed messages: Pub/Sub's push envelope and CloudEvents 1.0, by the documents of Google and the CNCF.

Both may get new fields. Unknown fields of an envelope are ignored, those of a CloudEvent are kept as extensions.
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
    """A message in the envelope of a push subscription. `deliveryAttempt` is present under a dead-letter policy."""

    message: PushedMessage
    subscription: Id
    delivery_attempt: int | None = Field(None, validation_alias="deliveryAttempt")


class CloudEventIn(BaseModel):
    """A CloudEvent; other keys are extensions."""

    model_config = ConfigDict(extra="allow")

    specversion: Literal["1.0"]
    id: Id
    source: Annotated[str, Field(min_length=1, max_length=SOURCE_CHARS_MAX)]
    type: Annotated[str, Field(min_length=1, max_length=TYPE_CHARS_MAX)]
    time: str | None = None
    datacontenttype: str | None = None
    data: Any = None
    data_base64: str | None = None
