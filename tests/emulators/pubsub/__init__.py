"""A local stand-in of Google Pub/Sub (gRPC, v1), for tests: both services, push, filters, order, dead letters.

`with start() as emulator:` and set PUBSUB_EMULATOR_HOST to `emulator.address`; or `python -m tests.emulators.pubsub
--port N`. Everything is in memory and ends with it. Stricter than the service where that catches mistakes: one message
of an ordering key is out at a time, an acknowledgement after its lease counts for nothing. Schemas, exports, transforms
and keys of one's own are refused as unsupported.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulators.pubsub.board import Board, Clock
from tests.emulators.pubsub.delivery import delivery
from tests.emulators.pubsub.meter import Meter
from tests.emulators.pubsub.publisher import publisher
from tests.emulators.pubsub.push import Pusher, Signer
from tests.emulators.pubsub.subscription import subscriptions
from tests.emulators.rpc import Method, Server

PULL_WAIT_S = 0.5
PUSH_BACKOFF_S = (0.1, 60.0)


def start(
    port: int = 0,
    *,
    signer: Signer | None = None,
    pull_wait_s: float = PULL_WAIT_S,
    push_backoff_s: tuple[float, float] = PUSH_BACKOFF_S,
) -> PubsubEmulator:
    """A running stand-in. `signer` makes the OIDC tokens of push subscriptions, a pull waits `pull_wait_s` for a first
    message, a push is repeated after the least of `push_backoff_s` or more, up to the most."""
    return PubsubEmulator(port, signer, pull_wait_s, push_backoff_s)


class PubsubEmulator:
    """`address` is where it listens; `meter` counts; `clock.advance(s)` makes leases and waits end early;
    `server.fail(name, code, times)` makes calls fail."""

    def __init__(
        self, port: int, signer: Signer | None, pull_wait_s: float, push_backoff_s: tuple[float, float]
    ) -> None:
        self.clock = Clock()
        self.meter = Meter()
        self._board = Board(self.clock, self.meter)
        services = {
            "google.pubsub.v1.Publisher": self._each_alone(publisher(self._board)),
            "google.pubsub.v1.Subscriber": {
                **self._each_alone(subscriptions(self._board, signer is not None)),
                **delivery(self._board, self._alone, pull_wait_s),
            },
        }
        self._pusher = Pusher(self._board, signer, push_backoff_s)
        self.server = Server(services, port)
        self.address = self.server.address

    def __enter__(self) -> PubsubEmulator:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def reset(self) -> None:
        """Forget every topic, subscription and count; the clock goes right again."""
        self.clock.reset()
        self._board.reset()
        self.server.reset()

    def stop(self) -> None:
        self.server.stop()
        self._pusher.stop()

    def _each_alone(self, table: dict[str, Method]) -> dict[str, Method]:
        return {name: method._replace(run=self._alone(method.run)) for name, method in table.items()}

    def _alone(self, run: Callable[[Any], Any]) -> Callable[[Any], Any]:
        """The call while no other is made; its answer is a copy, which no other changes."""

        def answer(request: Any) -> Any:
            with self._board.gate:
                found = run(request)
                copy = type(found)()
                copy.CopyFrom(found)
                return copy

        return answer
