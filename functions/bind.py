"""Where a hub listens: `HOST:PORT`, read from a setting and written as a URL."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

NAME_CHARS_MAX = 253
_LABEL = re.compile(r"[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?")
_EXAMPLES = "like 127.0.0.1:8080, localhost:8080 or [::1]:8080"
_REACHED_AT = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound
"""Addresses that mean every one of this machine's → one that a client can call."""


class Bind(NamedTuple):
    """Where to listen: an IPv4 address, an IPv6 address without its brackets, or a name; and a port, 0 for any."""

    host: str
    port: int

    @property
    def is_ipv6(self) -> bool:
        return ":" in self.host

    @property
    def text(self) -> str:
        """As a setting has it."""
        return _joined(self.host, self.port)

    def url(self, port: int) -> str:
        """Where a client on this machine finds the hub that listens here, at the port that it was given."""
        return f"http://{_joined(_REACHED_AT.get(self.host, self.host), port).replace('%', '%25')}"


def parse(text: str) -> Bind:
    """A setting's text. Raises ValueError with what it must be."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or text.endswith("]"):
        raise ValueError(f"must be a host and a port, {_EXAMPLES}")
    if not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError(f"must end in a port from 0 to 65535, {_EXAMPLES}")
    return Bind(_host(host), int(port))


def _host(text: str) -> str:
    if ":" in text:
        return _ipv6(text)
    if re.fullmatch(r"[0-9.]+", text):
        try:
            return str(ipaddress.IPv4Address(text))
        except ValueError as error:
            raise ValueError(f"must have four numbers from 0 to 255 in an IPv4 address, {_EXAMPLES}") from error
    if len(text) > NAME_CHARS_MAX or not all(map(_LABEL.fullmatch, text.removesuffix(".").split("."))):
        raise ValueError(f"must begin with an address or the name of a host, {_EXAMPLES}")
    return text


def _ipv6(text: str) -> str:
    if not (text.startswith("[") and text.endswith("]")):
        raise ValueError("must have brackets around an IPv6 address, like [::1]:8080")
    try:
        return str(ipaddress.IPv6Address(text[1:-1]))
    except ValueError as error:
        raise ValueError("must have an IPv6 address in the brackets, like [::1]:8080") from error


def _joined(host: str, port: int) -> str:
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
