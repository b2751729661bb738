"""The ground: what the same server answers at once, with nothing behind it, on this machine now.

    python -m tests.benchmarks.ground

A bare ASGI application under the same uvicorn, loaded by wrk (Debian package `wrk`). Where upstream was measured it
answered 12,400 requests a second to 8 clients; what is more or less here, is the machine.
"""

from __future__ import annotations

import re
import subprocess
import sys
import time
from typing import Any

import uvicorn

from tests.benchmarks.table import Table, machine, number

PORT = 8979
REFERENCE = 12_400.0
BODY = b'{"message":"a constant answer"}'
HEADERS = [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(BODY))]


async def app(scope: Any, receive: Any, send: Any) -> None:
    """Answers everything with the same few bytes."""
    await send({"type": "http.response.start", "status": 200, "headers": HEADERS})
    await send({"type": "http.response.body", "body": BODY})


def serve() -> None:
    uvicorn.run(
        app, port=PORT, loop="uvloop", http="httptools", ws="none", lifespan="off", log_level="error", access_log=False
    )


def measure(clients: int, seconds: int = 3) -> float:
    """Answers a second to so many clients."""
    command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds}s", f"http://127.0.0.1:{PORT}/"]
    told = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    found = re.search(r"Requests/sec:\s*([\d.]+)", told)
    assert found is not None, told
    return float(found[1])


def main() -> None:
    server = subprocess.Popen([sys.executable, "-m", "tests.benchmarks.ground", "serve"])
    try:
        time.sleep(2)
        print(machine())
        table = Table("A bare ASGI answer", "clients", "per second", "where upstream was measured", "this machine")
        for clients in (1, 8, 32):
            here = measure(clients)
            known = clients == 8
            table.row(clients, number(here), number(REFERENCE) if known else "",
                      f"{number(here / REFERENCE)} × as fast" if known else "")  # fmt: skip
    finally:
        server.terminate()
        server.wait(10)


if __name__ == "__main__":
    serve() if sys.argv[1:] == ["serve"] else main()
