"""The ASGI shell: carries Requests in and Replies out of one process that serves everything (`tributary serve`).

Over a store that is near, quick routes are answered in the event loop, brief ones there too, standing aside while they
wait for their commit; all others in a thread pool. A long poll costs an event and a task, no thread: it is asked again
when one of its channels has news. Bodies are limited while they arrive, streams are read no faster than the client
takes them. ASGI 3 without a framework; made by `functions.home.serve`.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache
from typing import Any, TypeVar

from functions.edge.http import Edge, HeldPoll
from functions.edge.shell import base_url, follow_up, make_request
from functions.edge.table import Found, Match
from functions.home.connection import Connection, Disconnected, Message, Receive, Send
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
again. One that has waited so long starts all the same, so that slow ones do not hold up the others."""
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
        self._polls: LongPolls | None = None
        self._stop_watching: Callable[[], None] = lambda: None
        self._closing = False
        self._reads = asyncio.Semaphore(READS_AT_ONCE)
        self._due: list[tuple[Callable[[], None], str]] = []

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
        if self._polls is not None:
            self._polls.notify_all()

    def _long_polls(self) -> LongPolls:
        if self._polls is None:
            self._polls = LongPolls(
                asyncio.get_running_loop(),
                self._edge.hub.store.last,
                lambda *work: self._in(self._pollers, *work),
            )
            self._stop_watching = self._edge.hub.bus.watch(self._polls.notify)
        return self._polls

    async def _lifespan(self, receive: Receive, send: Send) -> None:
        await receive()
        polls = self._long_polls()
        await send({"type": "lifespan.startup.complete"})
        await receive()
        self.release()
        self._stop_watching()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(GRACE_S):
                while polls.has_waiters:
                    await asyncio.sleep(0.01)
        self._hand_over()
        await asyncio.to_thread(self._close_pools)
        await send({"type": "lifespan.shutdown.complete"})

    def _close_pools(self) -> None:
        self._pollers.shutdown()
        self._pool.shutdown()

    def _in(self, pool: ThreadPoolExecutor, work: Callable[..., T], *arguments: Any) -> Awaitable[T]:
        return asyncio.get_running_loop().run_in_executor(pool, work, *arguments)

    async def _http(self, scope: Message, connection: Connection) -> None:
        match = self._edge.match(scope["method"], scope["path"])
        request = self._request(scope)
        try:
            outcome = await self._outcome(request, match, connection)
            reply = await self._hold(outcome, connection) if isinstance(outcome, HeldPoll) else outcome
            if reply is not None:
                await self._send(reply, connection, request)
        except Disconnected:
            return
        finally:
            connection.close()

    def _request(self, scope: Message) -> Request:
        headers: dict[str, str] = {}
        for raw_name, raw_value in scope["headers"]:
            name, value = raw_name.decode("latin-1"), raw_value.decode("latin-1")
            headers[name] = f"{headers[name]}, {value}" if name in headers else value
        url = self._public_url or base_url(scope["scheme"], headers.get("host", ""))
        return make_request(self._edge, scope["method"], scope["path"], scope["query_string"], headers, url)

    async def _outcome(self, request: Request, match: Match, connection: Connection) -> Reply | HeldPoll:
        if type(match) is not Found:
            return self._edge.answer(request, match)
        route = match.bound.route
        headers = request.headers
        if "content-length" in headers or "transfer-encoding" in headers:
            try:
                request.body = await connection.body(route.body_bytes_max, headers.get("content-length", ""))
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
        has_turn = await _in_time(self._reads.acquire(), PATIENCE_S)
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

    async def _hold(self, held: HeldPoll, connection: Connection) -> Reply | None:
        """Wait for the end of a poll; None when its client went away first."""
        loop, clock = asyncio.get_running_loop(), self._edge.hub.clock
        pool = self._pool if held.blocking else self._pollers
        is_quick = self._edge.hub.store.is_near and not held.blocking
        # The loop's time is what ends a poll, whatever the clock says: a clock may be set back.
        end, is_over = loop.time() + (held.until - clock()).total_seconds(), False
        with self._long_polls().waiting(held.channels) as news:
            connection.on_disconnect(news.set)
            while True:
                # Cleared before the look: news that comes during it sets the event again.
                news.clear()
                reply = held.poll(clock()) if is_quick else await self._in(pool, held.poll, clock())
                if reply is not None:
                    return reply
                if self._closing or is_over:
                    return await self._in(self._pollers, held.otherwise)
                if not connection.is_disconnected:
                    is_over = not await _in_time(news.wait(), end - loop.time()) or loop.time() >= end
                if connection.is_disconnected:
                    held.drop()
                    return None

    async def _send(self, reply: Reply, connection: Connection, request: Request) -> None:
        if reply.on_sent is not None and await connection.check_disconnected():
            return
        headers = list(encode_headers(reply.headers))
        if reply.status >= 500:
            headers.append((b"x-request-id", request.id.encode()))
        body = reply.body
        if isinstance(body, bytes):
            if reply.status >= 200 and reply.status not in (204, 304):
                headers.append((b"content-length", b"%d" % len(body)))
            await connection.send({"type": "http.response.start", "status": reply.status, "headers": headers})
            await connection.send({"type": "http.response.body", "body": body})
        else:
            await connection.send({"type": "http.response.start", "status": reply.status, "headers": headers})
            if isinstance(body, Feed):
                is_sent = await self._feed(body, connection, request)
            else:
                is_sent = await self._stream(body, connection, request)
            if not is_sent:
                return
        self._follow_up(reply, request)

    async def _stream(self, body: Iterable[bytes], connection: Connection, request: Request) -> bool:
        """Send chunk by chunk, each made in the pool once the one before was taken; whether all of them went out."""
        connection.watch()
        chunks = iter(body)
        try:
            while chunk := await self._in(self._pool, _next, chunks):
                await connection.send({"type": "http.response.body", "body": chunk, "more_body": True})
                if connection.is_disconnected:
                    return False
        except Exception:
            # The status is sent already: the connection is closed, so that no client takes this for the end.
            log.exception("request=%s broke while it was streamed", request.id)
            return False
        finally:
            if (close := getattr(chunks, "close", None)) is not None:
                await self._in(self._pool, close)
        await connection.send({"type": "http.response.body", "body": b""})
        return True

    async def _feed(self, feed: Feed, connection: Connection, request: Request) -> bool:
        """Send what is new whenever there is, until the client goes or the server stops; whether the end went out."""
        try:
            with self._long_polls().waiting(feed.channels) as news:
                connection.on_disconnect(news.set)
                while not connection.is_disconnected:
                    # Cleared before the look: news that comes during it sets the event again.
                    news.clear()
                    chunk = await self._in(self._pollers, feed.take)
                    if not chunk and not self._closing and not await _in_time(news.wait(), feed.every.total_seconds()):
                        chunk = feed.beat()
                    if chunk:
                        await connection.send({"type": "http.response.body", "body": chunk, "more_body": True})
                    if self._closing:
                        break
        except Exception:
            log.exception("request=%s broke while it was fed", request.id)
            return False
        await connection.send({"type": "http.response.body", "body": b""})
        return not connection.is_disconnected

    def _follow_up(self, reply: Reply, request: Request) -> None:
        """Run what a reply wanted done after it was handed over."""
        follow_up(reply.on_sent, request.id)
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


async def _in_time(work: Awaitable[object], seconds: float) -> bool:
    """Whether something ends in time; it is cancelled if not."""
    try:
        async with asyncio.timeout(seconds):
            await work
    except TimeoutError:
        return False
    return True


def _next(chunks: Iterator[bytes]) -> bytes:
    """The next chunk that is not empty; an empty one at the end."""
    return next((chunk for chunk in chunks if chunk), _END)


def _guard_all(due: list[tuple[Callable[[], None], str]]) -> None:
    for work, id in due:
        follow_up(work, id)


@lru_cache(1024)
def encode_headers(headers: Headers) -> tuple[tuple[bytes, bytes], ...]:
    """A reply's headers as ASGI wants them. Most replies have the same few."""
    return tuple((name.lower().encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers)
