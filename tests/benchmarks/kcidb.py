"""KCIDB: submitting, merging, reading.

    python -m tests.benchmarks.kcidb --serve                 a hub of its own, in a temporary folder: 3 minutes
    python -m tests.benchmarks.kcidb --serve --checkouts 100

Prints tables; asserts nothing. README.md beside this file tells how to read them. The reference is kcidb's own SQLite
driver (kcidb.md 6.2).
"""

from __future__ import annotations

import argparse
import http.client
import os
import random
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from time import perf_counter

import orjson

from lib.dialects.kcidb import codec
from tests.benchmarks.api import Api
from tests.benchmarks.loader import Address, Run, Unit, load
from tests.benchmarks.nodes import PROOF, Target
from tests.benchmarks.null_server import null_server
from tests.benchmarks.results import Document, Results
from tests.benchmarks.table import Table, machine, milliseconds, number, percentile
from tests.e2e.conftest import Hub

EXCERPTS, PRODUCTION = 0.005, 0.286
"""Shares of tests with an excerpt: with the first an object has 770 bytes in the mean, as in the reference's data, with
the second a test has 5 kB, as in production."""
CLIENTS = (1, 8)
READS = 2000
FOR_EVER_S = 3600.0


@dataclass(frozen=True, slots=True)
class Reference:
    """Objects a second, or seconds, of kcidb's SQLite driver."""

    stream: float = 853.0
    single: float = 234.0
    again: float = 5026.0
    by_id_s: float = 0.00042
    children_s: float = 1.058
    export: float = 37_800.0
    validate: float = 2455.0
    command_s: float = 1.23


REFERENCE = Reference()


