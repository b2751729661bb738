"""Cold starts: from the start of a function's process to its first answer, and what its imports take of that.

    python -m tests.benchmarks.coldstart [--rounds 7]

Each round starts `functions-framework --target hub` as the cloud does, imports included, and asks at once for a count,
which opens the store: over SQLite with the embedded bus, and over the stand-ins of Firestore and Pub/Sub. What building
a container or a network adds is not in it.
"""

from __future__ import annotations

import argparse
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from statistics import median

from tests.benchmarks.table import Table, machine, milliseconds
from tests.build import firestore
from tests.emulators import pubsub

ROOT = Path(__file__).parents[2]
SECRET_KEY = "b" * 64
ATTEMPT_S = 0.005
WAIT_S = 30
MODULES = ("functions_framework", "google.cloud.firestore", "google.cloud.pubsub_v1", "pydantic", "main")


@contextmanager
def wirings(folder: str) -> Iterator[dict[str, dict[str, str]]]:
    """The environments that are compared."""
    firestore.with_host()
    bus = pubsub.start()
    try:
        yield {
            "embedded (SQLite)": {"HUB_STORE": f"sqlite:///{folder}/hub.db"},
            "cloud (Firestore, Pub/Sub)": {
                "HUB_STORE": firestore.url_of(f"c{uuid.uuid4().hex[:20]}"),
                firestore.HOST: os.environ[firestore.HOST],
                "HUB_BUS": "pubsub://demo",
                "PUBSUB_EMULATOR_HOST": bus.address,
            },
        }
    finally:
        bus.stop()


def start(environment: Mapping[str, str]) -> float:
    """Seconds from starting the process to its first answer."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [str(Path(sys.executable).with_name("functions-framework")), "--source", str(ROOT / "main.py"),
               "--target", "hub"]  # fmt: skip
    own = {"PATH": os.environ.get("PATH", ""), "HOST": "127.0.0.1", "PORT": str(port), "SECRET_KEY": SECRET_KEY}
    began = time.perf_counter()
    process = subprocess.Popen(
        command, env={**own, **environment}, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    try:
        while time.perf_counter() < began + WAIT_S:
            try:
                with urllib.request.urlopen(f"http://127.0.0.1:{port}/count", timeout=WAIT_S) as reply:
                    assert reply.read() == b"0"
                    return time.perf_counter() - began
            except urllib.error.HTTPError:
                raise
            except OSError:
                time.sleep(ATTEMPT_S)
        raise TimeoutError("no answer")
    finally:
        os.killpg(process.pid, 15)
        process.wait(10)


def imported(module: str) -> float:
    """Seconds that importing a module takes in a new interpreter, what it imports included."""
    told = subprocess.run(
        [sys.executable, "-X", "importtime", "-c", f"import {module}"], cwd=ROOT, capture_output=True, text=True,
        check=True, timeout=WAIT_S,
    ).stderr  # fmt: skip
    found = re.findall(rf"\|\s+(\d+) \| {re.escape(module)}$", told, re.MULTILINE)
    return int(found[-1]) / 1_000_000


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks.coldstart", description="Measure cold starts.")
    parser.add_argument("--rounds", type=int, default=7)
    rounds = parser.parse_args().rounds
    print(machine())
    with tempfile.TemporaryDirectory(prefix="tributary-benchmark-") as folder, wirings(folder) as environments:
        table = Table("Process start to first answer of `hub`", "wiring", "median ms", "best ms", "worst ms")
        for name, environment in environments.items():
            start(environment)
            times = [start(environment) for _ in range(rounds)]
            table.row(name, *(milliseconds(t) for t in (median(times), min(times), max(times))))
    table = Table("Imports, each in a new interpreter", "module", "median ms", "best ms")
    for module in MODULES:
        times = [imported(module) for _ in range(rounds)]
        table.row(f"`{module}`", milliseconds(median(times)), milliseconds(min(times)))


if __name__ == "__main__":
    main()
