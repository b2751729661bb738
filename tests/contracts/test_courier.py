"""The contract of the courier port, over a real line, and the table of where it must not go."""

from __future__ import annotations

import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import trustme
from hypothesis import given
from hypothesis import strategies as st

from lib.errors import Invalid, TooLarge, Unavailable
from lib.outbound.address import Allowed, fault_of, read_allowed
from lib.outbound.http import BODY_BYTES_MAX, URL_CHARS_MAX, HttpCourier
from lib.outbound.memory import MemoryCourier
from lib.outbound.open import open_courier
from lib.outbound.port import Answer

HERE = ("127.0.0.1",)


@pytest.fixture
def courier():
    return open_courier(HERE)


@contextmanager
def speaking(*chunks: bytes, every_s: float = 0.0, context: ssl.SSLContext | None = None) -> Iterator[tuple[int, list]]:
    """A server that takes one connection, and says these bytes; gives its port and what it heard."""
    heard: list[bytes] = []
    over = threading.Event()

    def serve() -> None:
        try:
            line, _ = server.accept()
            if context is not None:
                line.settimeout(60)
                line = context.wrap_socket(line, server_side=True)
            with line:
                heard.append(line.recv(65536))
                for chunk in chunks:
                    line.sendall(chunk)
                    if over.wait(every_s):
                        return
                # Closing before all was read would cut off what was said.
                socket.socket.shutdown(line, socket.SHUT_WR)
                while line.recv(65536):
                    pass
        except OSError:
            pass

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield server.getsockname()[1], heard
        over.set()
        server.close()
        thread.join()


def test_a_post_arrives_as_it_was_sent(courier, web):
    web.answer("POST", "/hook?a=1", 202, {"ok": True}, {"X-Seen": "yes"})
    answer = courier.post(f"{web.url}/hook?a=1", b'{"x":1}', {"content-type": "application/json"})
    assert (answer.status, answer.body, answer.headers["x-seen"]) == (202, b'{"ok": true}', "yes")
    assert web.bodies == [b'{"x":1}'] and not answer.is_cut


def test_what_is_fetched_is_cut_at_its_limit(courier, web):
    web.answer("GET", "/log", 200, "x" * 100)
    assert courier.fetch(f"{web.url}/log", bytes_max=102) == Answer(
        200, courier.fetch(f"{web.url}/log", bytes_max=102).headers, b'"' + b"x" * 100 + b'"'
    )
    cut = courier.fetch(f"{web.url}/log", bytes_max=10)
    assert (cut.body, cut.is_cut) == (b'"xxxxxxxxx', True)


def test_a_redirect_is_an_answer(courier, web):
    web.answer("GET", "/away", 302, {}, {"Location": f"{web.url}/other"})
    answer = courier.fetch(f"{web.url}/away", bytes_max=10)
    assert (answer.status, answer.headers["location"], len(web.bodies)) == (302, f"{web.url}/other", 1)


def test_it_asks_under_the_name_and_for_no_encoding(courier):
    with speaking(b"HTTP/1.1 204 No Content\r\n\r\n") as (port, heard):
        courier.fetch(f"http://127.0.0.1:{port}", {"Host": "other", "X-A": "b"}, bytes_max=10)
    (request,) = heard
    assert request.startswith(b"GET / HTTP/1.1\r\n") and f"Host: 127.0.0.1:{port}\r\n".encode() in request
    assert b"Accept-Encoding: identity\r\n" in request and b"X-A: b\r\n" in request


def test_the_certificate_is_that_of_the_name():
    authority = trustme.CA()
    served, trusted = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH), ssl.create_default_context()
    authority.issue_cert("hooks.example").configure_cert(served)
    authority.configure_trust(trusted)
    with speaking(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok", context=served) as (port, heard):
        courier = HttpCourier(HERE, context=trusted, resolve=lambda host, port: here(port))
        assert courier.post(f"https://hooks.example:{port}/x", b"{}", {}).body == b"ok"
        assert f"Host: hooks.example:{port}".encode() in heard[0]
    for name, context in (("other.example", trusted), ("hooks.example", None)):
        with speaking(b"", context=served) as (port, heard), pytest.raises(Unavailable, match="SSL"):
            courier = HttpCourier(HERE, context=context, resolve=lambda host, port: here(port))
            courier.post(f"https://{name}:{port}/x", b"a secret", {})
        assert heard == []


def here(port: int, address: str = "127.0.0.1") -> list:
    return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))]


def test_a_name_is_looked_up_once_and_cannot_change_its_mind(web):
    """The second look-up of a rebinding name would lead to this machine."""
    looked: list[str] = []

    def resolve(host: str, port: int) -> list:
        looked.append(host)
        return here(port, "198.51.100.1" if len(looked) == 1 else "127.0.0.1")

    web.answer("POST", "/", 200, {})
    with pytest.raises(Invalid, match="for documentation"):
        HttpCourier((), resolve=resolve).post(f"http://rebinds.example:{web.server.server_port}/", b"", {})
    assert looked == ["rebinds.example"] and web.bodies == []


def test_one_bad_address_of_a_name_is_enough():
    both = [*here(443, "8.8.8.8"), *here(443, "10.0.0.1")]
    with pytest.raises(Invalid, match="its address is private") as caught:
        HttpCourier((), resolve=lambda host, port: both).check("https://both.example/")
    # Nobody looks up names inside by asking.
    assert "10.0.0.1" not in str(caught.value)


def test_what_an_operator_allows_is_called(web):
    web.answer("POST", "/", 200, {})
    port = web.server.server_port
    by_name = HttpCourier(("lab.lan",), resolve=lambda host, port: here(port))
    assert by_name.post(f"http://LAB.lan:{port}/", b"", {}).status == 200
    with pytest.raises(Invalid):
        by_name.post(f"http://other.lan:{port}/", b"", {})
    assert HttpCourier(("127.0.0.0/8",)).post(f"http://127.0.0.1:{port}/", b"", {}).status == 200


