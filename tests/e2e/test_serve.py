"""`tributary serve` as its operator sees it: starts, restarts, faults, load, the end."""

from __future__ import annotations

import re
import selectors
import signal
import socket
import stat
import subprocess
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import requests

from .conftest import Hub

CHECKOUT = {"kind": "checkout", "name": "c", "path": ["c"], "data": {"kernel_revision": {"tree": "t", "branch": "b",
            "commit": "0" * 40, "url": "https://example.org"}}}  # fmt: skip


def bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"}


def ask(hub: Hub, method: str, path: str, token: str | None = None, **more: Any) -> requests.Response:
    return requests.request(
        method, hub.url + path, headers=bearer(hub.token if token is None else token), timeout=60, **more
    )


def run(hub: Hub, **env: str) -> subprocess.CompletedProcess[str]:
    """A start that is expected to end by itself."""
    return hub.tributary("serve", **env)


def test_the_first_start_shows_its_secrets_once(server):
    assert re.fullmatch(
        r"Tributary serves http://127\.0\.0\.1:\d+ from sqlite:///var/hub\.db\nAdministrator: admin\nPassword: \S{20}\n"
        r"Token: \S+\nThese are shown this once\..*\n",
        server.said,
    )
    assert ask(server, "GET", "/latest/whoami").json()["username"] == "admin"
    form = {"username": "admin", "password": server.password}
    token = requests.post(f"{server.url}/latest/user/login", data=form, timeout=60).json()["access_token"]
    assert ask(server, "GET", "/latest/whoami", token).status_code == 200
    assert ask(server, "GET", "/latest/whoami", "nonsense").status_code == 401
    server.stop()
    logged = server.log.read_text()
    assert server.token not in logged
    assert server.password not in logged


def test_the_second_start_keeps_data_and_tokens_and_shows_no_secret(server):
    node = ask(server, "POST", "/latest/node", json=CHECKOUT).json()
    server.stop()
    server.start()
    server.stop()
    assert server.said.count("\n") == 1
    server.start()
    assert ask(server, "GET", f"/latest/node/{node['id']}").json()["name"] == "c"
    assert ask(server, "GET", "/latest/whoami").json()["username"] == "admin"


def test_the_secret_key_is_its_owners(server):
    (path,) = (server.folder / "var").glob("*.secret")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(path.read_text().strip()) == 64


def test_a_damaged_secret_key_is_a_fault(server):
    server.stop()
    next((server.folder / "var").glob("*.secret")).write_text("")
    done = run(server)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "does not hold a secret key" in done.stderr


def test_a_kill_loses_nothing(server):
    node = ask(server, "POST", "/latest/node", json=CHECKOUT).json()
    server.kill()
    server.start()
    assert ask(server, "GET", f"/latest/node/{node['id']}").json() is not None


def test_a_given_password_is_taken_and_not_shown(hub_folder):
    hub_folder.start(KCI_INITIAL_PASSWORD="correct horse", HUB_ADMIN_USERNAME="root")
    assert "Password" not in hub_folder.said
    form = {"username": "root", "password": "correct horse"}
    assert requests.post(f"{hub_folder.url}/latest/user/login", data=form, timeout=60).status_code == 200


def test_all_faults_at_once_and_exit_status_2(hub_folder):
    done = run(hub_folder, HUB_BIND="here", ALGORITHM="none", KEEP_ALIVE_PERIOD="long", SECRET_KEY="hush")
    assert done.returncode == 2
    assert done.stdout == ""
    assert [line.split()[1] for line in done.stderr.splitlines()] == ["HUB_BIND", "ALGORITHM", "KEEP_ALIVE_PERIOD"]
    assert "hush" not in done.stderr
    assert not (hub_folder.folder / "var").exists()


@pytest.mark.parametrize("store", ["mongodb://db", "sqlite:///folder", "sqlite:////proc/nowhere/hub.db"])
def test_a_store_that_cannot_be_opened_is_one_line(hub_folder, store):
    (hub_folder.folder / "folder").mkdir()
    done = run(hub_folder, HUB_STORE=store, SECRET_KEY="k" * 32)
    assert (done.returncode, done.stderr.count("\n")) == (2, 1), done.stderr


def test_a_port_in_use_is_one_line_and_touches_nothing(server, tmp_path_factory):
    other = Hub(tmp_path_factory.mktemp("other"))
    done = run(other, HUB_BIND=server.url.removeprefix("http://"))
    assert done.returncode == 2
    assert re.fullmatch(r"error: HUB_BIND 127\.0\.0\.1:\d+ cannot be used: Address already in use\n", done.stderr)
    assert ask(server, "GET", "/").status_code == 200


