"""The ASGI shell, driven by hand: polls and their clients, disconnects, limits, streams, the end."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Coroutine, Iterator, Mapping
from datetime import timedelta
from typing import Any

import pytest

from functions.edge.http import Edge
from functions.edge.shell import base_url
from functions.home import asgi_shell, connection
from functions.home.asgi_shell import AsgiShell
from lib.clock import now as wall_clock
from lib.dialects.wire import Access, Reply, Request, Route, Wait, reply_json
from lib.domain.hub import Hub
from tests import build

from .conftest import table_of


class Connection:
    """The server's side of one request: gives the application what the client sends, keeps what it answers."""

    def __init__(self, *body: bytes, hangs_up: bool = False) -> None:
        self.inbox: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        chunks = body or (b"",)
        for at, chunk in enumerate(chunks):
            more = hangs_up or at < len(chunks) - 1
            self.inbox.put_nowait({"type": "http.request", "body": chunk, "more_body": more})
        if hangs_up:
            self.hang_up()
        self.status = 0
        self.headers: dict[str, str] = {}
        self.chunks: list[bytes] = []
        self.is_complete = False
        self.taken = asyncio.Event()
        self.taken.set()

    def hang_up(self) -> None:
        self.inbox.put_nowait({"type": "http.disconnect"})

    async def receive(self) -> dict[str, Any]:
        return await self.inbox.get()

    async def send(self, message: Any) -> None:
        await self.taken.wait()
        if message["type"] == "http.response.start":
            self.status = message["status"]
            self.headers = {k.decode(): v.decode() for k, v in message["headers"]}
        else:
            self.chunks.append(message.get("body", b""))
            self.is_complete = not message.get("more_body", False)

    @property
    def body(self) -> bytes:
        return b"".join(self.chunks)


def scope(method: str, path: str, headers: Mapping[str, str] = {}) -> dict[str, Any]:
    raw = [(k.encode("latin-1"), v.encode("latin-1")) for k, v in headers.items()]
    return {
        "type": "http", "method": method, "path": path, "query_string": b"a=1", "headers": raw, "scheme": "http",
    }  # fmt: skip


class Bench:
    """A shell over a few routes, and what they saw."""

    def __init__(self, hub: Hub, lines: list[str]) -> None:
        hub.clock = wall_clock
        self.hub, self.lines = hub, lines
        self.news: Reply | None = None
        self.keep_alive = timedelta(seconds=30)
        self.seen: list[Any] = []
        self.threads: list[str] = []
        routes = (
            Route("GET", "/quick", self.quick, "a", quick=True),
            Route("GET", "/slow", self.quick, "a"),
            Route("GET", "/mine", self.quick, "a", Access.USER, quick=True),
            Route("POST", "/body", self.body, "a", body_bytes_max=100),
            Route("GET", "/poll", self.poll, "a"),
            Route("GET", "/sent", self.sent, "a"),
            Route("GET", "/stream", self.stream, "a"),
            Route("GET", "/empty", lambda request, hub: Reply(204), "a"),
            Route("GET", "/bug", self.bug, "a"),
        )
        self.edge = Edge(hub, table_of(*routes), say=lines.append)
        self.shell = AsgiShell(self.edge)

    def quick(self, request: Request, hub: Hub) -> Reply:
        self.threads.append(threading.current_thread().name)
        return reply_json({"headers": dict(request.headers), "query": request.query_string, "base": request.base_url})

    def body(self, request: Request, hub: Hub) -> Reply:
        return Reply(200, request.body)

    def bug(self, request: Request, hub: Hub) -> Reply:
        raise KeyError("secret")

    def poll(self, request: Request, hub: Hub) -> Wait:
        return Wait(frozenset({"c"}), request.now + self.keep_alive, lambda now: self.news, lambda: Reply(200, b"BEEP"))

    def sent(self, request: Request, hub: Hub) -> Reply:
        def note(what: str) -> Callable[[], None]:
            return lambda: self.seen.append((what, threading.current_thread().name))

        return Reply(200, b"x", on_sent=note("sent"), after=note("after"))

    def stream(self, request: Request, hub: Hub) -> Reply:
        return Reply(200, self.chunks(), on_sent=lambda: self.seen.append("sent"))

    def chunks(self) -> Iterator[bytes]:
        try:
            for n in range(5):
                self.seen.append(n)
                yield b"" if n == 1 else b"%d" % n
        finally:
            self.seen.append("closed")

    async def ask(self, connection: Connection, method: str, path: str, **headers: str) -> Connection:
        await self.shell(scope(method, path, {k.replace("_", "-"): v for k, v in headers.items()}),
                         connection.receive, connection.send)  # fmt: skip
        return connection

    def begin(self, connection: Connection, path: str = "/poll") -> asyncio.Task[Connection]:
        return asyncio.create_task(self.ask(connection, "GET", path))

    def tell(self, reply: Reply) -> None:
        """News, from another thread."""
        self.news = reply
        thread = threading.Thread(target=self.hub.bus.wake, args=("c",))
        thread.start()
        thread.join()


