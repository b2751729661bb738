"""The message classes of Pub/Sub v1, as plain protobuf ones, and what names and sizes the service allows."""

from __future__ import annotations

import re
from typing import Any

from google.pubsub_v1 import types

from tests.emulators.rpc import Code, Refused

MESSAGE_BYTES_MAX = 10_000_000
REQUEST_BYTES_MAX = 10_000_000
REQUEST_MESSAGES_MAX = 1000
ATTRIBUTES_MAX = 100
ATTRIBUTE_KEY_BYTES_MAX = 256
ATTRIBUTE_VALUE_BYTES_MAX = 1024
ORDERING_KEY_BYTES_MAX = 1024
DELETED_TOPIC = "_deleted-topic_"
NAME = re.compile(r"projects/[a-z0-9:.-]+/(topics|subscriptions|snapshots)/(?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}\Z")
PROJECT = re.compile(r"projects/[a-z0-9:.-]+\Z")


def __getattr__(name: str) -> Any:
    """`wire.Topic`: the protobuf class of this name."""
    try:
        return getattr(types, name).pb()
    except AttributeError:
        raise AttributeError(name) from None


def invalid(message: str) -> Refused:
    return Refused(Code.INVALID_ARGUMENT, message)


def missing(name: str) -> Refused:
    return Refused(Code.NOT_FOUND, f"Resource not found (resource={name.rpartition('/')[2]}).")


def taken(name: str) -> Refused:
    return Refused(Code.ALREADY_EXISTS, f"Resource already exists in the project (resource={name.rpartition('/')[2]}).")


def check_name(name: str, kind: str) -> None:
    found = NAME.match(name)
    if found is None or found.group(1) != kind:
        raise invalid(f"Invalid resource name given (name={name}); it is like projects/PROJECT/{kind}/NAME")


def check_project(name: str) -> None:
    if not PROJECT.match(name):
        raise invalid(f"Invalid resource name given (name={name}); it is like projects/PROJECT")


def refuse_unsupported(message: Any, fields: tuple[str, ...]) -> None:
    """What the service has and the stand-in has not is said, never ignored."""
    for field, _ in message.ListFields():
        if field.name in fields:
            raise Refused(Code.UNIMPLEMENTED, f"The stand-in has no {field.name}")


def size_of(message: Any) -> int:
    """What is charged for: data, attributes, ordering key."""
    texts = (message.ordering_key, *message.attributes.keys(), *message.attributes.values())
    return len(message.data) + sum(len(text.encode()) for text in texts)


def check_messages(messages: Any) -> None:
    """Refuse a publish request that the service refuses."""
    if not 1 <= len(messages) <= REQUEST_MESSAGES_MAX:
        raise invalid(f"A request has 1 to {REQUEST_MESSAGES_MAX} messages, not {len(messages)}")
    if sum(m.ByteSize() for m in messages) > REQUEST_BYTES_MAX:
        raise invalid(f"The request is larger than {REQUEST_BYTES_MAX} bytes")
    if len({m.ordering_key for m in messages}) > 1:
        raise invalid("All messages of a request must have the same ordering_key")
    for message in messages:
        _check_message(message)


def _check_message(message: Any) -> None:
    if not message.data and not message.attributes:
        raise invalid("A message must have data or attributes")
    if message.ByteSize() > MESSAGE_BYTES_MAX:
        raise invalid(f"A message is larger than {MESSAGE_BYTES_MAX} bytes")
    if len(message.ordering_key.encode()) > ORDERING_KEY_BYTES_MAX:
        raise invalid(f"An ordering_key has at most {ORDERING_KEY_BYTES_MAX} bytes")
    if len(message.attributes) > ATTRIBUTES_MAX:
        raise invalid(f"A message has at most {ATTRIBUTES_MAX} attributes")
    for key, value in message.attributes.items():
        if not 1 <= len(key.encode()) <= ATTRIBUTE_KEY_BYTES_MAX or key.startswith("goog"):
            raise invalid(f"An attribute's key has 1 to {ATTRIBUTE_KEY_BYTES_MAX} bytes and does not start with goog")
        if len(value.encode()) > ATTRIBUTE_VALUE_BYTES_MAX:
            raise invalid(f"An attribute's value has at most {ATTRIBUTE_VALUE_BYTES_MAX} bytes")
