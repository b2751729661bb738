"""The messages of one subscription: leases, order, attempts, and what was acknowledged and may come back.

Knows no lock and no network: its board does. Times are seconds of the board's clock.
"""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from tests.emulators.pubsub.filter import compile_filter
from tests.emulators.pubsub.wire import invalid

ANSWER_BYTES_MAX = 5_000_000
"""An answer is not filled further than this: with one more message of the greatest size it can still be sent."""
BACKOFF_S = (10.0, 600.0)
"""The bounds of a retry policy that names none."""


@dataclass(slots=True)
class Held:
    """A message that was not acknowledged yet. `ack_id` is that of its lease, if it has one."""

    seq: int
    message: Any
    attempts: int = 0
    due_at: float = 0.0
    ack_id: str = ""
    until: float = 0.0


class Queue:
    """One subscription. `bury(held)` sends a message to the dead letters, and tells whether it could."""

    def __init__(self, config: Any, bury: Callable[[Queue, Held], bool]) -> None:
        self.config = config
        self.passes = compile_filter(config.filter)
        self.is_kept = False
        """Whether acknowledged messages are kept for a snapshot or a topic's sake, besides what the config says."""
        self._bury = bury
        self._held: dict[int, Held] = {}
        self._leased: dict[str, Held] = {}
        self._acked: dict[int, Any] = {}

    @property
    def is_push(self) -> bool:
        return bool(self.config.push_config.push_endpoint) and not self.config.detached

    @property
    def backlog(self) -> list[int]:
        """The messages that were not acknowledged."""
        return sorted(self._held)

    def add(self, seq: int, message: Any) -> None:
        if self.passes(message.attributes):
            self._held[seq] = Held(seq, message)

    def lease(self, count: int, now: float, seconds: float, bytes_max: int = ANSWER_BYTES_MAX) -> list[Held]:
        """Up to so many messages and bytes (one message at least), oldest first, in the hands of the caller until the
        lease ends. With ordering, one of a key is out at a time: the next is held back until it is acknowledged."""
        self.expire(now)
        busy: set[str] = set()
        found: list[Held] = []
        size = 0
        for held in self._held.values():
            if len(found) == count or size >= bytes_max:
                break
            key = held.message.ordering_key if self.config.enable_message_ordering else ""
            if key in busy:
                continue
            if key:
                busy.add(key)
            if not held.ack_id and held.due_at <= now:
                found.append(held)
                size += held.message.ByteSize()
        for held in found:
            held.attempts += 1
            held.ack_id, held.until = f"ack-{uuid.uuid4().hex}", now + seconds
            self._leased[held.ack_id] = held
        return found

    def is_leased(self, ack_id: str) -> bool:
        return ack_id in self._leased

    def acknowledge(self, ack_ids: Iterable[str], now: float) -> tuple[int, list[str]]:
        """Be done with these; gives how many were, and the ids that are no lease any more."""
        self.expire(now)
        live, stale = self._sorted(ack_ids)
        for ack_id in live:
            held = self._leased.pop(ack_id)
            del self._held[held.seq]
            if self.config.retain_acked_messages or self.is_kept:
                self._acked[held.seq] = held.message
        return len(live), stale

    def extend(self, ack_ids: Iterable[str], seconds: int, now: float) -> list[str]:
        """Let these leases end so many seconds from now; 0 gives them back. Gives the ids that are no lease."""
        if not 0 <= seconds <= 600:
            raise invalid(f"An ack deadline is from 0 to 600 s, not {seconds}")
        self.expire(now)
        live, stale = self._sorted(ack_ids)
        for ack_id in live:
            if seconds:
                self._leased[ack_id].until = now + seconds
            else:
                self.give_back(ack_id, now)
        return stale

    def expire(self, now: float) -> None:
        for ack_id in [a for a, held in self._leased.items() if held.until <= now]:
            self.give_back(ack_id, now)

    def give_back(self, ack_id: str, now: float, backoff_s: tuple[float, float] | None = None) -> None:
        """End a lease without success: the message comes again, or goes to the dead letters. `backoff_s` is the least
        and the most wait where the subscription has no retry policy."""
        held = self._leased.pop(ack_id)
        held.ack_id = ""
        policy = self.config.dead_letter_policy
        if policy.dead_letter_topic and held.attempts >= policy.max_delivery_attempts and self._bury(self, held):
            del self._held[held.seq]
            return
        least, most = self._bounds(backoff_s)
        held.due_at = now + min(most, least * 2 ** min(held.attempts - 1, 30))

    def due_at(self, now: float) -> float | None:
        """When there is something to do: a message is due or a lease ends. None: nothing is held."""
        ends = (held.until if held.ack_id else max(held.due_at, now) for held in self._held.values())
        return min(ends, default=None)

    def clear(self) -> None:
        self._held.clear()
        self._leased.clear()
        self._acked.clear()

    def rewind(self, is_open: Callable[[int, Any], bool]) -> None:
        """Take each message that is still known as not acknowledged if `is_open` says so, else as acknowledged."""
        known = {**self._acked, **{seq: held.message for seq, held in self._held.items()}}
        self.clear()
        for seq in sorted(known):
            if is_open(seq, known[seq]):
                self._held[seq] = Held(seq, known[seq])
            else:
                self._acked[seq] = known[seq]

    def _sorted(self, ack_ids: Iterable[str]) -> tuple[list[str], list[str]]:
        unique = list(dict.fromkeys(ack_ids))
        for ack_id in unique:
            if not ack_id.startswith("ack-"):
                raise invalid(f"You have passed an invalid ack ID to the service (ack_id={ack_id}).")
        return [a for a in unique if a in self._leased], [a for a in unique if a not in self._leased]

    def _bounds(self, backoff_s: tuple[float, float] | None) -> tuple[float, float]:
        if not self.config.HasField("retry_policy"):
            return backoff_s or (0.0, 0.0)
        policy = self.config.retry_policy
        given = (policy.minimum_backoff, policy.maximum_backoff)
        return tuple(  # type: ignore[return-value]
            bound.seconds + bound.nanos / 1e9 if policy.HasField(name) else default
            for name, bound, default in zip(("minimum_backoff", "maximum_backoff"), given, BACKOFF_S, strict=True)
        )
