"""Mail by SMTP: one thread sends the messages of a short queue, or the caller sends itself.

Hides the queue, the connection and its encryption. Made by `open_post`.
"""

from __future__ import annotations

import ipaddress
import logging
import queue
import smtplib
import ssl
import threading
import time
from email.message import EmailMessage
from email.utils import formatdate, make_msgid

from lib.errors import Unavailable
from lib.outbound.port import Mail

log = logging.getLogger(__name__)

WAITING_MAX = 100
"""Messages that wait to be sent; more are dropped."""
TIMEOUT_S = 10
"""Seconds without a reply of the server after which a message is given up."""
CLOSE_S = 5
"""Seconds that `close` waits for messages being sent."""
TLS_PORT = 465
"""The port whose connections are encrypted from their first byte; on others STARTTLS is used where it is offered."""


class SmtpPost:
    """The post port over one SMTP server. `waits`: `send` returns once the server has the message, for deployments
    where no thread outlives a request. A password is sent over an encrypted connection only, or to this machine."""

    def __init__(
        self,
        host: str,
        port: int,
        sender: str,
        password: str = "",
        *,
        waits: bool = False,
        context: ssl.SSLContext | None = None,
    ) -> None:
        self._host, self._port, self._sender, self._password = host, port, sender, password
        self._waits = waits
        self._context = context
        self._waiting: queue.Queue[Mail | None] = queue.Queue(WAITING_MAX)
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def send(self, mail: Mail) -> None:
        if self._waits:
            self._deliver(mail)
            return
        with self._lock:
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, name="post", daemon=True)
                self._thread.start()
        try:
            self._waiting.put_nowait(mail)
        except queue.Full:
            log.warning("a mail was dropped: %d others wait", WAITING_MAX)

    def deliver(self, mail: Mail) -> None:
        try:
            self._hand_over(mail)
        except Exception as error:
            raise Unavailable(f"the mail was not taken: {type(error).__name__}") from None

    def close(self) -> None:
        thread = self._thread
        if thread is None:
            return
        end = time.monotonic() + CLOSE_S
        try:
            self._waiting.put(None, timeout=CLOSE_S)
        except queue.Full:
            return
        thread.join(max(0.0, end - time.monotonic()))

    def _run(self) -> None:
        while (mail := self._waiting.get()) is not None:
            self._deliver(mail)

    def _deliver(self, mail: Mail) -> None:
        try:
            self._hand_over(mail)
        except Exception as error:
            # After any error (an address can make header parsers fail in many ways) the next message is sent. The log
            # omits the error's text, since a server may repeat the message in it.
            log.warning("a mail was not sent: %s", type(error).__name__)

    def _hand_over(self, mail: Mail) -> None:
        message = self._written(mail)
        with self._connect() as line:
            if self._password:
                line.login(self._sender, self._password)
            line.send_message(message, self._sender, [mail.to])

    def _written(self, mail: Mail) -> EmailMessage:
        message = EmailMessage()
        message["From"], message["To"], message["Subject"] = self._sender, mail.to, mail.subject
        message["Date"], message["Message-ID"] = formatdate(usegmt=True), make_msgid(domain=self._domain())
        message["Auto-Submitted"] = "auto-generated"  # RFC 3834: suppresses automatic replies
        message.set_content(mail.text)
        return message

    def _connect(self) -> smtplib.SMTP:
        context = self._context or ssl.create_default_context()
        if self._port == TLS_PORT:
            return smtplib.SMTP_SSL(self._host, self._port, self._domain(), timeout=TIMEOUT_S, context=context)
        line = smtplib.SMTP(self._host, self._port, self._domain(), timeout=TIMEOUT_S)
        try:
            line.ehlo()
            if line.has_extn("starttls"):
                line.starttls(context=context)
            elif self._password and not _is_here(self._host):
                raise smtplib.SMTPNotSupportedError("no encryption is offered: the password is not sent")
        except BaseException:
            line.close()
            raise
        return line

    def _domain(self) -> str:
        """The name that this machine sends to the server; its own name would need a look-up."""
        return self._sender.rpartition("@")[2] or "localhost"


def _is_here(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