@pytest.fixture
def bench(hub: Hub, lines: list[str]) -> Iterator[Bench]:
    bench = Bench(hub, lines)
    yield bench
    bench.shell._close_pools()


def run(work: Coroutine[Any, Any, Any]) -> Any:
    async def limited() -> Any:
        return await asyncio.wait_for(work, 20)

    return asyncio.run(limited())


def test_quick_routes_run_in_the_loop_and_others_in_the_pool(bench):
    async def story() -> None:
        first = await bench.ask(Connection(), "GET", "/quick", host="hub:1", x="\u00e9")
        assert (first.status, first.is_complete) == (200, True)
        assert first.headers["content-length"] == str(len(first.body))
        assert json.loads(first.body) == {
            "headers": {"host": "hub:1", "x": "\u00e9"}, "query": "a=1", "base": "http://hub:1",
        }  # fmt: skip
        await bench.ask(Connection(), "GET", "/slow")

    run(story())
    assert bench.threads[0] == threading.current_thread().name
    assert bench.threads[1].startswith("request")
    assert len(bench.lines) == 2


@pytest.mark.parametrize("has_visitors", [False, True])
def test_a_token_that_may_be_shown_elsewhere_never_is_in_the_loop(bench, has_visitors):
    bench.hub.has_visitors = has_visitors
    lab = build.register(bench.hub.accounts, "lab")
    token = bench.hub.accounts.auth.mint(lab.id, wall_clock())
    connection = run(bench.ask(Connection(), "GET", "/mine", authorization=f"Bearer {token}"))
    assert connection.status == 200
    assert bench.threads[0].startswith("request") == has_visitors
    run(bench.ask(Connection(), "GET", "/quick"))
    assert bench.threads[1] == threading.current_thread().name


def test_queries_take_turns_but_wait_for_no_slow_one_for_long(bench, monkeypatch):
    monkeypatch.setattr(asgi_shell, "PATIENCE_S", 3600)
    gate, inside, most = threading.Event(), [0], [0]

    def count(request: Request, hub: Hub) -> Reply:
        inside[0] += 1
        most[0] = max(most[0], inside[0])
        gate.wait(0.05)
        inside[0] -= 1
        return Reply(200, b"x")

    bench.edge.table = table_of(Route("GET", "/x", count, "a"))

    async def story() -> int:
        await asyncio.gather(*(bench.ask(Connection(), "GET", "/x") for _ in range(6)))
        among_quick = most[0]
        monkeypatch.setattr(asgi_shell, "PATIENCE_S", 0.1)
        bench.edge.table = table_of(Route("GET", "/x", lambda r, h: gate.wait(60) and Reply(200, b"slow"), "a"),
                                    Route("GET", "/y", lambda r, h: Reply(200, b"y"), "a"))  # fmt: skip
        slow = [bench.begin(Connection(), "/x") for _ in range(asgi_shell.READS_AT_ONCE)]
        assert (await bench.ask(Connection(), "GET", "/y")).body == b"y"
        assert not any(s.done() for s in slow)
        gate.set()
        assert [(await s).body for s in slow] == [b"slow"] * asgi_shell.READS_AT_ONCE
        return among_quick

    assert run(story()) == asgi_shell.READS_AT_ONCE


