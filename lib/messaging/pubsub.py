"""The bus of the cloud: publishes each event to a Pub/Sub topic.

Hides Google's client, requests and their limits, retries. Called through `open.py` only. Source: `port.py`;
docs/pubsub.md describes the messages for subscribers. The channel of a message is its ordering key. A message that
Pub/Sub refuses is published without its data (`pubsub_message.thin`), so that no message can block a channel. The
batches of the client library delay each message by 10 ms; this module sends a request at once with all waiting
messages.
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
"""How long one request is retried, in seconds. A client waits meanwhile for the reply to the write that made the
event."""
PAUSE_S = 5.0
"""Seconds after a failure in which no request is tried, so that during an outage not every write waits for the
deadline."""
POLL_S = 1.0
"""Seconds between two wakings where the store does not signal the commits of other processes."""
TRANSIENT = (
    exceptions.Aborted, exceptions.Cancelled, exceptions.DeadlineExceeded, exceptions.InternalServerError,
    exceptions.ResourceExhausted, exceptions.ServiceUnavailable, exceptions.Unknown,
)  # fmt: skip

log = logging.getLogger(__name__)


def connect() -> PublisherClient:
    """A client of the service, or of the emulator that PUBSUB_EMULATOR_HOST names. Raises Invalid without
    credentials."""
    try:
        # Only this class reads the emulator's variable; only its base class lets a caller build requests.
        return PublisherClient(transport=Front().transport)
    except DefaultCredentialsError as error:
        raise Invalid("HUB_BUS", "no Google credentials were found for Pub/Sub") from error


class PubsubBus:
    """Publishes to `topic` (its full name). `near` wakes the waiters of this machine. If `near` does not notice other
    processes, all waiters are woken every `poll_s` seconds to read the log."""

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
        """Send the messages one by one, to find the refused one; retry that one with less content each time."""
        for message, body in batch:
            less = thin(message)
            for form in (body, encode(less), encode(bare(less))):
                try:
                    self._send([form])
                    break
                except exceptions.InvalidArgument as error:
                    log.error("event %s was refused by Pub/Sub: %s", message.id, error.message)
            else:
                # A bare message holds nothing to refuse. The cause is not the message; to continue would lose all of
                # them.
                self._failed_at = time.monotonic()
                raise Unavailable("Pub/Sub refuses whatever is published")

    def _send(self, bodies: Sequence[Any]) -> None:
        """Send one request. Raises InvalidArgument when it can never succeed, Unavailable when a retry may succeed."""
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
    """A message, and its form for Pub/Sub."""

    message: Message
    body: Any


def batches(messages: Sequence[Message]) -> Iterator[list[Parcel]]:
    """The messages by channel, those of a channel in order, split into batches of one request each."""
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
