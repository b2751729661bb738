"""The real thing: a hub of its own for each test, and the cloud functions over a store of the same kind."""

from __future__ import annotations

import os
import re
import secrets
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import requests

from tests.build import firestore

from .player import Player

ROOT = Path(__file__).parents[2]
START_S = 60
SECRET_KEY = secrets.token_hex(32)


class Hub:
    """`tributary serve` in a folder of its own: environment, start, stop, what it said."""

    def __init__(self, folder: Path, module: str = "functions.local") -> None:
        self.folder, self.module = folder, module
        self.words: tuple[str, ...] = ()
        (folder / ".env").touch()  # or that of the checkout would be read
        self.env = {
            "PATH": os.environ.get("PATH", ""),
            "PYTHONPATH": str(ROOT),
            "PYTHONWARNINGS": os.environ.get("PYTHONWARNINGS", ""),
            "HUB_BIND": "127.0.0.1:0",
            "HUB_STORE": "sqlite:///var/hub.db",
        }
        self.process: subprocess.Popen[str] | None = None
        self.url = self.token = self.password = self.said = ""
        self.log = folder / "log"

    def start(self, **env: str) -> Hub:
        """Start it, again perhaps, and wait until it says where it is."""
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()
        with self.log.open("a") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", self.module, *self.words], cwd=self.folder, env={**self.env, **env},
                stdout=subprocess.PIPE, stderr=log, text=True,
            )  # fmt: skip
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        assert line.startswith("Tributary serves http://"), self.log.read_text()
        self.url = line.split()[2]
        self.said = line
        if not self.token:
            # The first start says more; wait for its last line.
            while not line.startswith("These are shown"):
                line = self.process.stdout.readline()
                assert line, self.log.read_text()
                self.said += line
            self.token = self.told("Token")
            self.password = self.told("Password")
        return self

    def told(self, name: str) -> str:
        """What it said after `name: `, or nothing."""
        found = re.search(rf"^{name}: (\S+)$", self.said, re.MULTILINE)
        return found[1] if found else ""

    def stop(self, number: int = signal.SIGTERM) -> float:
        """Tell it to stop; gives the seconds that took. What else it said is in `said`."""
        assert self.process is not None
        began = time.monotonic()
        self.process.send_signal(number)
        rest, _ = self.process.communicate(timeout=60)
        self.said += rest
        return time.monotonic() - began

    def kill(self) -> None:
        """End it without a word."""
        if self.process is not None and self.process.poll() is None:
            self.process.kill()
            self.process.communicate()

    def close(self) -> None:
        self.kill()
        if self.process is not None and self.process.stdout is not None:
            self.process.stdout.close()

    def admin(self, *arguments: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """One command `tributary admin …` on the same store."""
        return self.tributary("admin", *arguments, stdin=stdin, **env)

    def tributary(self, *words: str, stdin: str = "", **env: str) -> subprocess.CompletedProcess[str]:
        """One command on the same store."""
        return subprocess.run(
            [sys.executable, "-P", str(ROOT / "functions" / "tributary.py"), *words],
            cwd=self.folder, env={**self.env, **env}, input=stdin, capture_output=True, text=True, timeout=60,
        )  # fmt: skip

    def shell_env(self) -> dict[str, str]:
        """The environment of a shell in the folder, for commands of a document: `tributary` is on the path, as `make
        install` puts it there; HUB and TOKEN name the hub."""
        launcher = self.folder / "bin" / "tributary"
        launcher.parent.mkdir(exist_ok=True)
        launcher.write_text(f'#!/bin/sh\nexec "{sys.executable}" -P "{ROOT}/functions/tributary.py" "$@"\n')
        launcher.chmod(0o755)
        path = f"{launcher.parent}:{os.environ['PATH']}"
        return {**os.environ, **self.env, "PATH": path, "HUB": f"{self.url}/latest", "TOKEN": self.token}

    def token_of(self, username: str) -> str:
        """A token of a user."""
        done = self.admin("token", username)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    def lines(self) -> list[str]:
        """What it logged so far."""
        return self.log.read_text().splitlines()


OVER_BOTH = ("sqlite", pytest.param("firestore", marks=pytest.mark.full))
"""Parameters of `hub_folder` for a module whose tests run over either store."""


def environment_of(store: str, folder: Path) -> dict[str, str]:
    """What tells a hub or a function to use a store of this kind, the folder's own."""
    if store == "sqlite":
        return {"HUB_STORE": f"sqlite:///{folder}/functions.db"}
    firestore.with_host()
    url = firestore.url_of(firestore.database_of(str(folder)))
    return {"HUB_STORE": url, "SECRET_KEY": SECRET_KEY, firestore.HOST: os.environ[firestore.HOST]}


@pytest.fixture
def hub_folder(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Hub]:
    """A hub that was not started yet."""
    hub = Hub(tmp_path)
    if getattr(request, "param", "sqlite") != "sqlite":
        hub.env |= environment_of(request.param, tmp_path)
    yield hub
    hub.close()


@pytest.fixture
def server(hub_folder: Hub) -> Hub:
    """A running hub with nothing in it: `url`, `token` of its administrator, `token_of(username)`."""
    return hub_folder.start()


@pytest.fixture
def admin(server: Hub) -> Player:
    """KernelCI's client with the administrator's token."""
    return Player(server.url, server.token)


@pytest.fixture
def lab(server: Hub, admin: Player) -> Player:
    """KernelCI's client of an ordinary, verified user."""
    admin.user_add("lab", "lab@example.org", "secret of the lab")
    admin.user_update("lab", is_verified=True)
    return Player(server.url, Player(server.url).login("lab", "secret of the lab"))


class Deploy:
    """Starts cloud functions under functions-framework, which share one store of the kind `store`."""

    def __init__(self, store: str, start: Callable[..., str]) -> None:
        self.store, self._start = store, start

    def __call__(self, target: str, source: str = "main.py", **env: str) -> str:
        """Start one of the functions in a file of this repository; gives its URL."""
        return self._start(target, source, **env)


@pytest.fixture
def deploy(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Deploy]:
    store = getattr(request, "param", "sqlite")
    with ExitStack() as stack:

        def start(target: str, source: str = "main.py", **env: str) -> str:
            port = _free_port()
            log = stack.enter_context((tmp_path / f"{target}.log").open("w"))
            process = subprocess.Popen(
                [str(Path(sys.executable).with_name("functions-framework")), "--source", str(ROOT / source),
                 "--target", target],
                env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": str(ROOT),
                     "HOST": "127.0.0.1", "PORT": str(port),
                     "SECRET_KEY": SECRET_KEY, **environment_of(store, tmp_path), **env},
                stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip
            stack.callback(_end, process)
            _wait_for(port, process, tmp_path / f"{target}.log")
            return f"http://127.0.0.1:{port}"

        yield Deploy(store, start)


def _end(process: subprocess.Popen[bytes]) -> None:
    """End a server and its workers, which are a process group of their own."""
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end and process.poll() is None:
        try:
            requests.get(f"http://127.0.0.1:{port}/robots.txt", timeout=60)
            return
        except requests.ConnectionError:
            time.sleep(0.05)
    raise AssertionError(log.read_text())
