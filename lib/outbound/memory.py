"""Mail that is kept instead of sent. Made by tests."""

from __future__ import annotations

from lib.outbound.port import Mail


class MemoryPost:
    """Remembers the last messages, oldest first."""

    def __init__(self, mails_max: int = 100) -> None:
        self.sent: list[Mail] = []
        self._mails_max = mails_max

    def send(self, mail: Mail) -> None:
        self.sent = [*self.sent, mail][-self._mails_max :]

    def close(self) -> None:
        pass
