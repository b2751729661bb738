"""Which sockets a hub opens, and how; a stand-in of a socket keeps them off the network."""

from __future__ import annotations

import errno
import socket

import pytest

from functions.bind import Bind
from functions.home import listener


class Recorded:
    """A socket that does nothing and remembers what it was asked for."""

    opened: list[Recorded]
    absent: set[str]

    def __init__(self, family, kind):
        self.family, self.options, self.is_closed = family, {}, False
        self.opened.append(self)

    def setsockopt(self, level, name, value):
        self.options[level, name] = value

    def bind(self, address):
        if address[0] in self.absent:
            raise OSError(errno.EADDRNOTAVAIL, "no such address")
        self.address = address

    def listen(self, backlog):
        pass

    def close(self):
        self.is_closed = True

    def __enter__(self):
        return self

    def __exit__(self, *error):
        self.close()


@pytest.fixture
def sockets(monkeypatch):
    made = type("Made", (Recorded,), {"opened": [], "absent": set()})
    monkeypatch.setattr(socket, "socket", made)
    found = [(socket.AF_INET6, 1, 6, "", ("::1", 80, 0, 0)), (socket.AF_INET, 1, 6, "", ("127.0.0.1", 80))]
    numeric = {"::": [(socket.AF_INET6, 1, 6, "", ("::", 80, 0, 0))]}
    monkeypatch.setattr(socket, "getaddrinfo", lambda host, *_, **__: numeric.get(host, found))
    return made


def test_every_ipv6_address_takes_ipv4_as_well(sockets):
    assert len(listener.listen(Bind("::", 80))) == 1
    assert sockets.opened[0].options[socket.IPPROTO_IPV6, socket.IPV6_V6ONLY] == 0


def test_a_name_is_all_its_addresses_that_are_there(sockets):
    assert [one.address[0] for one in listener.listen(Bind("name", 80))] == ["::1", "127.0.0.1"]
    assert sockets.opened[0].options[socket.IPPROTO_IPV6, socket.IPV6_V6ONLY] == 1
    assert len(listener.listen(Bind("name", 0))) == 1
    sockets.absent |= {"::1"}
    assert [one.address[0] for one in listener.listen(Bind("name", 80))] == ["127.0.0.1"]
    sockets.absent |= {"127.0.0.1"}
    with pytest.raises(OSError, match="no such address"):
        listener.listen(Bind("name", 80))
    assert sockets.opened[-1].is_closed and sockets.opened[-2].is_closed
