"""The receiving sides of the buses for the contract tests: the received messages, and failures on demand."""

from __future__ import annotations

import contextlib
import os
from typing import Any

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1

from lib.messaging.port import Bus, Message
from lib.messaging.pubsub import PubsubBus
from lib.messaging.sqlite import EmbeddedBus
from tests.emulators import pubsub

HOST = "PUBSUB_EMULATOR_HOST"
PROJECT = "projects/demo-x"
TOPIC, READER = f"{PROJECT}/topics/tributary-events", f"{PROJECT}/subscriptions/reader"
DEAD, DEAD_READER = f"{PROJECT}/topics/tributary-dead", f"{PROJECT}/subscriptions/tributary-dead"
ATTEMPTS_MAX = 5
WAIT_S = 60
LARGE = [("grpc.max_receive_message_length", -1)]


class PubsubCarrier:
    """The stand-in of Pub/Sub, with one subscription to the topic, whose dead letters another keeps. The
    environment names it until the end; where it names another one already (Google's own, say), that one is used."""

    def __init__(self) -> None:
        self._patch = pytest.MonkeyPatch()
        self.emulator = None if HOST in os.environ else pubsub.start(pull_wait_s=0.02)
        if self.emulator is not None:
            self._patch.setenv(HOST, self.emulator.address)
        self._publisher = pubsub_v1.PublisherClient()
        channel = grpc.insecure_channel(os.environ[HOST], LARGE)
        transport = pubsub_v1.SubscriberClient.get_transport_class("grpc")(channel=channel)
        self._subscriber = pubsub_v1.SubscriberClient(transport=transport)
        self.bus: Bus

    def open(self, **more: Any) -> Bus:
        """A bus with other times than the usual."""
        return PubsubBus(TOPIC, EmbeddedBus(None), **more)

    def reset(self) -> None:
        if self.emulator is not None:
            self.emulator.reset()
        else:
            self._clear()
        self._publisher.create_topic(name=TOPIC)
        self._publisher.create_topic(name=DEAD)
        self._subscriber.create_subscription(name=DEAD_READER, topic=DEAD)
        policy = {"dead_letter_topic": DEAD, "max_delivery_attempts": ATTEMPTS_MAX}
        self._subscriber.create_subscription(request={"name": READER, "topic": TOPIC, "dead_letter_policy": policy})

    def _clear(self) -> None:
        """Remove the resources that an earlier test left at an external emulator."""
        for subscription in (READER, DEAD_READER):
            with contextlib.suppress(exceptions.NotFound):
                self._subscriber.delete_subscription(subscription=subscription)
        for topic in (TOPIC, DEAD):
            with contextlib.suppress(exceptions.NotFound):
                self._publisher.delete_topic(topic=topic)

    def fail(self, code: grpc.StatusCode, times: int) -> None:
        if self.emulator is None:
            pytest.skip("another emulator does not fail on demand")
        self.emulator.server.fail("Publish", code, times)

    def received(self) -> list[Message]:
        """The messages that arrived since the last call, in the order of publication."""
        found = []
        while received := self._pull():
            found += received
        for one in found:
            assert one.ordering_key == one.attributes.get("channel", "")
            assert one.attributes["content-type"] == "application/cloudevents+json"
        return [read(one) for one in sorted(found, key=lambda one: int(one.message_id))]

    def _pull(self) -> list[Any]:
        request = {"subscription": READER, "max_messages": 1000}
        received = self._subscriber.pull(request=request, timeout=WAIT_S).received_messages
        if received:
            self._subscriber.acknowledge(subscription=READER, ack_ids=[r.ack_id for r in received])
        return [r.message for r in received]

    def refuse_all(self) -> None:
        """Give everything back until it is a dead letter."""
        for _ in range(ATTEMPTS_MAX):
            request = {"subscription": READER, "max_messages": 1000}
            handles = [r.ack_id for r in self._subscriber.pull(request=request, timeout=WAIT_S).received_messages]
            self._subscriber.modify_ack_deadline(subscription=READER, ack_ids=handles, ack_deadline_seconds=0)

    def drop_topic(self) -> None:
        self._publisher.delete_topic(topic=TOPIC)

    def put_dead(self, data: bytes, **attributes: str) -> None:
        """Put something among the dead letters that never was one."""
        self._publisher.publish(DEAD, data, **attributes).result(WAIT_S)

    def __enter__(self) -> PubsubCarrier:
        return self

    def __exit__(self, *_: object) -> None:
        self._patch.undo()
        self._publisher.transport.close()
        self._subscriber.close()
        if self.emulator is not None:
            self.emulator.stop()


def read(message: Any) -> Message:
    """The event of a message, less the attributes that only Pub/Sub's form of it has."""
    own = {k: v for k, v in message.attributes.items() if k not in ("id", "content-type")}
    return Message(message.ordering_key, message.attributes["id"], message.data, own)
