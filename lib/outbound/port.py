"""The outbound ports: mail to users, and calls of other machines over HTTP. They use addresses and texts, never a
record of the hub."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Mail(NamedTuple):
    """One message to one address. The text may hold a secret: it is never logged."""

    to: str
    subject: str
    text: str


class Post(Protocol):
    """Sends mail. `send` reports no failure: the caller of the hub already has its
    answer."""

    def send(self, mail: Mail) -> None:
        """Queue a message. Never raises: if a message cannot be sent, the failure is logged, without address or text,
        and the message is dropped."""

    def deliver(self, mail: Mail) -> None:
        """Send a message now, for a caller that retries. Raises Unavailable when the server did not accept it, with a
        text without the address and the message."""

    def close(self) -> None:
        """Send the waiting messages, for a few seconds at most."""


class Answer(NamedTuple):
    """The answer of another server: names of headers in lower case; `is_cut` when the body was longer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False


class Courier(Protocol):
    """Calls other machines over HTTP, except internal ones: this machine, its network, the cloud it runs in. It calls
    exactly the address that was checked, so that a change of a name in between has no effect. It follows no redirect: a
    redirect is an answer like any other.

    Raises Invalid with the path `url` for a URL that may not be called, Unavailable when no answer came in time;
    neither repeats the URL, which may hold a secret. Every promise is a test in `tests/contracts/test_courier.py`.
    """

    def check(self, url: str) -> None:
        """Raise Invalid for a URL that may not be called at present."""

    def fetch(self, url: str, headers: Mapping[str, str] = {}, *, bytes_max: int) -> Answer:
        """GET a URL; of a longer body its first `bytes_max` bytes."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST a body; the answer holds only the beginning of its own body."""
