"""What both shells share around `Edge.answer`: they make a Request, limit its body, and run what follows its reply.

A shell itself only carries bytes: `functions.flask_shell` for one cloud function, `functions.home` for one process.
"""

from __future__ import annotations

import itertools
import logging
import re
import secrets
from collections.abc import Callable
from functools import lru_cache

from functions.edge.http import Edge
from lib.dialects.wire import Request
from lib.errors import TooLarge

log = logging.getLogger(__name__)

# Unique enough to find one request in a log, cheap enough to make for each.
_run, _serial = secrets.token_hex(3), itertools.count(1)
_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


def make_request(edge: Edge, method: str, path: str, query: bytes, headers: dict[str, str], base_url: str) -> Request:
    """A Request without its body. Header names are lower-case already; `query` is as the client wrote it."""
    return Request(
        method, path, query.decode("latin-1"), headers, b"", edge.hub.clock(), f"{_run}-{next(_serial):x}", base_url
    )


@lru_cache(1024)
def base_url(scheme: str, host: str) -> str:
    """How the client reached us, as far as its Host header can be believed; without a slash at the end."""
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"


class Body:
    """A request's body while it arrives, of at most `bytes_max`. Raises TooLarge as soon as it is known to be larger:
    by its announced length, or when a chunk is added."""

    def __init__(self, bytes_max: int, announced: str) -> None:
        self._bytes_max = bytes_max
        self._chunks: list[bytes] = []
        self._size = 0
        if announced.isascii() and announced.isdecimal():
            self._check(int(announced))

    def add(self, chunk: bytes) -> None:
        """The next chunk."""
        self._size += len(chunk)
        self._check(self._size)
        self._chunks.append(chunk)

    def whole(self) -> bytes:
        """All chunks."""
        return self._chunks[0] if len(self._chunks) == 1 else b"".join(self._chunks)

    def _check(self, size: int) -> None:
        if size > self._bytes_max:
            raise TooLarge(f"a body here has at most {self._bytes_max} bytes")


def follow_up(step: Callable[[], None] | None, id: str) -> None:
    """Run a step that follows the reply to the request `id`. Never raises."""
    try:
        if step is not None:
            step()
    except Exception:
        log.exception("request=%s: what follows its reply failed", id)
