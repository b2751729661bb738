"""Dead letters: messages that a subscriber did not acknowledge in many tries, to be listed, sent again, or dropped.

Pub/Sub moves such a message to the dead-letter topic that its subscription names, with attributes that name its source.
A subscription to that topic keeps it. `find` leases the messages: no other reader gets them until they are replayed or
dropped, or this object is closed. Hides the pulls and leases. Called through `open.py` only, by the command line.
Source: docs/pubsub.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, TypeVar

from google.api_core import exceptions
from google.auth.exceptions import GoogleAuthError
from google.cloud.pubsub_v1 import SubscriberClient
from google.pubsub_v1.types import PubsubMessage

from lib.clock import stamp
from lib.errors import NotFound, Unavailable
from lib.messaging.port import DeadLetter, Message
from lib.messaging.pubsub import connect

SOURCE = "CloudPubSubDeadLetterSource"
"""The prefix of the attributes that Pub/Sub adds."""
TOPIC_DELETED = "_deleted-topic_"
LEASE_S = 600
PULL_MESSAGES = 50
"""Messages of one pull: even at their greatest size they fit into one answer."""
EMPTY_PULLS_MAX = 3
"""A pull may return nothing although messages wait. After this many empty pulls in a row the subscription counts as
empty."""
PULL_TIMEOUT_S = 5
TIMEOUT_S = 20

T = TypeVar("T")


class Expired(Unavailable):
    """No answer came in time."""


class PubsubDeadLetters:
    """The dead letters of one subscription (its full name)."""

    def __init__(self, subscription: str) -> None:
        self._subscription = subscription
        self._publisher = connect()
        self._client = SubscriberClient()
        self._held: set[str] = set()
        self._topics: dict[str, str] = {}

    def find(self, limit: int) -> list[DeadLetter]:
        found: list[DeadLetter] = []
        empty = 0
        while len(found) < limit and empty < EMPTY_PULLS_MAX:
            received = self._pull(min(PULL_MESSAGES, limit - len(found)))
            empty = 0 if received else empty + 1
            found += map(letter_of, received)
        return sorted(found, key=lambda letter: letter.published_at)

    def replay(self, letter: DeadLetter) -> None:
        message = letter.message
        body = PubsubMessage(data=message.data, ordering_key=message.channel, attributes=message.attributes)
        topic = self._topic(letter.source)
        self._ask(lambda: self._publisher.publish(topic=topic, messages=[body], timeout=TIMEOUT_S), topic)
        self.drop(letter)

    def drop(self, letter: DeadLetter) -> None:
        self._ask(lambda: self._client.acknowledge(
            subscription=self._subscription, ack_ids=[letter.handle], timeout=TIMEOUT_S
        ))  # fmt: skip
        self._held.discard(letter.handle)

    def close(self) -> None:
        """Release the messages that were neither replayed nor dropped."""
        held, self._held = self._held, set()
        try:
            if held:
                self._lease(list(held), 0)
        except (Unavailable, NotFound):
            pass  # the leases expire by themselves
        finally:
            self._client.close()
            self._publisher.transport.close()

    def _topic(self, source: str) -> str:
        """The topic of a subscription."""
        if not source:
            raise NotFound("source of the dead letter", "it was published there directly")
        if source not in self._topics:
            found = self._ask(lambda: self._client.get_subscription(subscription=source, timeout=TIMEOUT_S), source)
            self._topics[source] = found.topic
        if self._topics[source] == TOPIC_DELETED:
            raise NotFound("topic of the subscription", source)
        return self._topics[source]

    def _pull(self, count: int) -> list[Any]:
        request = {"subscription": self._subscription, "max_messages": count}
        try:
            answer = self._ask(lambda: self._client.pull(request=request, timeout=PULL_TIMEOUT_S))
        except Expired:
            return []  # without a message a pull waits for one
        received = list(answer.received_messages)
        if received:
            handles = [one.ack_id for one in received]
            self._held.update(handles)
            self._lease(handles, LEASE_S)
        return received

    def _lease(self, handles: list[str], seconds: int) -> None:
        self._ask(lambda: self._client.modify_ack_deadline(
            subscription=self._subscription, ack_ids=handles, ack_deadline_seconds=seconds, timeout=TIMEOUT_S
        ))  # fmt: skip

    def _ask(self, call: Callable[[], T], name: str = "") -> T:
        try:
            return call()
        except exceptions.NotFound as error:
            raise NotFound("resource of Pub/Sub", name or self._subscription) from error
        except exceptions.DeadlineExceeded as error:
            raise Expired("Pub/Sub did not answer in time") from error
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            raise Unavailable(f"Pub/Sub: {getattr(error, 'message', error)}") from error


def letter_of(received: Any) -> DeadLetter:
    """The dead letter of a pulled message."""
    message = received.message
    own = {k: v for k, v in message.attributes.items() if not k.startswith(SOURCE)}
    said = {k.removeprefix(SOURCE): v for k, v in message.attributes.items() if k.startswith(SOURCE)}
    count = said.get("DeliveryCount", "")
    named = (said.get("SubscriptionProject"), said.get("Subscription"))
    source = "projects/{}/subscriptions/{}".format(*named) if all(named) else ""
    channel = message.ordering_key or own.get("channel", "")
    return DeadLetter(
        Message(channel, own.get("id") or message.message_id, message.data, own),
        int(count) if count.isdecimal() else 0, source, _at(said, message.publish_time), received.ack_id,
    )  # fmt: skip


def _at(said: Mapping[str, str], published_at: datetime) -> str:
    """The instant when the message was first published. Pub/Sub sets the attribute, but any publisher may have forged
    it."""
    with suppress(KeyError, ValueError, OverflowError):
        published_at = datetime.fromisoformat(said["TopicPublishTime"]).astimezone(UTC)
    return stamp(published_at)
