"""uvicorn's HTTP protocol with the two limits it lacks: how long a request's head may be, and how long it may take.

Without them a client that sends headers for ever takes memory, and one that sends none keeps a connection. Called by
`functions.local`; bodies are limited by the ASGI shell.
"""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_BYTES_MAX = 256 * 1024
"""Longest request line and headers, give or take one read from the socket."""
HEAD_S = 20
"""A head must be whole so long after the connection was made, or after its first bytes on a connection kept alive."""


class GuardedProtocol(HttpToolsProtocol):
    """Closes a connection whose next request's head does not come to an end."""

    _is_in_head = True
    _head_bytes = 0
    _deadline: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
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
