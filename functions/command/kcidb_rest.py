"""Another hub, as those who submit to it see it: `POST …/submit` with a token (kcidb.md 3.3 and 3.4).

A submission is known by its content, so one may be sent again whenever it is not certain what became of it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlsplit, urlunsplit
from urllib.request import HTTPRedirectHandler, Request, build_opener

from lib.errors import Invalid, Unavailable

VARIABLE = "KCIDB_REST"
"""`https://TOKEN@host[:port][/path]`, as KCIDB's own clients read it."""
TIMEOUT_S = 60
ATTEMPTS = 4
AGAIN = frozenset((429, 500, 502, 503, 504))
WAIT_S_MAX = 30
ANSWER_BYTES_MAX = 4 * 1024 * 1024
NEAR = ("localhost", "127.0.0.1", "::1")


class _Straight(HTTPRedirectHandler):
    """Follows nothing: a token is for the one it was given for."""

    def redirect_request(self, *arguments: Any) -> None:
        return None


@dataclass(frozen=True, slots=True)
class Rest:
    """Where to submit, and the token to show there."""

    url: str
    token: str
    sleep: Callable[[float], object] = time.sleep

    def submit(self, text: bytes, query: str = "") -> tuple[int, dict[str, Any]]:
        """Status and JSON of the answer. Raises Unavailable when none comes in ATTEMPTS."""
        for attempt in range(1, ATTEMPTS + 1):
            try:
                status, answer, wait = self._send(text, query)
            except (URLError, TimeoutError, ConnectionError) as error:
                if attempt == ATTEMPTS:
                    raise Unavailable(f"{self.url} does not answer: {getattr(error, 'reason', error)}") from error
                status, answer, wait = 503, {}, ""
            if status not in AGAIN or attempt == ATTEMPTS:
                break
            self.sleep(min(WAIT_S_MAX, int(wait) if wait.isdecimal() and len(wait) < 5 else 2**attempt))
        return status, answer

    def _send(self, text: bytes, query: str) -> tuple[int, dict[str, Any], str]:
        headers = {"content-type": "application/json", "user-agent": "tributary"}
        if self.token:
            headers["authorization"] = f"Bearer {self.token}"
        request = Request(self.url + query, data=text, headers=headers, method="POST")  # noqa: S310 - http(s), checked
        try:
            reply = build_opener(_Straight).open(request, timeout=TIMEOUT_S)
        except HTTPError as error:
            reply = error
        with reply:
            return reply.status, _answer(reply.read(ANSWER_BYTES_MAX)), reply.headers.get("retry-after", "")


def named(url: str | None, token: str | None) -> Rest | None:
    """The hub that the options or KCIDB_REST name; None for this machine's own store. Raises Invalid."""
    if url is None:
        url = os.environ.get(VARIABLE)
        if not url:
            return None
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.query or parts.fragment:
        raise Invalid("--url", "must be like https://hub.example.org, or KCIDB_REST like https://TOKEN@hub.example.org")
    secret = token or parts.username or ""
    if secret and parts.scheme == "http" and parts.hostname not in NEAR:
        raise Invalid("--url", "must begin with https://, or the token could be read on its way")
    path = parts.path.rstrip("/")
    path = path if path.endswith("/submit") else f"{path}/submit"
    return Rest(urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], path, "", "")), secret)


def _answer(body: bytes) -> dict[str, Any]:
    """The JSON of an answer; of one that is none, what it says."""
    try:
        value = json.loads(body)
    except ValueError:
        value = None
    return value if isinstance(value, dict) else {"message": body[:300].decode(errors="replace")}