def test_names_of_others_are_accepted_and_said_to_be_unused(hub_folder):
    hub_folder.start(REDIS_HOST="redis", MONGO_SERVICE="mongodb://db:27017")
    hub_folder.stop()
    text = hub_folder.log.read_text()
    assert "REDIS_HOST is set and not used" in text
    assert "MONGO_SERVICE is set and not used" in text


def test_one_line_a_request(server):
    ask(server, "GET", "/latest/count?name=hush")
    ask(server, "GET", "/latest/whoami")
    ask(server, "GET", "/nosuch/hush")
    requests.post(f"{server.url}/latest/user/login", data={"username": "hush", "password": "hush"}, timeout=60)
    server.stop()
    lines = [line for line in server.lines() if "method=" in line]
    assert [re.search(r"route=(\S+) status=(\d+)", line).groups() for line in lines] == [
        ("/latest/count", "200"), ("/latest/whoami", "200"), ("(none)", "404"), ("/latest/user/login", "400"),
    ]  # fmt: skip
    assert " actor=admin " in lines[1]
    assert "hush" not in server.log.read_text()


def test_the_commands(server):
    made = server.admin("create-admin", "--username", "second", "--email", "s@example.org")
    assert made.returncode == 0
    assert re.fullmatch(r"Administrator: second\nPassword: \S{20}\n", made.stdout)
    assert ask(server, "GET", "/latest/whoami", server.token_of("second")).json()["is_superuser"] is True
    given = server.admin("create-admin", "--username", "third", "--password-stdin", stdin="from a pipe\n")
    assert given.stdout == "Administrator: third\n"
    form = {"username": "third", "password": "from a pipe"}
    assert requests.post(f"{server.url}/latest/user/login", data=form, timeout=60).status_code == 200
    for arguments in (
        ["create-admin", "--username", "second"], ["token", "nobody"], ["create-admin", "--password-stdin"],
        ["nothing"], [],
    ):  # fmt: skip
        done = server.admin(*arguments)
        assert (done.returncode, done.stdout) == (2, ""), arguments
        assert "Traceback" not in done.stderr
    assert server.admin("token", "admin", HUB_BIND="x", ALGORITHM="y").stderr.count("\n") == 2


def _is_whole(reply: bytes) -> bool:
    head, _, body = reply.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head)
    return length is not None and len(body) >= int(length[1])


class Polls:
    """Many open polls on one thread, each a socket with its request sent."""

    def __init__(self, server: Hub, number: int) -> None:
        host, _, port = server.url.removeprefix("http://").partition(":")
        self.sockets = []
        for _ in range(number):
            id = ask(server, "POST", "/latest/subscribe/test").json()["id"]
            poll = socket.create_connection((host, int(port)))
            poll.sendall(
                f"GET /latest/listen/{id} HTTP/1.1\r\nHost: h\r\nAuthorization: Bearer {server.token}\r\n\r\n".encode()
            )
            self.sockets.append(poll)

    def answered(self, seconds: float) -> list[bytes]:
        """What they were answered within so long."""
        end, replies = time.monotonic() + seconds, dict.fromkeys(self.sockets, b"")
        with selectors.DefaultSelector() as selector:
            for poll in self.sockets:
                selector.register(poll, selectors.EVENT_READ)
            while selector.get_map() and time.monotonic() < end:
                for key, _ in selector.select(0.05):
                    read = key.fileobj.recv(65536)
                    replies[key.fileobj] += read
                    if not read or _is_whole(replies[key.fileobj]):
                        selector.unregister(key.fileobj)
        return [reply for reply in replies.values() if reply]

    def close(self) -> None:
        for poll in self.sockets:
            poll.close()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_three_hundred_polls_are_in_nobodys_way_and_end_with_the_server(server, number):
    node = ask(server, "POST", "/latest/node", json=CHECKOUT).json()["id"]
    polls = Polls(server, 300)
    try:
        assert polls.answered(1) == []
        slowest = 0.0
        with requests.Session() as session:
            for _ in range(200):
                began = time.monotonic()
                assert session.get(f"{server.url}/latest/node/{node}", timeout=60).status_code == 200
                assert session.get(f"{server.url}/latest/count?kind=checkout", timeout=60).json() == 1
                slowest = max(slowest, time.monotonic() - began)
        # Behind a poll, a request would wait until that ends.
        assert slowest < 10
        waiter = threading.Thread(target=server.stop, args=(number,))
        began = time.monotonic()
        waiter.start()
        replies = polls.answered(60)
        waiter.join()
        assert time.monotonic() - began < 20
        assert server.process.returncode == 0
        assert sum(b"BEEP" in reply and b" 200 OK" in reply for reply in replies) == 300
        assert "Traceback" not in server.log.read_text()
    finally:
        polls.close()


