"""uvicorn's HTTP protocol with the two limits it lacks: how long a request's head may be, and how long it may take.

Without them a client that sends headers for ever takes memory, and one that sends none keeps a connection. It also
sends the head of a response and its body as one packet, where uvicorn makes two. Called by `serve`; bodies are
limited by the ASGI shell.
"""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 256 * 1024
"""Longest request line and headers, give or take one read from the socket."""
HEAD_S = 20
"""A head must be whole so long after the connection was made, or after its first bytes on a connection kept alive."""


class Joined:
    """A transport that holds a response's head back until its body comes, in the same turn of the loop mostly, and at
    the latest until the next one."""

    def __init__(self, transport: asyncio.Transport, loop: asyncio.AbstractEventLoop) -> None:
        self._transport, self._loop = transport, loop
        self._head: bytes | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def write(self, data: bytes) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.writelines((head, data))
        elif data.startswith(b"HTTP/1.1 "):
            self._head = data
            self._loop.call_soon(self._flush)
        else:
            self._transport.write(data)

    def close(self) -> None:
        self._flush()
        self._transport.close()

    def is_closing(self) -> bool:
        return self._transport.is_closing()

    def _flush(self) -> None:
        if self._head is not None:
            head, self._head = self._head, None
            self._transport.write(head)


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request's head does not come to an end."""

    _is_in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self.transport = Joined(transport, self.loop)  # type: ignore[assignment]
        self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        self._unset_deadline()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        # What comes in the same read as the end of something else is not counted: it is bounded by the read.
        was_in_head = self._is_in_head
        super().data_received(data)
        if was_in_head and self._is_in_head:
            self._head_bytes += len(data)
            if self._head_bytes > HEAD_BYTES_MAX and not self.transport.is_closing():
                self._give_up()

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._is_in_head, self._head_bytes = True, 0
        if self._deadline is None:
            self._deadline = self.loop.call_later(HEAD_S, self._give_up)

    def on_headers_complete(self) -> None:
        self._is_in_head = False
        self._unset_deadline()
        super().on_headers_complete()

    def _unset_deadline(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        if not self.transport.is_closing():
            self.send_400_response("The head of the request is too long, or took too long.")
