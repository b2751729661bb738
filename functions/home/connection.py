"""One request's side of a connection under ASGI: its body, its reply, and whether the client is still there.

Called by the ASGI shell. A body is limited while it arrives.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from functions.edge.shell import Body
from lib.errors import Invalid

BODY_SILENCE_S = 60
"""A body of which nothing more arrives for so long is given up."""

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]


class Disconnected(Exception):
    """The client closed the connection before it had sent its request whole."""


class Connection:
    """One request's side of a connection: its body, its reply, and whether the client is still there."""

    def __init__(self, receive: Receive, send: Send) -> None:
        self._receive = receive
        self.send = send
        self._watcher: asyncio.Task[None] | None = None

    async def body(self, bytes_max: int, announced: str) -> bytes:
        """The whole body. Raises TooLarge as soon as it is known to be, Invalid when it stops coming, Disconnected."""
        body = Body(bytes_max, announced)
        while True:
            try:
                async with asyncio.timeout(BODY_SILENCE_S):
                    message = await self._receive()
            except TimeoutError:
                raise Invalid("", "the body did not arrive") from None
            if message["type"] == "http.disconnect":
                raise Disconnected
            body.add(message.get("body", b""))
            if not message.get("more_body", False):
                return body.whole()

    def watch(self) -> asyncio.Task[None]:
        """Begin to notice a disconnect; only after the body was read, or where there is none."""
        if self._watcher is None:
            self._watcher = asyncio.create_task(self._until_disconnected())
        return self._watcher

    def on_disconnect(self, call: Callable[[], None]) -> None:
        self.watch().add_done_callback(lambda _: call())

    @property
    def is_disconnected(self) -> bool:
        return self._watcher is not None and self._watcher.done()

    async def check_disconnected(self) -> bool:
        """Whether the client is known to be gone, as of now: gives the watcher its turn first."""
        self.watch()
        await asyncio.sleep(0)
        return self.is_disconnected

    async def _until_disconnected(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass

    def close(self) -> None:
        if self._watcher is not None:
            self._watcher.cancel()
