"""Filtered calls of other machines over HTTP: the courier port on Python's own `http.client`.

Hides looking up names, the connection, TLS and every limit. A name is looked up once, and each of its addresses is
checked (`address.py`). The connection goes to one of the checked addresses, under the name's certificate. So a name
whose address changes between the check and the call has no effect. Made by `open_courier`.
"""

from __future__ import annotations

import http.client
import ipaddress
import socket
import ssl
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from lib.errors import Invalid, TooLarge, Unavailable
from lib.outbound.address import Address, fault_of, read_allowed
from lib.outbound.port import Answer

URL_CHARS_MAX = 2048
BODY_BYTES_MAX = 1024 * 1024
"""Largest body that is sent."""
POSTED_BYTES_MAX = 16 * 1024
"""Bytes of the answer to a POST that are read."""
SILENCE_S = 5.0
"""Seconds that another machine may take to connect, or send nothing."""
WHOLE_S = 15.0
"""Seconds that a whole exchange may take, even if bytes keep arriving."""
ADDRESSES_MAX = 4
"""Most addresses of a name that are tried."""
_SCHEMES = {"http": 80, "https": 443}

Resolve = Callable[[str, int], Sequence[tuple[Any, ...]]]


class Endpoint(NamedTuple):
    """The target of a URL: the addresses to connect to, and the request target."""

    scheme: str
    host: str
    port: int
    target: str
    addresses: tuple[Address, ...]


def _look_up(host: str, port: int) -> Sequence[tuple[Any, ...]]:
    return socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)


class HttpCourier:
    """The courier port. `allow` holds the networks and host names that an operator allows beside public addresses."""

    def __init__(
        self,
        allow: Sequence[str] = (),
        *,
        resolve: Resolve = _look_up,
        context: ssl.SSLContext | None = None,
        silence_s: float = SILENCE_S,
        whole_s: float = WHOLE_S,
    ) -> None:
        self._allowed = read_allowed(allow)
        self._resolve = resolve
        self._context = context
        self._silence_s, self._whole_s = silence_s, whole_s

    def check(self, url: str) -> None:
        self._find(url)

    def fetch(self, url: str, headers: Mapping[str, str] = {}, *, bytes_max: int) -> Answer:
        return self._call("GET", self._find(url), None, headers, bytes_max)

    def post(self, url: str, body: bytes, headers: Mapping[str, str]) -> Answer:
        if len(body) > BODY_BYTES_MAX:
            raise TooLarge(f"a body that is sent has at most {BODY_BYTES_MAX} bytes")
        return self._call("POST", self._find(url), body, headers, POSTED_BYTES_MAX)

    def _find(self, url: str) -> Endpoint:
        """The target of a URL, with every address checked. Raises Invalid."""
        scheme, host, port, target = _parts(url)
        try:
            found = self._resolve(host, port)
        except (OSError, UnicodeError):
            raise Invalid("url", "the name of the host leads nowhere") from None
        addresses = tuple(dict.fromkeys(ipaddress.ip_address(entry[4][0].partition("%")[0]) for entry in found))
        if not addresses:
            raise Invalid("url", "the name of the host leads nowhere")
        for address in addresses:
            fault = fault_of(host, address, port, self._allowed)
            if fault is not None:
                raise Invalid("url", f"may not be called: {fault}")
        return Endpoint(scheme, host, port, target, addresses)

    def _call(
        self, method: str, place: Endpoint, body: bytes | None, headers: Mapping[str, str], bytes_max: int
    ) -> Answer:
        line = self._connect(place)
        late = threading.Event()

        def give_up() -> None:
            late.set()
            _cut(line)

        timer = threading.Timer(self._whole_s, give_up)
        timer.daemon = True
        timer.start()
        try:
            if isinstance(line, ssl.SSLSocket):
                line.do_handshake()
            answer = _exchange(line, method, place, body, headers, bytes_max)
            if not late.is_set():
                return answer
            raise TimeoutError
        except (OSError, http.client.HTTPException) as error:
            if late.is_set():
                raise Unavailable(f"no answer was complete within {self._whole_s:g} s") from error
            raise Unavailable(f"no answer came: {type(error).__name__}") from error
        finally:
            timer.cancel()
            # After an error a remaining reader would keep the connection open.
            _cut(line)
            line.close()

    def _connect(self, place: Endpoint) -> socket.socket:
        """A connection to one of the checked addresses; with TLS, before its handshake. Raises Unavailable."""
        fault: OSError | None = None
        for address in place.addresses[:ADDRESSES_MAX]:
            try:
                line = socket.create_connection((str(address), place.port), self._silence_s)
            except OSError as error:
                fault = error
                continue
            if place.scheme == "http":
                return line
            if self._context is None:
                self._context = ssl.create_default_context()
            return self._context.wrap_socket(line, server_hostname=place.host, do_handshake_on_connect=False)
        raise Unavailable(f"the host cannot be reached: {type(fault).__name__}") from fault


def _cut(line: socket.socket) -> None:
    """End a connection at once, at the socket below TLS, which wakes a blocked reader."""
    with suppress(OSError):
        socket.socket.shutdown(line, socket.SHUT_RDWR)


def _exchange(
    line: socket.socket, method: str, place: Endpoint, body: bytes | None, headers: Mapping[str, str], bytes_max: int
) -> Answer:
    connection = http.client.HTTPConnection(place.host, place.port)
    connection.sock = line
    name = f"[{place.host}]" if ":" in place.host else place.host
    at = "" if place.port == _SCHEMES[place.scheme] else f":{place.port}"
    # The request accepts no encoding, so that a small answer cannot decompress into a large one.
    own = {"Host": name + at, "User-Agent": "Tributary", "Accept-Encoding": "identity", "Connection": "close"}
    try:
        connection.request(method, place.target, body, {**headers, **own})
    except ValueError as error:
        raise Invalid("headers", "hold what no header may") from error
    with connection.getresponse() as reply:
        content = reply.read(bytes_max + 1)
        if reply.length and len(content) <= bytes_max:
            raise http.client.IncompleteRead(b"", reply.length)
    shown = {header.lower(): value for header, value in reply.getheaders()}
    return Answer(reply.status, shown, content[:bytes_max], len(content) > bytes_max)


def _parts(url: str) -> tuple[str, str, int, str]:
    """Scheme, host, port and request target of a URL. Raises Invalid."""
    if len(url) > URL_CHARS_MAX:
        raise Invalid("url", f"has at most {URL_CHARS_MAX} characters")
    # Spaces, control characters and backslashes are refused, since other parsers of URLs read them differently.
    if not url.isascii() or not url.isprintable() or any(c in ' \\<>"' for c in url):
        raise Invalid("url", "must be printable ASCII without spaces")
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise Invalid("url", "is no URL") from None
    if parts.scheme not in _SCHEMES or not parts.hostname:
        raise Invalid("url", "must be like https://host.example/path")
    if "@" in parts.netloc:
        raise Invalid("url", "must not hold a user or a password")
    if "%" in parts.hostname:
        raise Invalid("url", "must name its host in plain letters")
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return parts.scheme, parts.hostname, _SCHEMES[parts.scheme] if port is None else port, target
