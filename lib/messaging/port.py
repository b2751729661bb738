"""The bus port: telling others, after the commit, what the log already holds.

The log in the store is the truth; the bus carries copies out (Pub/Sub topics in the cloud) and wakes those who wait.
Delivery is at least once; messages of one channel keep their order; ids are those of the log, so a repeat is known.
Every promise below is a test in `tests/contracts/test_bus.py`, which each adapter joins by one line.
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
"""Called with a channel that may have something new, or None for any; from any thread; must not block or raise."""


class Bus(Protocol):
    """Publishes committed events and wakes waiters. `carries` is false where the log itself is all the carrying there
    is, so that nothing is left to do for an event after its commit but waking."""

    carries: bool

    def publish(self, messages: Sequence[Message]) -> None:
        """Carry the messages out, those of a channel in order. Raises Unavailable, within seconds, when that failed:
        some may have been carried, and the outbox keeps them all. One that the carrier would never take never raises:
        it is carried without its data, with an attribute `dataref` that says where that is."""

    def wake(self, channel: str) -> None:
        """Wake this process's waiters of the channel at once, before anything is carried out."""

    def watch(self, wake: Wake) -> Callable[[], None]:
        """Call `wake` whenever a channel may have news, this process's or another's. Gives what stops it."""

    def close(self) -> None: ...


class DeadLetter(NamedTuple):
    """A message that a subscriber did not take: how often it was tried and by which subscription ("": it was put here
    directly), when it was published first (canonical text), and the handle under which it is held. Its attributes are
    all that it had; without an event's id it has the carrier's."""

    message: Message
    attempts: int
    source: str
    published_at: str
    handle: str


class DeadLetters(Protocol):
    """Letters to be looked at. All raise Unavailable when the service fails, NotFound when there is no such place."""

    def find(self, limit: int) -> list[DeadLetter]:
        """Up to so many, oldest first. They are held here, unseen by others, until settled or closed; a second call
        gives others."""

    def replay(self, letter: DeadLetter) -> None:
        """Publish it again where it came from, as it was: same id, channel, attributes, data. It is dropped here only
        after that."""

    def drop(self, letter: DeadLetter) -> None:
        """Be done with it for good."""

    def close(self) -> None: ...
