"""Mail and calls that are kept in memory instead of sent. Made by tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lib.errors import Invalid
from lib.outbound.port import Answer, Mail


class MemoryPost:
    """Keeps the last messages, oldest first."""

    def __init__(self, mails_max: int = 100) -> None:
        self.sent: list[Mail] = []
        self._mails_max = mails_max

    def send(self, mail: Mail) -> None:
        self.sent = [*self.sent, mail][-self._mails_max :]

    def deliver(self, mail: Mail) -> None:
        self.send(mail)

    def close(self) -> None:
        pass


class MemoryCourier:
    """Keeps the last calls; `reply` answers them. Hosts that end in `.invalid` may not be called."""

    def __init__(
        self, reply: Callable[[str], Answer] = lambda url: Answer(204, {}, b""), calls_max: int = 1000
    ) -> None:
        self.calls: list[tuple[str, bytes, Mapping[str, str]]] = []
        self.reply = reply
        self._calls_max = calls_max

    def check(self, url: str) -> None:
        if ".invalid" in url:
            raise Invalid("url", "may not be called")

    def fetch(self, url: str, headers: Mapping[str, str] = {}, *, bytes_max: int) -> Answer:
        answer = self._call(url, b"", headers)
        return answer._replace(body=answer.body[:bytes_max], is_cut=len(answer.body) > bytes_max)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        return self._call(url, body, headers)

    def _call(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        self.check(url)
        self.calls = [*self.calls, (url, body, headers)][-self._calls_max :]
        return self.reply(url)
