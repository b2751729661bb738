"""The limits of a request's head, on a real connection."""

from __future__ import annotations

import asyncio
import re
from typing import Any

import pytest
import uvicorn

from functions.home import protocol


async def app(scope: Any, receive: Any, send: Any) -> None:
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})


async def exchange(*pieces: bytes, pause_s: float = 0.0) -> list[bytes]:
    """The status lines of what a server answers to these pieces, sent one after the other."""
    config = uvicorn.Config(app, http=protocol.GuardedProtocol, lifespan="off", log_config=None, port=0)
    server = uvicorn.Server(config)
    config.load()
    server.lifespan = config.lifespan_class(config)
    await server.startup()
    port = server.servers[0].sockets[0].getsockname()[1]
    try:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(pause_s)
        writer.write_eof()
        answer = await asyncio.wait_for(reader.read(), 10)
        writer.close()
    finally:
        await server.shutdown()
    return re.findall(rb"HTTP/1\.1 \d+ [A-Za-z ]+", answer)


OK, BAD = b"HTTP/1.1 200 OK", b"HTTP/1.1 400 Bad Request"
GET = b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"


@pytest.mark.parametrize(("pieces", "answers"), [
    ([GET], [OK]),
    ([GET, GET, GET], [OK, OK, OK]),
    ([GET + GET + GET], [OK, OK, OK]),
    ([GET[:10], GET[10:]], [OK]),
    ([b"POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 9000\r\n\r\n", *[b"x" * 1000] * 9, GET], [OK, OK]),
    ([b"GET / HTTP/1.1\r\n", *[b"A: " + b"a" * 900 + b"\r\n"] * 3], [BAD]),
    ([b"GET / HTTP/1.1\r\nA: ", *[b"a" * 900] * 3], [BAD]),
    ([b"GET /", *[b"a" * 900] * 3], [BAD]),
    ([GET, b"GET / HTTP/1.1\r\nA: ", *[b"a" * 900] * 3], [OK, BAD]),
])  # fmt: skip
def test_a_head_has_a_limit(monkeypatch, pieces, answers):
    monkeypatch.setattr(protocol, "HEAD_BYTES_MAX", 2000)
    assert asyncio.run(exchange(*pieces, pause_s=0.02)) == answers


@pytest.mark.parametrize(("pieces", "answers"), [
    ([b""], [BAD]),
    ([b"GET / HT"], [BAD]),
    ([GET], [OK]),
    ([GET, b"GET / HT"], [OK, BAD]),
])  # fmt: skip
def test_a_head_must_come_in_time(monkeypatch, pieces, answers):
    monkeypatch.setattr(protocol, "HEAD_S", 0.1)
    assert asyncio.run(exchange(*pieces, pause_s=0.3)) == answers


class Wire:
    """A transport that notes each packet."""

    def __init__(self) -> None:
        self.packets: list[bytes] = []

    def write(self, data: bytes) -> None:
        self.packets.append(data)

    def writelines(self, parts: tuple[bytes, ...]) -> None:
        self.packets.append(b"".join(parts))

    def close(self) -> None:
        self.packets.append(b"(closed)")


HEAD = b"HTTP/1.1 200 OK\r\n\r\n"


@pytest.mark.parametrize(("writes", "packets"), [
    ([HEAD, b"body"], [HEAD + b"body"]),
    ([HEAD, b"", HEAD, b"body"], [HEAD, HEAD + b"body"]),
    ([HEAD, None, b"a", b"b"], [HEAD, b"a", b"b"]),
    ([HEAD], [HEAD]),
    ([b"HTTP/1.0", b"a"], [b"HTTP/1.0", b"a"]),
])  # fmt: skip
def test_a_head_goes_out_with_its_body_and_never_late(writes, packets):
    async def story() -> list[bytes]:
        wire = Wire()
        joined = protocol.Joined(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
        for data in writes:
            await asyncio.sleep(0) if data is None else joined.write(data)
        await asyncio.sleep(0)
        return wire.packets

    assert asyncio.run(story()) == packets


def test_a_head_goes_out_before_the_line_is_closed():
    async def story() -> list[bytes]:
        wire = Wire()
        joined = protocol.Joined(wire, asyncio.get_running_loop())  # type: ignore[arg-type]
        joined.write(HEAD)
        joined.close()
        await asyncio.sleep(0)
        return wire.packets

    assert asyncio.run(story()) == [HEAD, b"(closed)"]
