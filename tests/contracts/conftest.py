"""The adapters under contract. A second one joins by one line of `STORES`."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from lib.clock import Clock
from lib.store.port import Store
from lib.store.sqlite import SqliteStore

Opener = Callable[[Path, Clock], Store]

STORES: dict[str, Opener] = {
    "sqlite": lambda folder, clock: SqliteStore(str(folder / "store.db"), clock=clock),
}


class Ticking:
    """A clock of the test's own: it stands until the test moves it, backwards too."""

    def __init__(self) -> None:
        self.instant = datetime(2026, 1, 1, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.instant

    def move(self, **by: float) -> None:
        self.instant += timedelta(**by)


@pytest.fixture
def ticking() -> Ticking:
    return Ticking()


@pytest.fixture(params=sorted(STORES))
def open_here(request: pytest.FixtureRequest, tmp_path: Path, ticking: Ticking) -> Iterator[Callable[[], Store]]:
    """Opens the test's data, each time anew, as another process would."""
    stores: list[Store] = []

    def open_again() -> Store:
        stores.append(STORES[request.param](tmp_path, ticking))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def store(open_here: Callable[[], Store]) -> Store:
    return open_here()


class Web:
    """An HTTP server of this machine: what it answers, and the bodies it was sent."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self._answers: dict[tuple[str, str], tuple[int, bytes, Mapping[str, str]]] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                web.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
                status, body, headers = web._answers[self.command, self.path]
                self.send_response(status)
                for name, value in {**headers, "content-type": "application/json", "content-length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = _serve

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def answer(self, method: str, path: str, status: int, content: object, headers: Mapping[str, str] = {}) -> None:
        self._answers[method, path] = status, json.dumps(content).encode(), headers


@pytest.fixture
def web() -> Iterator[Web]:
    made = Web()
    with made.server as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield made
        server.shutdown()
        thread.join()
