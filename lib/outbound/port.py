"""The post port: mail to users. It knows addresses and texts, never a user record."""

from __future__ import annotations

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

    def close(self) -> None:
        """Send what is waiting, for a few seconds at most."""
