"""The bus of the cloud: each event is published to a Pub/Sub topic, for whoever subscribes to that.

Hides Google's client, requests and their limits, retries. Called through `open.py` only. Source: `port.py`;
docs/pubsub.md says the same to those who subscribe. Messages of a channel have it as ordering key. A message that
Pub/Sub would not take is carried without its data (`pubsub_message.thin`), so that none can block a channel.

The client library's own batches hold each message back for 10 ms; here a request goes out at once with all there is.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from google.api_core import exceptions
from google.api_core.retry import Retry, if_exception_type
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud.pubsub_v1 import PublisherClient as Front
from google.pubsub_v1 import PublisherClient
from google.pubsub_v1.types import PublishRequest

from lib.errors import Invalid, Unavailable
from lib.messaging.port import Message, Wake
from lib.messaging.pubsub_message import MESSAGE_BYTES_MAX, bare, encode, thin
from lib.messaging.sqlite import EmbeddedBus

REQUEST_MESSAGES_MAX = 1000
REQUEST_BYTES_MAX = MESSAGE_BYTES_MAX
DEADLINE_S = 5.0
"""How long one request is repeated; somebody waits for the answer to the write that made the event."""
PAUSE_S = 5.0
"""After a failure no request is tried for so long: during an outage not every write must wait for the deadline."""
POLL_S = 1.0
"""Between two wakings where nothing tells of other processes' commits."""
TRANSIENT = (
    exceptions.Aborted, exceptions.Cancelled, exceptions.DeadlineExceeded, exceptions.InternalServerError,
    exceptions.ResourceExhausted, exceptions.ServiceUnavailable, exceptions.Unknown,
)  # fmt: skip

log = logging.getLogger(__name__)


def connect() -> PublisherClient:
    """A client of the service, or of what PUBSUB_EMULATOR_HOST names. Raises Invalid without credentials."""
    try:
        # Only this class knows the emulator's variable; only its base lets a caller make requests of their own.
        return PublisherClient(transport=Front().transport)
    except DefaultCredentialsError as error:
        raise Invalid("HUB_BUS", "no Google credentials were found for Pub/Sub") from error


class PubsubBus:
    """Publishes to `topic` (its full name). `near` wakes the waiters of this machine; where it does not hear of other
    processes, `poll_s` says how often all are woken to look for themselves."""

    carries = True

    def __init__(
        self,
        topic: str,
        near: EmbeddedBus,
        *,
        poll_s: float | None = POLL_S,
        deadline_s: float = DEADLINE_S,
        pause_s: float = PAUSE_S,
    ) -> None:
        self._topic, self._near, self._poll_s = topic, near, poll_s
        self._deadline_s, self._pause_s = deadline_s, pause_s
        self._client = connect()
        self._retry = Retry(if_exception_type(*TRANSIENT), initial=0.1, maximum=1.0, timeout=deadline_s)
        self._failed_at: float | None = None
        self._gate = threading.Lock()
        self._is_closed = threading.Event()
        self._ticker: threading.Thread | None = None

    def publish(self, messages: Sequence[Message]) -> None:
        for batch in batches(messages):
            try:
                self._send([parcel.body for parcel in batch])
            except exceptions.InvalidArgument as error:
                log.warning("a request of %d messages was refused: %s", len(batch), error.message)
                self._send_each(batch)

    def wake(self, channel: str) -> None:
        self._near.wake(channel)

    def watch(self, wake: Wake) -> Callable[[], None]:
        with self._gate:
            if self._poll_s is not None and self._ticker is None and not self._is_closed.is_set():
                self._ticker = threading.Thread(target=self._tick, name="pubsub-watch", daemon=True)
                self._ticker.start()
        return self._near.watch(wake)

    def close(self) -> None:
        """Stop waking; no watcher is woken afterwards."""
        with self._gate:
            self._is_closed.set()
        if self._ticker is not None:
            self._ticker.join()
        self._near.close()
        self._client.transport.close()

    def _tick(self) -> None:
        while not self._is_closed.wait(self._poll_s):
            self._near.wake(None)

    def _send_each(self, batch: Sequence[Parcel]) -> None:
        """Find the message that was refused, in order; it goes with less and less in it."""
        for message, body in batch:
            less = thin(message)
            for form in (body, encode(less), encode(bare(less))):
                try:
                    self._send([form])
                    break
                except exceptions.InvalidArgument as error:
                    log.error("event %s was refused by Pub/Sub: %s", message.id, error.message)
            else:
                # Nothing is left in it that could be refused: it is not the message, all would be lost by going on.
                self._failed_at = time.monotonic()
                raise Unavailable("Pub/Sub refuses whatever is published")

    def _send(self, bodies: Sequence[Any]) -> None:
        """One request. Raises InvalidArgument when it can never succeed, Unavailable when it may later."""
        failed_at = self._failed_at
        if failed_at is not None and time.monotonic() < failed_at + self._pause_s:
            raise Unavailable("Pub/Sub failed a moment ago")
        request = PublishRequest.wrap(PublishRequest.pb()(topic=self._topic, messages=bodies))
        try:
            self._client.publish(request, retry=self._retry, timeout=self._deadline_s)
        except exceptions.InvalidArgument:
            raise
        except (exceptions.GoogleAPIError, GoogleAuthError) as error:
            self._failed_at = time.monotonic()
            raise Unavailable(f"Pub/Sub did not take {len(bodies)} messages: {_why(error)}") from error
        self._failed_at = None


class Parcel(NamedTuple):
    """A message, and what Pub/Sub gets of it."""

    message: Message
    body: Any


def batches(messages: Sequence[Message]) -> Iterator[list[Parcel]]:
    """The messages by channel, each channel's in order, in portions of one request."""
    channels: dict[str, list[Parcel]] = {}
    for message in messages:
        channels.setdefault(message.channel, []).append(Parcel(message, encode(message)))
    for parcels in channels.values():
        portion: list[Parcel] = []
        size = 0
        for parcel in parcels:
            more = parcel.body.ByteSize()
            if portion and (len(portion) == REQUEST_MESSAGES_MAX or size + more > REQUEST_BYTES_MAX):
                yield portion
                portion, size = [], 0
            portion.append(parcel)
            size += more
        yield portion


def _why(error: Any) -> str:
    """A short reason, safe for a log."""
    cause = getattr(error, "cause", None) or error
    return f"{type(cause).__name__}: {getattr(cause, 'message', cause)}"
