"""The bus port: publishes committed events of the log.

The log in the store is authoritative. The bus publishes copies of its events (to Pub/Sub topics in the cloud) and wakes
waiting readers. Delivery is at least once. Messages of one channel keep their order. Ids are those of the log, so a
receiver recognises a repeated message. Every promise below is a test in `tests/contracts/test_bus.py`, which each
adapter joins by one line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple, Protocol


class Message(NamedTuple):
    """A copy of one event: its channel (the ordering key), its stable id, its CloudEvent as JSON, its attributes."""

    channel: str
    id: str
    data: bytes
    attributes: Mapping[str, str]


Wake = Callable[[str | None], None]
"""Called with a channel that may have new events, or None for any channel; from any thread; must not block or raise."""


class Bus(Protocol):
    """Publishes committed events and wakes waiters. `carries` is false if the bus publishes nothing outside the log:
    after a commit it only wakes waiters."""

    carries: bool

    def publish(self, messages: Sequence[Message]) -> None:
        """Publish the messages, those of a channel in order. Raises Unavailable, within seconds, on failure: some
        messages may have been published, and the outbox keeps them all. A message that the service would always refuse
        does not raise: it is published without its data, with an attribute `dataref` that holds the address of the
        data."""

    def wake(self, channel: str) -> None:
        """Wake this process's waiters of the channel at once, before anything is published."""

    def watch(self, wake: Wake) -> Callable[[], None]:
        """Call `wake` whenever a channel may have new events, of this process or another. Returns a function that stops
        this."""

    def close(self) -> None: ...


class DeadLetter(NamedTuple):
    """A message that a subscriber did not acknowledge. It holds the number of tries, the subscription ("" if the
    message was published here directly), the instant of the first publication (canonical text), and the handle of its
    lease. The attributes are complete. Without an event's id it has the id of the service."""

    message: Message
    attempts: int
    source: str
    published_at: str
    handle: str


class DeadLetters(Protocol):
    """Access to dead letters. All methods raise Unavailable when the service fails, NotFound when the subscription does
    not exist."""

    def find(self, limit: int) -> list[DeadLetter]:
        """Up to `limit` dead letters, oldest first. They are leased to this object, and other readers do not get them,
        until they are replayed or dropped, or this object is closed. A second call returns others."""

    def replay(self, letter: DeadLetter) -> None:
        """Publish it again to its topic, unchanged: same id, channel, attributes, data. It is dropped here only after
        that."""

    def drop(self, letter: DeadLetter) -> None:
        """Delete it."""

    def close(self) -> None: ...