def test_repeated_headers_are_joined(bench):
    async def story() -> None:
        connection = Connection()
        request = {**scope("GET", "/quick"), "headers": [(b"accept", b"a"), (b"accept", b"b")]}
        await bench.shell(request, connection.receive, connection.send)
        assert json.loads(connection.body)["headers"] == {"accept": "a, b"}

    run(story())


@pytest.mark.parametrize(("host", "base"), [
    ("hub.example.org", "http://hub.example.org"), ("[::1]:8080", "http://[::1]:8080"),
    ("evil/<script>", "http://localhost"), ("", "http://localhost"), ("a:b", "http://localhost"),
])  # fmt: skip
def test_a_host_header_is_believed_only_if_it_is_one(host, base):
    assert base_url("http", host) == base


def test_bodies_arrive_in_pieces(bench):
    async def story() -> None:
        assert (
            await bench.ask(Connection(b"a", b"", b"bc"), "POST", "/body", transfer_encoding="chunked")
        ).body == b"abc"
        assert (await bench.ask(Connection(b"x" * 100), "POST", "/body", content_length="100")).status == 200

    run(story())


def test_a_body_too_large_is_refused_before_it_was_read(bench):
    async def story() -> None:
        announced = Connection()
        assert (await bench.ask(announced, "POST", "/body", content_length="101")).status == 413
        assert announced.inbox.qsize() == 1
        growing = Connection(*[b"x" * 30] * 10)
        assert (await bench.ask(growing, "POST", "/body", transfer_encoding="chunked")).status == 413
        assert growing.inbox.qsize() == 6
        # Nobody reads what a path nobody has was sent.
        nowhere = Connection(b"x" * 1000)
        assert (await bench.ask(nowhere, "POST", "/no", content_length="1000")).status == 404
        assert nowhere.inbox.qsize() == 1

    run(story())
    assert len(bench.lines) == 3


def test_a_client_that_leaves_while_it_sends_gets_and_leaves_nothing(bench):
    async def story() -> None:
        connection = await bench.ask(Connection(b"a", hangs_up=True), "POST", "/body", content_length="50")
        assert connection.status == 0

    run(story())
    assert bench.lines == []


def test_a_body_that_stops_coming_is_given_up(bench, monkeypatch):
    monkeypatch.setattr(connection, "BODY_SILENCE_S", 0.05)

    async def story() -> None:
        connection = Connection(b"a")
        connection.inbox = asyncio.Queue()
        assert (await bench.ask(connection, "POST", "/body", content_length="50")).status == 400

    run(story())


def test_a_poll_answers_news_at_once(bench):
    async def story() -> None:
        connection = Connection()
        task = bench.begin(connection)
        await asyncio.sleep(0.1)
        assert connection.status == 0
        bench.tell(Reply(200, b"news"))
        await task
        assert connection.body == b"news"

    run(story())
    assert len(bench.lines) == 1


def test_a_poll_answers_what_is_there_already(bench):
    bench.news = Reply(200, b"news")
    assert run(bench.ask(Connection(), "GET", "/poll")).body == b"news"


def test_an_idle_poll_answers_when_its_time_is_up(bench):
    bench.keep_alive = timedelta(milliseconds=50)
    assert run(bench.ask(Connection(), "GET", "/poll")).body == b"BEEP"


