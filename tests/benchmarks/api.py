"""The API as the benchmarks set it up: one plain client, and the bytes of requests for the loader."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from tests.benchmarks.loader import Address

TIMEOUT_S = 300


class Api:
    """One hub by its URL. Paths are those behind `/latest`."""

    def __init__(self, base_url: str, token: str) -> None:
        parts = urlsplit(base_url if "//" in base_url else f"http://{base_url}")
        self.address: Address = (parts.hostname or "127.0.0.1", parts.port or 80)
        self.token = token
        self._connection = http.client.HTTPConnection(*self.address, timeout=TIMEOUT_S)

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """One request, its JSON reply."""
        sent = None if body is None else json.dumps(body)
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"}
        self._connection.request(method, f"/latest{path}", sent, headers)
        reply = self._connection.getresponse()
        text = reply.read().decode()
        if reply.status != 200:
            raise SystemExit(f"{method} {path}: {reply.status} {text[:500]}")
        return json.loads(text)

    def pack(self, method: str, path: str, body: Any = None) -> bytes:
        """A request as bytes. Reading needs no token, so it brings none."""
        lines = [f"{method} /latest{path} HTTP/1.1", f"host: {self.address[0]}:{self.address[1]}"]
        sent = b"" if body is None else json.dumps(body, separators=(",", ":")).encode()
        if body is not None or method == "POST" or path.startswith("/listen"):
            lines.append(f"authorization: Bearer {self.token}")
        if body is not None:
            lines += ["content-type: application/json", f"content-length: {len(sent)}"]
        return "\r\n".join((*lines, "", "")).encode() + sent