@pytest.mark.parametrize("url", [
    "http://127.0.0.1/", "http://localhost/", "http://2130706433/", "http://0x7f000001/", "http://127.1/", "http://0/",
    "http://[::1]/", "http://[::ffff:127.0.0.1]/", "http://[::127.0.0.1]/", "http://[64:ff9b::7f00:1]/",
    "http://[2002:7f00:1::]/", "http://[2001:0:7f00:1::]/", "http://[fe80::1]/", "http://[fc00::1]/", "http://[::]/",
    "http://[ff02::1]/", "http://[fd00:ec2::254]/", "http://[5f00::1]/", "http://10.1.2.3/", "http://172.31.0.1/",
    "http://192.168.0.1/", "http://169.254.169.254/latest/meta-data/", "http://100.64.0.1/", "http://224.0.0.1/",
    "http://255.255.255.255/", "http://198.18.0.1/", "http://192.0.0.192/",
    "http://168.63.129.16/", "https://8.8.8.8:25/", "http://8.8.8.8:22/",
    "http://8.8.8.8:6379/", "http://8.8.8.8:0/",
])  # fmt: skip
def test_it_goes_nowhere_inside(url):
    courier = open_courier(())
    for call in (courier.check, lambda u: courier.post(u, b"", {}), lambda u: courier.fetch(u, bytes_max=1)):
        with pytest.raises(Invalid) as caught:
            call(url)
        assert caught.value.path == "url" and "meta-data" not in str(caught.value)


@pytest.mark.parametrize("url", [
    "", "x", "ftp://a.example/", "file:///etc/passwd", "gopher://8.8.8.8:443/", "http://", "http:///x", "//8.8.8.8/",
    "http://u:p@8.8.8.8/", "http://u@8.8.8.8/", "http://8.8.8.8:99999/", "http://8.8.8.8:x/", "http://8.8.8.8\\@a.example/",
    "http://8.8.8.8/ x", "http://8.8.8.8/\r\nX: y", "http://[::1%25lo]/", "http://[::1", "http://é.example/",
    "http://%31%32%37.0.0.1/", "http://a..example/", "http://" + "a" * 64 + ".example/",
    "http://8.8.8.8/" + "x" * URL_CHARS_MAX,
])  # fmt: skip
def test_odd_urls_are_refused(url):
    with pytest.raises(Invalid) as caught:
        open_courier(()).check(url)
    assert caught.value.path == "url"


@pytest.mark.parametrize("url", ["https://8.8.8.8/x?y=1#z", "http://8.8.8.8:8080", "https://[2606:4700::1111]:8443/"])
def test_public_ones_are_not(url):
    open_courier(()).check(url)


@given(st.ip_addresses())
def test_no_address_that_python_calls_private_is_called(address):
    private = not address.is_global or address.is_multicast or address.is_reserved
    if private:
        assert fault_of("a.example", address, 443, Allowed()) is not None
    assert fault_of("a.example", address, 443, Allowed((ipaddress.ip_network(address),))) is None


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "a/b", "*", "", "a b", "http://a", "é.lan"])
def test_what_an_operator_allows_is_checked(entry):
    with pytest.raises(ValueError, match="neither a network nor"):
        read_allowed([entry])


def test_nobody_there_and_nobody_who_answers(web):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        with pytest.raises(Unavailable, match="ConnectionRefusedError"):
            open_courier(HERE).post(f"http://127.0.0.1:{taken.getsockname()[1]}/", b"", {})
    with speaking(b"nonsense\r\n") as (port, _), pytest.raises(Unavailable, match="BadStatusLine"):
        open_courier(HERE).post(f"http://127.0.0.1:{port}/", b"", {})
    short = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhalf"
    with speaking(short) as (port, _), pytest.raises(Unavailable, match="IncompleteRead"):
        open_courier(HERE).fetch(f"http://127.0.0.1:{port}/", bytes_max=100)
    with speaking(b"", every_s=5) as (port, _), pytest.raises(Unavailable, match="TimeoutError"):
        HttpCourier(HERE, silence_s=0.1).post(f"http://127.0.0.1:{port}/", b"", {})


@pytest.mark.parametrize("begin", [b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n"])
def test_no_answer_drips_for_ever(begin):
    began = time.monotonic()
    with speaking(begin, *[b"x"] * 1000, every_s=0.02) as (port, _), pytest.raises(Unavailable, match=r"within 0\.2 s"):
        HttpCourier(HERE, silence_s=1, whole_s=0.2).fetch(f"http://127.0.0.1:{port}/", bytes_max=5000)
    assert time.monotonic() - began < 15  # the whole of it would take 20 s


def test_sizes_and_headers_are_checked(courier, web):
    with pytest.raises(TooLarge):
        courier.post(f"{web.url}/", b"x" * (BODY_BYTES_MAX + 1), {})
    with pytest.raises(Invalid, match="headers"):
        courier.post(f"{web.url}/", b"", {"X-A": "b\r\nX-C: d"})


def test_memory_remembers_its_calls():
    courier = MemoryCourier(lambda url: Answer(200, {}, b"abc"))
    courier.post("https://a.example/", b"x", {"k": "v"})
    assert courier.fetch("https://b.example/", bytes_max=2) == Answer(200, {}, b"ab", True)
    assert courier.calls == [("https://a.example/", b"x", {"k": "v"}), ("https://b.example/", b"", {})]
    with pytest.raises(Invalid):
        courier.check("https://a.invalid/")