def pack(address: Address, token: str, path: str, body: bytes | None = None) -> bytes:
    """A request as bytes."""
    method = "GET" if body is None else "POST"
    lines = [f"{method} {path} HTTP/1.1", f"host: {address[0]}:{address[1]}"]
    if body is not None:
        lines += [f"authorization: Bearer {token}", "content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join((*lines, "", "")).encode() + (body or b"")


@contextmanager
def serve() -> Iterator[tuple[Target, Path]]:
    """A hub in a process of its own, over a new store, and its folder."""
    with tempfile.TemporaryDirectory(prefix="tributary-benchmark-") as folder:
        hub = Hub(Path(folder))
        try:
            hub.start()
            assert hub.process is not None
            yield Target(Api(hub.url, hub.token), hub.process.pid), Path(folder)
            hub.stop()
        finally:
            hub.close()


class Bench:
    """One run over one hub."""

    def __init__(self, target: Target) -> None:
        self.target = target
        self.address, self.token = target.api.address, target.api.token

    def submit(self, title: str, rows: Iterable[tuple[str, int, Callable[[], Iterator[Document]], float]]) -> None:
        table = Table(
            title, "what", "clients", "objects/s", "submissions/s", "p50 ms", "p95 ms", "server CPU µs/object",
            "null server / this", "kcidb", "ratio",
        )  # fmt: skip
        for name, clients, documents, reference in rows:
            units = [(pack(self.address, self.token, "/submit", orjson.dumps(d)),) for d in documents()]
            objects = sum(len(v) for d in documents() for k, v in d.items() if k != "version")
            before = self.target.cpu_s()
            run = load(self.address, iter(units), clients, FOR_EVER_S)
            cpu_s = self.target.cpu_s() - before
            rate = objects / run.elapsed_s
            with null_server(run.reply_bytes) as null:
                proof = load(null, iter(units), clients, FOR_EVER_S)
            times = run.elapsed_s / proof.elapsed_s
            table.row(
                name, clients, number(rate), number(len(units) / run.elapsed_s), *_times(run),
                number(cpu_s * 1e6 / objects), number(times) + (" loader-bound" if times < PROOF else ""),
                number(reference), f"{number(rate / reference)} ×",
            )  # fmt: skip

    def read(self, results: Results) -> None:
        table = Table("Reading", "what", "clients", "per second", "p50 ms", "p95 ms", "kcidb p50 ms", "ratio")
        chance = random.Random(1)

        def tests() -> Iterator[Unit]:
            for _ in range(READS):
                n, b, t = chance.randrange(results.checkouts), chance.randrange(10), chance.randrange(10)
                yield (pack(self.address, "", f"/kcidb/tests/bench:t{n}-{b}-{t}"),)

        def checkouts() -> Iterator[Unit]:
            for _ in range(READS // 4):
                yield (
                    pack(self.address, "", f"/kcidb/checkouts/bench:c{chance.randrange(results.checkouts)}?children=1"),
                )

        for name, units, reference in (
            ("a test by id", tests, REFERENCE.by_id_s),
            ("a checkout with its 110 children", checkouts, REFERENCE.children_s),
        ):  # fmt: skip
            for clients in CLIENTS:
                run = load(self.address, units(), clients, FOR_EVER_S)
                table.row(
                    name, clients, number(len(run.times) / run.elapsed_s), *_times(run), milliseconds(reference),
                    f"{number(reference / percentile(run.times, 50))} ×",
                )  # fmt: skip

    def export(self) -> None:
        table = Table("Export", "what", "objects/s", "MB", "seconds", "kcidb objects/s", "ratio")
        connection = http.client.HTTPConnection(*self.address, timeout=600)
        began, size, objects = perf_counter(), 0, 0
        connection.request("GET", "/kcidb/export")
        reply = connection.getresponse()
        while chunk := reply.read(1 << 20):
            size += len(chunk)
            objects += chunk.count(b'"origin":')
        seconds = perf_counter() - began
        table.row(
            "everything, NDJSON", number(objects / seconds), number(size / 1e6), number(seconds),
            number(REFERENCE.export), f"{number(objects / seconds / REFERENCE.export)} ×",
        )  # fmt: skip


def validate(results: Results) -> None:
    """Reading and checking, in this process: no store, no wire."""
    table = Table("Checking a submission, without a hub", "what", "objects/s", "kcidb-io", "ratio")
    for name, excerpts in (("reference's sizes", EXCERPTS), ("production's sizes", PRODUCTION)):
        part = Results(min(results.checkouts, 50), excerpts)
        texts = [orjson.dumps(d) for d in part.submissions()]
        began = perf_counter()
        for text in texts:
            codec.decode(codec.read(text))
        rate = part.objects / (perf_counter() - began)
        table.row(name, number(rate), number(REFERENCE.validate), f"{number(rate / REFERENCE.validate)} ×")


def command(folder: Path) -> None:
    """From the shell to the answer, beside the running hub."""
    table = Table("Command line", "what", "p50 ms", "kcidb ms", "ratio")
    environ = {**os.environ, "HUB_STORE": f"sqlite:///{folder}/var/hub.db"}
    times = []
    for _ in range(7):
        began = perf_counter()
        words = (sys.executable, "-m", "functions.tributary", "kcidb", "query", "-t", "bench:t0-0-0")
        subprocess.run(words, env=environ, check=True, capture_output=True)
        times.append(perf_counter() - began)
    middle = percentile(times, 50)
    reference = REFERENCE.command_s
    table.row("kcidb query -t ID", milliseconds(middle), milliseconds(reference), f"{number(reference / middle)} ×")


def _times(run: Run) -> tuple[str, str]:
    return milliseconds(percentile(run.times, 50)), milliseconds(percentile(run.times, 95))


def measure(checkouts: int) -> None:
    """Everything, on a hub of its own."""
    results = Results(checkouts, EXCERPTS)
    few = Results(max(1, checkouts // 50), EXCERPTS)
    validate(results)
    with serve() as (target, folder):
        bench = Bench(target)
        bench.submit(
            f"Submitting, {results.objects:,} objects",
            [
                ("stream of ~10-object submissions", 8, results.submissions, REFERENCE.stream),
                ("the same again", 8, results.submissions, REFERENCE.again),
                ("the same again", 1, few.submissions, REFERENCE.again),
            ],
        )
        bench.read(results)
        bench.export()
        command(folder)
    for clients in CLIENTS:
        with serve() as (target, _):
            Bench(target).submit(
                f"Submitting to a new hub, {clients} clients",
                [
                    ("stream of ~10-object submissions", clients, few.submissions, REFERENCE.stream),
                ],
            )
        with serve() as (target, _):
            Bench(target).submit(
                f"Single objects, {clients} clients", [("one object each", clients, few.singles, REFERENCE.single)]
            )
    with serve() as (target, _):
        large = Results(max(1, checkouts // 20), PRODUCTION)
        Bench(target).submit(
            f"Production's sizes, {large.objects:,} objects", [("stream", 8, large.submissions, REFERENCE.stream)]
        )


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.kcidb", description="Measure a hub with results.")
    made.add_argument("--serve", action="store_true", required=True, help="start a hub over a temporary store")
    made.add_argument("--checkouts", type=int, default=1000, help="each with 10 builds and 100 tests; default: 1000")
    options = made.parse_args()
    print(machine())
    measure(options.checkouts)


if __name__ == "__main__":
    main()