def test_an_idle_poll_ends_though_the_clock_is_behind_its_timer(bench):
    # A timer may ring a moment early, and a clock may be set back: nothing would wake the poll a second time.
    began = wall_clock()
    bench.hub.clock = lambda: began
    bench.keep_alive = timedelta(milliseconds=50)
    assert run(bench.ask(Connection(), "GET", "/poll")).body == b"BEEP"


def test_news_of_other_channels_wake_nobody(bench):
    async def story() -> None:
        asked: list[int] = []
        bench.edge.table = table_of(Route("GET", "/poll", lambda request, hub: Wait(
            frozenset({"c"}), request.now + timedelta(hours=1), lambda now: asked.append(1), lambda: Reply()
        ), "a"))  # fmt: skip
        task = bench.begin(Connection())
        await asyncio.sleep(0.1)
        bench.hub.bus.wake("d")
        await asyncio.sleep(0.05)
        assert len(asked) == 1
        bench.hub.bus.wake("c")
        while len(asked) < 2:
            await asyncio.sleep(0.01)
        bench.shell.release()
        await task
        assert len(asked) == 3  # at first, at the news, at the end

    run(story())


def test_an_abandoned_poll_is_dropped_silently(bench):
    async def story() -> None:
        connection = Connection()
        task = bench.begin(connection)
        await asyncio.sleep(0.05)
        connection.hang_up()
        await task
        assert connection.status == 0
        assert bench.shell._polls._waiters == {}

    run(story())
    assert len(bench.lines) == 1
    assert "status=499" in bench.lines[0]


def test_what_an_abandoned_poll_would_have_got_is_not_counted_as_sent(bench):
    """The news and the hanging up come at the same time: the reply is made, and not handed over."""

    async def story() -> None:
        connection = Connection()
        task = bench.begin(connection)
        await asyncio.sleep(0.05)
        connection.hang_up()
        bench.tell(Reply(200, b"news", on_sent=lambda: bench.seen.append("sent")))
        await task

    run(story())
    assert bench.seen == []


def test_on_sent_runs_in_the_loop_and_after_in_the_pool(bench):
    async def story() -> None:
        await asyncio.gather(*(bench.ask(Connection(), "GET", "/sent") for _ in range(2)))
        await asyncio.sleep(asgi_shell.FOLLOW_UP_S * 2)

    run(story())
    bench.shell._close_pools()
    assert [what for what, _ in bench.seen] == ["sent", "sent", "after", "after"]
    assert bench.seen[0][1] == threading.current_thread().name
    assert bench.seen[2][1].startswith("request")


def test_what_follows_is_done_when_the_server_stops_first(bench):
    async def story() -> None:
        to_shell: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        for kind in ("startup", "shutdown"):
            to_shell.put_nowait({"type": f"lifespan.{kind}"})
        await bench.ask(Connection(), "GET", "/sent")
        await bench.shell({"type": "lifespan"}, to_shell.get, lambda message: asyncio.sleep(0))

    run(story())
    assert [what for what, _ in bench.seen] == ["sent", "after"]


def test_on_sent_does_not_run_when_the_client_is_gone(bench):
    connection_gone = Connection()

    async def story() -> None:
        connection_gone.inbox = asyncio.Queue()
        connection_gone.hang_up()
        await bench.ask(connection_gone, "GET", "/sent")

    run(story())
    assert bench.seen == []


def test_what_follows_a_reply_may_fail(bench, caplog):
    def fail() -> None:
        raise KeyError

    bench.edge.table = table_of(
        Route("GET", "/x", lambda request, hub: Reply(200, b"x", on_sent=fail, after=fail), "a")
    )

    async def story() -> Connection:
        connection = await bench.ask(Connection(), "GET", "/x")
        await asyncio.sleep(asgi_shell.FOLLOW_UP_S * 2)
        return connection

    assert run(story()).status == 200
    bench.shell._close_pools()
    assert len(caplog.records) == 2


