"""The loader: clients on kept-alive connections in one epoll loop (Linux), sending bytes that were made before.

It reads of a reply only its status and its length, so that little of the machine is its own. Any status but 200 ends
the run: the time of a refusal is no figure.
"""

from __future__ import annotations

import gc
import select
import socket
from collections.abc import Iterator
from dataclasses import dataclass, field
from time import perf_counter

Address = tuple[str, int]
Unit = tuple[bytes, ...]
"""Requests that one client sends one after the other; the time of a unit is that of all of them."""

READ_BYTES = 1 << 18
SILENCE_S = 120.0


class Refused(Exception):
    """A reply that was not 200, or none."""


@dataclass(slots=True)
class Run:
    """What a load was: the seconds each unit took, those from the first to the last, bytes of the last reply's body."""

    times: list[float] = field(default_factory=list)
    elapsed_s: float = 0.0
    reply_bytes: int = 0


class Line:
    """One connection with at most one request under way."""

    __slots__ = ("began", "head", "left", "out", "size", "socket", "step", "unit")

    def __init__(self, address: Address) -> None:
        self.socket = socket.create_connection(address)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.socket.setblocking(False)
        self.out = memoryview(b"")
        self.head = b""
        self.left = self.size = self.step = 0
        self.began = 0.0
        self.unit: Unit = ()

    def send(self, request: bytes) -> bool:
        """Begin to send a request; whether all of it went out."""
        sent = self.socket.send(request)
        if sent == len(request):
            return True
        self.out = memoryview(request)[sent:]
        return False

    def push(self) -> bool:
        """Send more of a request; whether all of it is out."""
        self.out = self.out[self.socket.send(self.out) :]
        return not self.out

    def pull(self) -> bool:
        """Take what came; whether a reply is whole."""
        data = self.socket.recv(READ_BYTES)
        if not data:
            raise Refused("the connection was closed")
        if self.left:
            self.left -= len(data)
            return not self.left
        data = self.head + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return False
        if data[9:12] != b"200":
            raise Refused(data[:600].decode(errors="replace"))
        self.head = b""
        at = data.find(b"content-length: ") + 16
        self.size = int(data[at : data.find(b"\r", at)])
        self.left = end + 4 + self.size - len(data)
        return not self.left


class Clients:
    """Some lines and the poll over them."""

    def __init__(self, address: Address, count: int) -> None:
        self.lines = {line.socket.fileno(): line for line in (Line(address) for _ in range(count))}
        self._poll = select.epoll()
        for number in self.lines:
            self._poll.register(number, select.EPOLLIN)

    def send(self, line: Line, request: bytes) -> None:
        """Send a request; the rest of a large one goes out in `ready`."""
        if not line.send(request):
            self._poll.modify(line.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)

    def ready(self) -> Iterator[Line]:
        """Lines whose reply is whole. Raises Refused when none comes, OSError when a connection breaks."""
        found = self._poll.poll(SILENCE_S)
        if not found:
            raise Refused("no reply came")
        for number, events in found:
            line = self.lines[number]
            if events & select.EPOLLOUT and line.push():
                self._poll.modify(number, select.EPOLLIN)
            if events & ~select.EPOLLOUT and line.pull():
                yield line

    def close(self) -> None:
        """Hang up."""
        self._poll.close()
        for line in self.lines.values():
            line.socket.close()


def load(address: Address, units: Iterator[Unit], clients: int, seconds: float, untimed: int = 0) -> Run:
    """Let so many clients work through the units, each at least one if there are as many, and begin none after so many
    seconds.

    The first `untimed` requests of a unit are left out of its time.
    """
    crowd = Clients(address, clients)
    gc.collect()
    gc.disable()
    try:
        return _work(crowd, units, seconds, untimed)
    finally:
        gc.enable()
        crowd.close()


def _work(crowd: Clients, units: Iterator[Unit], seconds: float, untimed: int) -> Run:
    run = Run()
    started = now = perf_counter()
    end = started + seconds
    busy = sum(_begin(crowd, line, units) for line in crowd.lines.values())
    while busy:
        for line in crowd.ready():
            now = perf_counter()
            line.step += 1
            if line.step < len(line.unit):
                if line.step == untimed:
                    line.began = now
                crowd.send(line, line.unit[line.step])
                continue
            run.times.append(now - line.began)
            run.reply_bytes = line.size
            if now >= end or not _begin(crowd, line, units):
                busy -= 1
    run.elapsed_s = now - started
    return run


def _begin(crowd: Clients, line: Line, units: Iterator[Unit]) -> bool:
    """Send the first request of the next unit; False when there is none left."""
    unit = next(units, None)
    if unit is None:
        return False
    line.unit, line.step = unit, 0
    line.began = perf_counter()
    crowd.send(line, unit[0])
    return True
