"""A small HTTP server on this machine, as a stand-in for external servers."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Web:
    """Its answers, and the received bodies with their headers (names in lower case)."""

    def __init__(self) -> None:
        self.bodies: list[bytes] = []
        self.headers: list[dict[str, str]] = []
        self._answers: dict[tuple[str, str], tuple[int, bytes, Mapping[str, str]]] = {}
        web = self

        class Handler(BaseHTTPRequestHandler):
            def _serve(self) -> None:
                web.bodies.append(self.rfile.read(int(self.headers.get("content-length", 0))))
                web.headers.append({name.lower(): value for name, value in self.headers.items()})
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

    @contextmanager
    def serving(self) -> Iterator[Web]:
        with self.server as server:
            thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            yield self
            server.shutdown()
            thread.join()
