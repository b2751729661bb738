"""Topics, subscriptions and snapshots, under one lock: what both services and the pusher work on."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any, TypeVar

from google.protobuf import timestamp_pb2

from tests.emulators.pubsub import wire
from tests.emulators.pubsub.meter import Meter
from tests.emulators.pubsub.queue import Held, Queue

LOOK_S = 0.1
"""Between two looks at what may have become due."""

T = TypeVar("T")


class Clock:
    """The time of day, which tests may put forward instead of waiting."""

    def __init__(self) -> None:
        self._ahead_s = 0.0

    def __call__(self) -> float:
        return time.time() + self._ahead_s

    def advance(self, seconds: float) -> None:
        self._ahead_s += seconds

    def reset(self) -> None:
        self._ahead_s = 0.0


class Board:
    """`gate` guards everything here, and is notified whenever there may be something to deliver."""

    def __init__(self, clock: Callable[[], float], meter: Meter) -> None:
        self.clock, self.meter = clock, meter
        self.gate = threading.Condition(threading.RLock())
        self.topics: dict[str, Any] = {}
        self.queues: dict[str, Queue] = {}
        self.snapshots: dict[str, tuple[Any, int, frozenset[int]]] = {}
        """By name: the snapshot, the number of the last message before it, and the backlog it holds."""
        self._numbers = itertools.count(1)
        self.last = 0

    def reset(self) -> None:
        with self.gate:
            for known in (self.topics, self.queues, self.snapshots):
                known.clear()
            self.meter.reset()
            self.gate.notify_all()

    def topic(self, name: str) -> Any:
        if name not in self.topics:
            raise wire.missing(name)
        return self.topics[name]

    def queue(self, name: str) -> Queue:
        if name not in self.queues:
            raise wire.missing(name)
        return self.queues[name]

    def live(self, name: str) -> Queue:
        """A subscription that delivers."""
        queue = self.queue(name)
        if queue.config.detached:
            raise wire.Refused(wire.Code.FAILED_PRECONDITION, f"The subscription is detached: {name}")
        return queue

    def of(self, topic: str) -> list[Queue]:
        """The subscriptions of a topic."""
        return [q for q in self.queues.values() if q.config.topic == topic and not q.config.detached]

    def publish(self, topic: str, messages: Iterable[Any]) -> list[str]:
        """Number the messages and give each subscription its own; gives their ids."""
        now = timestamp_pb2.Timestamp()
        now.FromNanoseconds(int(self.clock() * 1e9))
        ids = []
        for message in messages:
            self.last = next(self._numbers)
            message.message_id = str(self.last)
            message.publish_time.CopyFrom(now)
            ids.append(message.message_id)
            for queue in self.of(topic):
                queue.add(self.last, message)
        self.gate.notify_all()
        return ids

    def bury(self, queue: Queue, held: Held) -> bool:
        """Send a message to its dead letters, with where it comes from; tells whether they exist."""
        topic = queue.config.dead_letter_policy.dead_letter_topic
        if topic not in self.topics:
            return False
        copy = wire.PubsubMessage()
        copy.CopyFrom(held.message)
        _, project, _, name = queue.config.name.split("/")
        copy.attributes.update(
            CloudPubSubDeadLetterSourceDeliveryCount=str(held.attempts),
            CloudPubSubDeadLetterSourceSubscription=name,
            CloudPubSubDeadLetterSourceSubscriptionProject=project,
            CloudPubSubDeadLetterSourceTopicPublishTime=held.message.publish_time.ToJsonString(),
        )
        self.meter.dead += 1
        self.publish(topic, [copy])
        return True

    def note(self, delivered: Sequence[Held]) -> None:
        """Count what goes out in one answer."""
        if delivered:
            self.meter.deliver(len(delivered), sum(wire.size_of(held.message) for held in delivered))

    def wait(self, look: Callable[[], T], timeout_s: float) -> T:
        """What `look` gives, as soon as it is something, or at the end of the time."""
        end = time.monotonic() + timeout_s
        while True:
            found = look()
            left = end - time.monotonic()
            if found or left <= 0:
                return found
            self.gate.wait(min(left, LOOK_S))
