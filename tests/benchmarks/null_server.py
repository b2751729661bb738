"""The null server: answers every request at once with the same bytes, so that the loader can prove itself.

    python -m tests.benchmarks.null_server BYTES

prints its port and serves until it is ended. It reads of a request only how long it is.
"""

from __future__ import annotations

import contextlib
import select
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.benchmarks.loader import Address

ROOT = Path(__file__).parents[2]
READ_BYTES = 1 << 18


class _Peer:
    """One connection: what is still to come of its request, what is still to go out of the reply."""

    __slots__ = ("head", "left", "out", "socket")

    def __init__(self, peer: socket.socket) -> None:
        self.socket = peer
        self.head = b""
        self.left = 0
        self.out = memoryview(b"")

    def take(self, data: bytes) -> bool:
        """Whether a request is whole now."""
        if self.left:
            self.left -= len(data)
            return not self.left
        data = self.head + data
        end = data.find(b"\r\n\r\n")
        if end < 0:
            self.head = data
            return False
        self.head = b""
        at = data.find(b"content-length: ", 0, end)
        size = 0 if at < 0 else int(data[at + 16 : data.find(b"\r", at)])
        self.left = end + 4 + size - len(data)
        return not self.left


def serve(listener: socket.socket, reply: bytes) -> None:
    """Answer for ever."""
    poll = select.epoll()
    poll.register(listener.fileno(), select.EPOLLIN)
    peers: dict[int, _Peer] = {}
    while True:
        for number, events in poll.poll():
            if number == listener.fileno():
                peer = _accept(listener)
                peers[peer.socket.fileno()] = peer
                poll.register(peer.socket.fileno(), select.EPOLLIN)
            elif not _attend(poll, peers[number], events, reply):
                poll.unregister(number)
                peers.pop(number).socket.close()


def _accept(listener: socket.socket) -> _Peer:
    accepted, _ = listener.accept()
    accepted.setblocking(False)
    accepted.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return _Peer(accepted)


def _attend(poll: select.epoll, peer: _Peer, events: int, reply: bytes) -> bool:
    """Take or send what can be; False once the peer has gone."""
    try:
        if events & select.EPOLLOUT:
            peer.out = peer.out[peer.socket.send(peer.out) :]
            if not peer.out:
                poll.modify(peer.socket.fileno(), select.EPOLLIN)
            return True
        data = peer.socket.recv(READ_BYTES)
        if data and peer.take(data):
            sent = peer.socket.send(reply)
            if sent < len(reply):
                peer.out = memoryview(reply)[sent:]
                poll.modify(peer.socket.fileno(), select.EPOLLIN | select.EPOLLOUT)
    except OSError:
        return False
    return bool(data)


@contextlib.contextmanager
def null_server(reply_bytes: int) -> Iterator[Address]:
    """A null server in a process of its own."""
    command = [sys.executable, "-m", "tests.benchmarks.null_server", str(reply_bytes)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield "127.0.0.1", int(process.stdout.readline())
        finally:
            process.kill()


def main() -> None:
    body = b"x" * int(sys.argv[1])
    head = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body)
    with socket.create_server(("127.0.0.1", 0), backlog=128) as listener:
        print(listener.getsockname()[1], flush=True)
        serve(listener, head + body)


if __name__ == "__main__":
    main()
