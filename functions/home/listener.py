"""The sockets that a hub on this machine listens on."""

from __future__ import annotations

import errno
import socket
from contextlib import ExitStack
from typing import Any

from functions.bind import Bind

BACKLOG = 2048
_ABSENT = (errno.EADDRNOTAVAIL, errno.EAFNOSUPPORT)
"""The machine has no such address, though the name has: IPv6 is switched off, mostly."""


def listen(bind: Bind) -> list[socket.socket]:
    """A socket for each address of the host, all at one port; at least one. Raises OSError when one of them cannot be
    used, but for the addresses of a name that this machine does not have."""
    with ExitStack() as stack:
        opened: list[socket.socket] = []
        absent: OSError | None = None
        for family, address in _addresses(bind):
            try:
                listener = _open(family, address)
            except OSError as error:
                if error.errno not in _ABSENT:
                    raise
                absent = error
                continue
            opened.append(stack.enter_context(listener))
            if bind.port == 0:
                break  # the next address might not have the same port free
        if not opened:
            raise absent or OSError(errno.EADDRNOTAVAIL, "The name has no address")
        stack.pop_all()
        return opened


def _addresses(bind: Bind) -> list[tuple[int, Any]]:
    """Family and address of each, once, in the order of the resolver."""
    flags = socket.AI_PASSIVE
    found = socket.getaddrinfo(bind.host, bind.port, type=socket.SOCK_STREAM, flags=flags)
    return list(dict.fromkeys((family, address) for family, _, _, _, address in found))


def _open(family: int, address: Any) -> socket.socket:
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            # `::` takes IPv4 as well; another address leaves IPv4 to a socket of its own.
            listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 0 if address[0] == "::" else 1)
        listener.bind(address)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