def test_a_stream_is_read_as_fast_as_the_client_takes_it(bench):
    async def story() -> None:
        connection = Connection()
        connection.taken.clear()
        task = bench.begin(connection, "/stream")
        await asyncio.sleep(0.1)
        assert bench.seen == []
        connection.taken.set()
        await task
        assert connection.chunks == [b"0", b"2", b"3", b"4", b""]
        assert connection.is_complete
        assert "content-length" not in connection.headers

    run(story())
    assert bench.seen == [0, 1, 2, 3, 4, "closed", "sent"]


def test_a_stream_nobody_reads_ends(bench):
    async def story() -> None:
        connection = Connection()
        send = connection.send

        async def send_and_leave(message: Any) -> None:
            await send(message)
            if connection.chunks == [b"0"]:
                connection.hang_up()
                await asyncio.sleep(0.01)

        connection.send = send_and_leave  # type: ignore[method-assign]
        await bench.ask(connection, "GET", "/stream")
        assert not connection.is_complete

    run(story())
    assert bench.seen == [0, "closed"]


def test_a_stream_that_breaks_is_not_taken_for_whole(bench, caplog):
    def chunks() -> Iterator[bytes]:
        yield b"a"
        raise KeyError

    bench.edge.table = table_of(Route("GET", "/x", lambda request, hub: Reply(200, chunks()), "a"))
    connection = run(bench.ask(Connection(), "GET", "/x"))
    assert connection.chunks == [b"a"]
    assert not connection.is_complete
    assert len(caplog.records) == 1


def test_no_content_has_no_length(bench):
    connection = run(bench.ask(Connection(), "GET", "/empty"))
    assert (connection.status, connection.headers, connection.body) == (204, {}, b"")


def test_a_bug_names_the_request(bench, caplog):
    connection = run(bench.ask(Connection(), "GET", "/bug"))
    assert connection.status == 500
    assert f"request={connection.headers['x-request-id']}" in caplog.text
    assert b"secret" not in connection.body


def test_hundreds_of_polls_are_not_in_the_way_and_end_when_told(bench):
    async def story() -> None:
        connections = [Connection() for _ in range(400)]
        tasks = [bench.begin(connection) for connection in connections]
        while not bench.shell._polls or len(bench.shell._polls._waiters.get("c", ())) < 400:
            await asyncio.sleep(0.01)
        loop = asyncio.get_running_loop()
        began = loop.time()
        for _ in range(20):
            assert (await bench.ask(Connection(), "GET", "/slow")).status == 200
        assert loop.time() - began < 20
        assert threading.active_count() < 50
        bench.shell.release()
        await asyncio.gather(*tasks)
        assert all(connection.body == b"BEEP" for connection in connections)
        # Later ones do not wait at all.
        assert (await bench.ask(Connection(), "GET", "/poll")).body == b"BEEP"

    run(story())


def test_lifespan(bench):
    async def story() -> None:
        inbox: asyncio.Queue[dict[str, str]] = asyncio.Queue()
        outbox: asyncio.Queue[Any] = asyncio.Queue()
        task = asyncio.create_task(bench.shell({"type": "lifespan"}, inbox.get, outbox.put))
        inbox.put_nowait({"type": "lifespan.startup"})
        assert (await outbox.get())["type"] == "lifespan.startup.complete"
        assert len(bench.hub.bus._watchers) == 1
        poll = bench.begin(Connection())
        await asyncio.sleep(0.05)
        inbox.put_nowait({"type": "lifespan.shutdown"})
        assert (await outbox.get())["type"] == "lifespan.shutdown.complete"
        await task
        assert (await poll).body == b"BEEP"
        assert bench.hub.bus._watchers == []

    run(story())


def test_a_websocket_is_refused(bench):
    async def story() -> None:
        sent: list[Any] = []

        async def receive() -> dict[str, str]:
            return {"type": "websocket.connect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await bench.shell({"type": "websocket"}, receive, send)
        assert sent == [{"type": "websocket.close"}]

    run(story())
