"""The ASGI shell: carries Requests in and Replies out of one process that serves everything (`tributary serve`).

Over a store that is near, quick routes are answered in the event loop, brief ones there too, standing aside while they
wait for their commit; all others in a thread pool. A long poll costs a bell and a task, no thread: it is asked again
when one of its channels has news. Bodies are limited while they arrive, streams are read no faster than the client
takes them. ASGI 3 without a framework; made by `functions.home.serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import logging
import re
import secrets
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from functions.edge.http import Edge, HeldPoll
from functions.edge.table import Found, Match
from functions.home.connection import Connection, Gone, Message, Receive, Send
from functions.home.long_poll import LongPolls
from lib.dialects.wire import Access, Feed, Headers, Reply, Request
from lib.errors import Refusal
from lib.waiting import Fiber

log = logging.getLogger(__name__)

THREADS = 32
"""Requests that may be with the store at once. Writers wait together for one commit, so many of them are cheap."""
READS_AT_ONCE = 2
PATIENCE_S = 0.2
"""Queries of a store that is near are work for the processor: more of them at once only take turns, which costs as much
again. One that has waited so long goes ahead all the same, so that slow ones hold up nobody."""
POLL_THREADS = 2
"""Polls that look for news at once; requests never queue behind them."""
BRIEF_BODY_BYTES_MAX = 64 * 1024
"""A larger body takes too long to read for the event loop, whatever its route."""
FOLLOW_UP_S = 0.05
"""How long what follows replies is gathered; a client that asks again at once mostly makes it needless."""
GRACE_S = 1
"""How long released polls may take to answer."""

T = TypeVar("T")
_END = b""


class AsgiShell:
    """One ASGI application over one Edge. `release` is to be called in the loop when the server begins to stop."""

    def __init__(self, edge: Edge, public_url: str = "", threads: int = THREADS) -> None:
        self._edge = edge
        self._public_url = public_url
        self._pool = ThreadPoolExecutor(threads, "request")
        self._pollers = ThreadPoolExecutor(POLL_THREADS, "poll")
        self._room: LongPolls | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._closing = False
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._due: list[tuple[Callable[[], None], str]] = []
        # Unique enough to find one request in a log, cheap enough to make for each.
        self._run, self._serial = secrets.token_hex(3), itertools.count(1)

    async def __call__(self, scope: Message, receive: Receive, send: Send) -> None:
        if scope["type"] == "http":
            await self._http(scope, Connection(receive, send))
        elif scope["type"] == "lifespan":
            await self._lifespan(receive, send)
        else:
            await receive()
            await send({"type": "websocket.close"})

    def release(self) -> None:
        """Answer every poll now, and every later one at once: the server is about to stop."""
        self._closing = True
        if self._room is not None:
            self._room.ring_all()

    def _waiting_room(self) -> LongPolls:
        if self._room is None:
            self._room = LongPolls(
                asyncio.get_running_loop(),
                self._edge.hub.store.last,
                lambda *work: self._in(self._pollers, *work),
            )
            self._stop_watching = self._edge.hub.bus.watch(self._room.wake)
        return self._room

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        room = self._waiting_room()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.release()
        self._stop_watching()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while room.is_occupied:
                    await asyncio.sleep(0.01)
        self._hand_over()
        await asyncio.to_thread(self._close_pools)
        await send({"type": "lifespan.shutdown.complete"})

    def _close_pools(self) -> None:
        self._pollers.shutdown()
        self._pool.shutdown()

    def _in(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(pool, work, *arguments)

    async def _http(self, scope: Message, line: Connection) -> None:
        match = self._edge.match(scope["method"], scope["path"])
        request = self._request(scope)
        try:
            outcome = await self._outcome(request, match, line)
            reply = await self._reply(outcome, line) if isinstance(outcome, HeldPoll) else outcome
            if reply is not None:
                await self._send(reply, line, request)
        except Gone:
            return
        finally:
            line.close()

    def _request(self, scope: Message) -> Request:
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        return Request(
            scope["method"],
            scope["path"],
            scope["query_string"].decode("latin-1"),
            headers,
            b"",
            self._edge.hub.clock(),
            f"{self._run}-{next(self._serial):x}",
            self._public_url or base_url(scope["scheme"], headers.get("host", "")),
        )

    async def _outcome(self, request: Request, match: Match, line: Connection) -> Reply | HeldPoll:
        if type(match) is not Found:
            return self._edge.answer(request, match)
        route = match.bound.route
        headers = request.headers
        if "content-length" in headers or "transfer-encoding" in headers:
            try:
                request.body = await line.body(route.body_bytes_max, headers.get("content-length", ""))
            except Refusal as error:
                return self._edge.refuse(request, match, error)
        # A visitor's token is shown to its authority, which takes longer than the event loop may.
        is_near = self._edge.hub.store.is_near and (route.access is Access.PUBLIC or not self._edge.hub.has_visitors)
        if route.quick and is_near:
            return self._edge.answer(request, match)
        # What is packed may be of any size once it is unpacked.
        is_small = len(request.body) <= BRIEF_BODY_BYTES_MAX and "content-encoding" not in headers
        if route.brief and is_near and is_small:
            return await self._aside(request, match)
        if is_near and request.method == "GET":
            return await self._read(request, match)
        return await self._in(self._pool, self._edge.answer, request, match)

    async def _read(self, request: Request, match: Match) -> Reply | HeldPoll:
        """Answer a query, in its turn."""
        has_turn = True
        try:
            async with asyncio.timeout(PATIENCE_S):
                await self._reads.acquire()
        except TimeoutError:
            has_turn = False
        try:
            return await self._in(self._pool, self._edge.answer, request, match)
        finally:
            if has_turn:
                self._reads.release()

    def _aside(self, request: Request, match: Match) -> asyncio.Future[Reply | HeldPoll]:
        """Answer in this thread; where the answer waits for a commit, the loop goes on meanwhile."""
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[Reply | HeldPoll] = loop.create_future()

        def work() -> None:
            outcome = self._edge.answer(request, match)
            if not answered.done():
                answered.set_result(outcome)

        Fiber(work, loop).switch()
        return answered

    async def _reply(self, held: HeldPoll, line: Connection) -> Reply | None:
        """Wait for the end of a poll; None when its client went away first."""
        room, clock = self._waiting_room(), self._edge.hub.clock
        pool = self._pool if held.blocking else self._pollers
        is_quick = self._edge.hub.store.is_near and not held.blocking
        bell, end = asyncio.Event(), asyncio.Event()
        line.on_gone(bell.set)

        def ring_out() -> None:
            # The timer is the end, whatever the clock says: it may ring early, and a clock may be set back.
            end.set()
            bell.set()

        left_s = (held.until - clock()).total_seconds()
        timer = asyncio.get_running_loop().call_later(max(0.0, left_s), ring_out)
        try:
            with room.seat(held.channels, bell):
                while True:
                    # Cleared before the look: news that comes during it rings again.
                    bell.clear()
                    reply = held.poll(clock()) if is_quick else await self._in(pool, held.poll, clock())
                    if reply is not None:
                        return reply
                    if self._closing or end.is_set():
                        return await self._in(self._pollers, held.otherwise)
                    if not line.is_gone:
                        await bell.wait()
                    if line.is_gone:
                        held.drop()
                        return None
        finally:
            timer.cancel()

    async def _send(self, reply: Reply, line: Connection, request: Request) -> None:
        if reply.on_sent is not None and await line.hung_up():
            return
        headers = list(encode_headers(reply.headers))
        if reply.status >= 500:
            headers.append((b"x-request-id", request.id.encode()))
        body = reply.body
        if isinstance(body, bytes):
            if reply.status >= 200 and reply.status not in (204, 304):
                headers.append((b"content-length", b"%d" % len(body)))
            await line.send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await line.send({"type": "http.response.body", "body": body})
        else:
            await line.send({"type": "http.response.start", "status": reply.status, "headers": headers})
            carried = self._feed(body, line, request) if isinstance(body, Feed) else self._stream(body, line, request)
            if not await carried:
                return
        self._follow_up(reply, request)

    async def _stream(self, body: Iterable[bytes], line: Connection, request: Request) -> bool:
        """Send chunk by chunk, each made in the pool once the one before was taken; whether all of them went out."""
        line.watch()
        chunks = iter(body)
        try:
            while chunk := await self._in(self._pool, _next, chunks):
                await line.send({"type": "http.response.body", "body": chunk, "more_body": True})
                if line.is_gone:
                    return False
        except Exception:
            # The status is out already: all that is left is to cut the line, so that nobody takes this for the end.
            log.exception("request=%s broke while it was streamed", request.id)
            return False
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                await self._in(self._pool, close)
        await line.send({"type": "http.response.body", "body": b""})
        return True

    async def _feed(self, feed: Feed, line: Connection, request: Request) -> bool:
        """Send what is new whenever there is, until the client goes or the server stops; whether the end went out."""
        room, bell = self._waiting_room(), asyncio.Event()
        line.on_gone(bell.set)
        try:
            with room.seat(feed.channels, bell):
                while not line.is_gone:
                    # Cleared before the look: news that comes during it rings again.
                    bell.clear()
                    chunk = await self._in(self._pollers, feed.take)
                    if not chunk and not self._closing and not await _rings(bell, feed.every.total_seconds()):
                        chunk = feed.beat()
                    if chunk:
                        await line.send({"type": "http.response.body", "body": chunk, "more_body": True})
                    if self._closing:
                        break
        except Exception:
            log.exception("request=%s broke while it was fed", request.id)
            return False
        await line.send({"type": "http.response.body", "body": b""})
        return not line.is_gone

    def _follow_up(self, reply: Reply, request: Request) -> None:
        """Run what a reply wanted done after it was handed over."""
        if reply.on_sent is not None:
            _guarded(reply.on_sent, request.id)
        if reply.after is not None:
            self._due.append((reply.after, request.id))
            if len(self._due) == 1:
                asyncio.get_running_loop().call_later(FOLLOW_UP_S, self._hand_over)

    def _hand_over(self) -> None:
        """Have a thread do what follows the replies so far."""
        due, self._due = self._due, []
        try:
            self._pool.submit(_guard_all, due)
        except RuntimeError:  # the pools are closed: the process ends
            _guard_all(due)


async def _rings(bell: asyncio.Event, seconds: float) -> bool:
    """Whether a bell rings in time."""
    try:
        async with asyncio.timeout(seconds):
            await bell.wait()
    except TimeoutError:
        return False
    return True


def _next(chunks: Iterator[bytes]) -> bytes:
    """The next chunk that is not empty; an empty one at the end."""
    return next((chunk for chunk in chunks if chunk), _END)


def _guard_all(due: list[tuple[Callable[[], None], str]]) -> None:
    for work, id in due:
        _guarded(work, id)


def _guarded(work: Callable[[], None], id: str) -> None:
    try:
        work()
    except Exception:
        log.exception("request=%s: what follows its reply failed", id)


@lru_cache(1024)
def encode_headers(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """A reply's headers as ASGI wants them. Most replies have the same few."""
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers)


_HOST = re.compile(r"[A-Za-z0-9.-]+(:\d{1,5})?|\[[0-9A-Fa-f:.]+\](:\d{1,5})?")


@lru_cache(1024)
def base_url(scheme: str, host: str) -> str:
    """How the client reached us, as far as its Host header can be believed; without a slash at the end."""
    return f"{scheme}://{host if _HOST.fullmatch(host) else 'localhost'}"
