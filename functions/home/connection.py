"""One request's side of a connection under ASGI: its body, its reply, and whether the client is still there.

Called by the ASGI shell. A body is limited while it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from lib.errors import Invalid, TooLarge

BODY_SILENCE_S = 60
"""A body of which nothing more arrives for so long is given up."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Gone(Exception):
    """The client hung up before it had sent its request whole."""


class Connection:
    """One request's side of a connection: its body, its reply, and whether the client is still there."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self.send = send
        self._watcher: asyncio.Task[None] | None = None

    async def body(self, bytes_max: int, announced: str) -> bytes:
        """The whole body. Raises TooLarge as soon as it is known to be, Invalid when it stops coming, Gone."""
        if announced.isascii() and announced.isdecimal() and int(announced) > bytes_max:
            raise _too_large(bytes_max)
        chunks, size = [], 0
        while True:
            try:
                async with asyncio.timeout(BODY_SILENCE_S):
                    message = await self._receive()
            except TimeoutError:
                raise Invalid("", "the body did not arrive") from None
            if message["type"] == "http.disconnect":
                raise Gone
            chunk = message.get("body", b"")
            size += len(chunk)
            if size > bytes_max:
                raise _too_large(bytes_max)
            chunks.append(chunk)
            if not message.get("more_body", False):
                return chunks[0] if len(chunks) == 1 else b"".join(chunks)

    def watch(self) -> asyncio.Task[None]:
        """Begin to notice that the client hangs up; only after the body was read, or where there is none."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._until_gone())
        return self._watcher

    def on_gone(self, tell: Callable[[], None]) -> None:
        self.watch().add_done_callback(lambda _: tell())

    @property
    def is_gone(self) -> bool:
        return self._watcher is not None and self._watcher.done()

    async def hung_up(self) -> bool:
        """Whether the client is known to be gone, as of now: gives the watcher its turn first."""
        self.watch()
        await asyncio.sleep(0)
        return self.is_gone

    async def _until_gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()


def _too_large(bytes_max: int) -> TooLarge:
    return TooLarge(f"a body here has at most {bytes_max} bytes")
