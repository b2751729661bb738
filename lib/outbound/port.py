"""The ports of what goes out: mail to users, and calls of other machines over HTTP. They know addresses and texts,
never a record of ours."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple, Protocol


class Mail(NamedTuple):
    """One message to one address. The text may hold a secret: it is never logged."""

    to: str
    subject: str
    text: str


class Post(Protocol):
    """Sends mail, as well as it can: who asked for it has his answer already."""

    def send(self, mail: Mail) -> None:
        """Have a message sent. Never raises: one that cannot be sent is logged, without its address or text, and
        gone."""

    def deliver(self, mail: Mail) -> None:
        """Send a message now, for who tries again by himself. Raises Unavailable when the server did not take it, in
        words without its address or text."""

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""


class Answer(NamedTuple):
    """What another server answered: names of headers in lower case; `is_cut` when the body was longer."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_cut: bool = False


class Courier(Protocol):
    """Calls other machines over HTTP, and none that a stranger must not have it call: of this machine, of its network,
    of the cloud it runs in. What was checked is what is called, so that a name cannot lead elsewhere in between. No
    redirect is followed: it is an answer like any other.

    Raises Invalid with the path `url` for a URL that may not be called, Unavailable when no answer came in time;
    neither repeats the URL, which may hold a secret. Every promise is a test in `tests/contracts/test_courier.py`.
    """

    def check(self, url: str) -> None:
        """Raise Invalid for a URL that may not be called as things are now."""

    def fetch(self, url: str, headers: Mapping[str, str] = {}, *, bytes_max: int) -> Answer:
        """GET a URL; of a longer body its first `bytes_max` bytes."""

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        """POST a body; of the answer's own body no more than its beginning."""
