"""A stand-in for Firebase's rules service: what one project has released, over HTTP."""

from __future__ import annotations

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class RulesService:
    """`.release` is what is released, `.calls` every call with its token."""

    def __init__(self) -> None:
        self.rulesets: dict[str, dict] = {}
        self.release: dict | None = None
        self.calls: list[tuple[str, str, str]] = []
        service = self

        class Handler(BaseHTTPRequestHandler):
            def log_message(self, *_): ...

            def answer(self):
                size = int(self.headers.get("content-length") or 0)
                body = json.loads(self.rfile.read(size)) if size else None
                service.calls.append((self.command, self.path, self.headers["authorization"]))
                status, reply = service.answer(self.command, self.path.removeprefix("/v1/"), body)
                text = json.dumps(reply).encode()
                self.send_response(status)
                self.send_header("content-length", str(len(text)))
                self.end_headers()
                self.wfile.write(text)

            do_GET = do_POST = do_PATCH = answer

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._server.server_port}"

    def answer(self, method: str, path: str, body: dict | None) -> tuple[int, dict]:
        match method, path.split("/")[2:]:
            case "GET", ["releases", "cloud.firestore"]:
                return (200, self.release) if self.release else (404, {"error": {"message": "not found"}})
            case "GET", ["rulesets", id]:
                return 200, self.rulesets[id]
            case "POST", ["rulesets"]:
                id = f"set-{len(self.rulesets) + 1}"
                self.rulesets[id] = {"name": "/".join([*path.split("/"), id]), **body}
                return 200, self.rulesets[id]
            case "POST", ["releases"] if self.release is None:
                self.release = body
                return 200, self.release
            case "PATCH", ["releases", "cloud.firestore"] if self.release:
                self.release = body["release"]
                return 200, self.release
        return 400, {"error": {"message": f"{method} {path} is not understood"}}

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