def test_three_hundred_polls_all_hear(server):
    polls = Polls(server, 300)
    try:
        assert polls.answered(0.5) == []
        began = time.monotonic()
        assert ask(server, "POST", "/latest/publish/test", json={"data": {"n": 1}}).status_code == 200
        replies = polls.answered(60)
        assert sum(b"api.kernelci.org" in reply and b"BEEP" not in reply for reply in replies) == 300
        assert time.monotonic() - began < 20
    finally:
        polls.close()


@pytest.mark.parametrize("request_bytes", [
    b"GARBAGE\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n",
    b"GET /\xff\xfe HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /%ff%00%0d%0a HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /latest/node/%00 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /latest/nodes?%ff=%00&\xff HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /latest/events?from=%ff HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET http://[ HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET * HTTP/1.1\r\nHost: h\r\n\r\n",
    b"CONNECT h:80 HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nX: \x01\xff\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\nBad Header\r\n\r\n",
    b"GET / HTTP/1.1\r\nHost: h\r\n" + b"X: " + b"a" * 200_000 + b"\r\n\r\n",
    b"POST /latest/node HTTP/1.1\r\nHost: h\r\nContent-Length: x\r\n\r\n",
    b"POST /latest/node HTTP/1.1\r\nHost: h\r\nContent-Length: -1\r\n\r\n",
    b"POST /latest/node HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
    b"POST /latest/node HTTP/1.1\r\nHost: h\r\nContent-Length: 99999999999\r\n\r\n",
    b"POST /latest/user/login HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n\xff\xfe\x00",
    b"OPTIONS /latest/count HTTP/1.1\r\nHost: h\r\n\r\n",
    b"HEAD /latest/count HTTP/1.1\r\nHost: h\r\n\r\n",
    b"GET /latest/ws HTTP/1.1\r\nHost: h\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
    b"\x16\x03\x01\x02\x00\x01\x00",
])  # fmt: skip
def test_no_request_however_broken_is_a_500(server, request_bytes):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as line:
        line.settimeout(3)
        line.sendall(request_bytes)
        try:
            first = line.recv(100)
        except (TimeoutError, ConnectionResetError):
            first = b""
    assert not first.startswith(b"HTTP/1.1 5"), first
    assert ask(server, "GET", "/latest/count").status_code == 200
    server.stop()
    assert "Traceback" not in server.log.read_text()


def test_a_head_without_an_end_is_cut_off(server):
    host, _, port = server.url.removeprefix("http://").partition(":")
    with socket.create_connection((host, int(port))) as line:
        line.settimeout(10)
        line.sendall(b"GET / HTTP/1.1\r\n")
        with pytest.raises((ConnectionResetError, BrokenPipeError)):
            for n in range(10_000):
                line.sendall(b"X%d: %s\r\n" % (n, b"a" * 1000))
    assert ask(server, "GET", "/").status_code == 200


def test_a_body_beyond_the_limit_is_413(server):
    for data in (b"x" * (65 * 1024), iter([b"x" * 1024] * 65)):
        reply = ask(server, "POST", "/latest/user/login", data=data)
        assert reply.status_code == 413, reply.text


def test_the_sweep_runs_by_itself(server):
    from datetime import UTC, datetime, timedelta

    due = (datetime.now(UTC) + timedelta(seconds=0.5)).isoformat()
    node = ask(server, "POST", "/latest/node", json={**CHECKOUT, "timeout": due}).json()["id"]
    end = time.monotonic() + 60
    while ask(server, "GET", f"/latest/node/{node}").json()["state"] != "done":
        assert time.monotonic() < end
        time.sleep(0.1)


def test_dotenv_is_read(hub_folder):
    Path(hub_folder.folder, ".env").write_text("HUB_ADMIN_USERNAME=boss\n")
    hub_folder.start()
    assert hub_folder.told("Administrator") == "boss"
