"""Where `tributary serve` listens, with real sockets: addresses of both kinds, names, options, faults."""

from __future__ import annotations

import re
import socket

import pytest
import requests

from .conftest import Hub


def has_ipv6() -> bool:
    try:
        with socket.socket(socket.AF_INET6) as probe:
            probe.bind(("::1", 0))
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="no IPv6 here")


def answers(url: str) -> bool:
    """Whether a hub is there."""
    try:
        return requests.get(f"{url}/latest/count", timeout=10).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.parametrize(("bind", "url"), [
    ("127.0.0.1:0", r"http://127\.0\.0\.1:[1-9]\d*"), ("localhost:0", r"http://localhost:[1-9]\d*"),
    pytest.param("[::1]:0", r"http://\[::1\]:[1-9]\d*", marks=IPV6),
])  # fmt: skip
def test_the_greeting_has_a_url_that_works(hub_folder, bind, url):
    hub_folder.start(HUB_BIND=bind)
    assert re.fullmatch(url, hub_folder.url)
    assert answers(hub_folder.url)


@IPV6
def test_an_address_of_one_kind_leaves_the_other_alone(hub_folder, tmp_path_factory):
    hub_folder.start(HUB_BIND="[::1]:0")
    port = hub_folder.url.rpartition(":")[2]
    assert not answers(f"http://127.0.0.1:{port}")
    other = Hub(tmp_path_factory.mktemp("other"))
    try:
        other.start(HUB_BIND=f"127.0.0.1:{port}")
        assert answers(other.url)
    finally:
        other.close()


@IPV6
def test_a_name_is_every_address_of_it(hub_folder):
    found = {address[0] for *_, address in socket.getaddrinfo("localhost", 0, type=socket.SOCK_STREAM)}
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    hub_folder.start(HUB_BIND=f"localhost:{port}")
    for address in found:
        assert answers(f"http://[{address}]:{port}" if ":" in address else f"http://{address}:{port}")


def test_options_win_over_the_environment(hub_folder):
    hub_folder.words = ("--bind", "localhost:0", "--store", "sqlite:///own/other.db")
    hub_folder.start(HUB_BIND="192.0.2.1:1", HUB_STORE="sqlite:///never.db")
    assert answers(hub_folder.url) and "from sqlite:///own/other.db" in hub_folder.said
    assert (hub_folder.folder / "own" / "other.db").exists() and not (hub_folder.folder / "never.db").exists()


@pytest.mark.parametrize(("bind", "why"), [
    ("192.0.2.1:0", "192.0.2.1:0 cannot be used: Cannot assign requested address"),
    ("nowhere.invalid:80", "nowhere.invalid:80 cannot be used: "), ("::1:80", "must have brackets"),
    ("[2001:db8::1]:0", "[2001:db8::1]:0 cannot be used: "), ("here", "must be a host and a port"),
])  # fmt: skip
def test_where_it_cannot_listen_is_one_line_and_touches_nothing(hub_folder, bind, why):
    for name, done in (
        ("HUB_BIND", hub_folder.tributary("serve", HUB_BIND=bind)),
        ("--bind", hub_folder.tributary("serve", "--bind", bind)),
    ):
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)
        assert done.stderr.startswith(f"error: {name} {why}")
    assert not (hub_folder.folder / "var").exists()
