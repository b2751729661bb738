"""A real SMTP server on this machine that keeps the received mail."""

from __future__ import annotations

import email
import email.policy
import re
import socket
import ssl
import time
from collections.abc import Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword


class Mailbox:
    """The received messages, their addresses, and the log-ins with their kind of connection."""

    def __init__(self, password: str = "") -> None:
        self.messages: list[EmailMessage] = []
        self.envelopes: list[tuple[str, list[str]]] = []
        self.logins: list[tuple[str, str]] = []
        self.encrypted: list[bool] = []
        self.port = 0
        self._password = password

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.messages.append(email.message_from_bytes(envelope.content, policy=email.policy.default))  # type: ignore[arg-type]
        self.envelopes.append((envelope.mail_from, envelope.rcpt_tos))
        self.encrypted.append(session.ssl is not None)
        return "250 kept"

    def authenticate(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.logins.append((data.login.decode(), data.password.decode()))
        return AuthResult(success=data.password.decode() == self._password, handled=False)

    def wait(self, number: int = 1, seconds: float = 60) -> list[EmailMessage]:
        """The messages, once there are so many."""
        end = time.monotonic() + seconds
        while len(self.messages) < number:
            assert time.monotonic() < end, f"{len(self.messages)} of {number} messages came"
            time.sleep(0.02)
        return self.messages


@contextmanager
def mailbox(password: str = "", tls: ssl.SSLContext | None = None) -> Iterator[Mailbox]:
    """A server while the block runs: with `tls` it offers STARTTLS, with a password it lets users log in."""
    box = Mailbox(password)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        box.port = probe.getsockname()[1]
    more: dict[str, Any] = {}
    if password:
        more = {"authenticator": box.authenticate, "auth_require_tls": tls is not None}
    if tls is not None:
        more |= {"tls_context": tls, "require_starttls": True, "auth_required": bool(password)}
    controller = Controller(box, hostname="127.0.0.1", port=box.port, **more)
    controller.start()
    try:
        yield box
    finally:
        controller.stop()


def token_in(message: EmailMessage) -> str:
    """The token that a letter holds."""
    (found,) = re.findall(r"^[\w-]+\.[\w-]+\.[\w-]+\r?$", message.get_content(), re.MULTILINE)
    return str(found).strip()
