"""The bus port: telling others, after the commit, what the log already holds.

The log in the store is the truth; the bus carries copies out (Pub/Sub topics in the cloud) and wakes those who wait.
Delivery is at least once; messages of one channel keep their order; ids are those of the log, so a repeat is known.
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
        """Carry the messages out, in order. Raises Unavailable when that failed: the outbox then keeps them."""

    def wake(self, channel: str) -> None:
        """Wake this process's waiters of the channel at once, before anything is carried out."""

    def watch(self, wake: Wake) -> Callable[[], None]:
        """Call `wake` whenever a channel may have news, this process's or another's. Gives what stops it."""

    def close(self) -> None: ...
