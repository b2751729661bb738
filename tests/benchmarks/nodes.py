"""Nodes under load: writing, reading, querying, trees, and the way from a POST to a listener.

    python -m tests.benchmarks.nodes --serve                       a hub of its own, in a temporary folder
    python -m tests.benchmarks.nodes http://127.0.0.1:8080 --token TOKEN
    python -m tests.benchmarks.nodes --fill-store FILE --stored 200000

Prints tables; asserts nothing. README.md beside this file tells how to read them.
"""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import mean

from tests.benchmarks.api import Api
from tests.benchmarks.fill import fill_file, fill_hub
from tests.benchmarks.latency import Listening, listen, own_share
from tests.benchmarks.loader import Refused, Run, load
from tests.benchmarks.measures import UPSTREAM_LISTEN_S, Measure, Measures
from tests.benchmarks.null_server import null_server
from tests.benchmarks.table import Table, machine, milliseconds, number, percentile
from tests.e2e.conftest import Hub

GROUPS = ("get", "nodes", "count", "pair", "post", "listen", "tree200", "tree5000")
"""In this order, since trees make the store grow."""
QUERIES = frozenset(("nodes", "count"))
"""Measured at every size of the store; the others at the first."""
TREES = frozenset(("tree200", "tree5000"))
CLIENTS = (1, 8, 32)
NULL_SECONDS = 0.5
PROOF = 2.0
"""The loader must be so many times faster against the null server, or the figure is the loader's."""
EVENTS = 300
REPLY_BYTES_OF_LISTEN = 900


@dataclass(frozen=True, slots=True)
class Target:
    """A hub under measurement; `pid` is 0 for one whose process is not ours to look at."""

    api: Api
    pid: int = 0

    def cpu_s(self) -> float:
        """CPU time its process has taken."""
        if not self.pid:
            return 0.0
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Bench:
    """How a run measures."""

    target: Target
    clients: tuple[int, ...]
    seconds: float

    def group(self, names: list[str], stored: int) -> None:
        """Measure groups over a store of this size."""
        measures = Measures(self.target.api)
        self._rates(f"Over {stored:,} stored nodes", measures, [n for n in names if n not in TREES and n != "listen"])
        if "listen" in names:
            self._listen(measures)
        self._rates("Trees", measures, [n for n in names if n in TREES])

    def _rates(self, title: str, measures: Measures, names: list[str]) -> None:
        if not names:
            return
        table = Table(
            title, "what", "clients", "per second", "p50 ms", "p95 ms", "server CPU ms", "nodes/s",
            "null server / this", "upstream", "ratio",
        )  # fmt: skip
        for name in names:
            for measure in measures.of(name):
                self._rows(table, measure)

    def _rows(self, table: Table, measure: Measure) -> None:
        for clients in self.clients:
            if clients <= measure.clients_max:
                try:
                    self._row(table, measure, clients)
                except (Refused, OSError) as error:
                    table.row(measure.name, clients, f"failed: {' '.join(str(error).split())[:200]}")

    def _row(self, table: Table, measure: Measure, clients: int) -> None:
        address, units = self.target.api.address, measure.units()
        if measure.nodes < 1000:
            load(address, units, clients, self.seconds / 10)
        before = self.target.cpu_s()
        run = load(address, units, clients, self.seconds, measure.untimed)
        cpu_s = self.target.cpu_s() - before
        with null_server(run.reply_bytes) as null:
            proof = rate(load(null, units, clients, NULL_SECONDS, measure.untimed), clients, measure)
        here = rate(run, clients, measure)
        times = proof / here
        table.row(
            measure.name,
            clients,
            number(here),
            milliseconds(percentile(run.times, 50)),
            milliseconds(percentile(run.times, 95)),
            number(cpu_s * 1000 / len(run.times)) if cpu_s and not measure.untimed else "",
            number(here * measure.nodes) if measure.nodes else "",
            number(times) + (" loader-bound" if times < PROOF else ""),
            number(measure.upstream) if measure.upstream else "",
            f"{number(here / measure.upstream)} ×" if measure.upstream else "",
        )

    def _listen(self, measures: Measures) -> None:
        table = Table(
            f"POST to the end of a listener's reply, {EVENTS} events", "listeners", "p50 ms", "p95 ms", "max ms",
            "loader's own p50 ms", "upstream ms", "ratio",
        )  # fmt: skip
        api = self.target.api
        root = measures.root()
        post = api.pack("POST", "/node", measures.job_of(root, 0))
        for count in self.clients:
            made = [api.ask("POST", "/subscribe/node?promisc=true")["id"] for _ in range(count)]
            requests = Listening([api.pack("GET", f"/listen/{id}") for id in made], post)
            times = listen(api.address, requests, EVENTS)
            with null_server(REPLY_BYTES_OF_LISTEN) as null:
                own = own_share(null, requests, EVENTS)
            for id in made:
                api.ask("POST", f"/unsubscribe/{id}")
            middle = percentile(times, 50)
            table.row(
                count, milliseconds(middle), milliseconds(percentile(times, 95)), milliseconds(max(times)),
                milliseconds(percentile(own, 50)), milliseconds(UPSTREAM_LISTEN_S),
                f"{number(UPSTREAM_LISTEN_S / middle)} ×",
            )  # fmt: skip


def rate(run: Run, clients: int, measure: Measure) -> float:
    """Units a second; where a part of each is not timed, as if only the timed part had been done."""
    return clients / mean(run.times) if measure.untimed else len(run.times) / run.elapsed_s


@contextmanager
def serve(stored: int) -> Iterator[Target]:
    """A hub in a process of its own, over a new store with so many nodes."""
    with tempfile.TemporaryDirectory(prefix="tributary-benchmark-") as folder:
        fill_file(Path(folder, "var", "hub.db"), stored)
        hub = Hub(Path(folder))
        try:
            hub.start()
            assert hub.process is not None
            yield Target(Api(hub.url, hub.token), hub.process.pid)
            hub.stop()
        finally:
            hub.close()


def measure_served(options: argparse.Namespace) -> None:
    """Every size on a hub of its own."""
    for place, stored in enumerate(options.stored):
        if names := _names(options.only, place):
            with serve(stored) as target:
                Bench(target, options.clients, options.seconds).group(names, stored)


def measure_running(options: argparse.Namespace) -> None:
    """A hub that runs already, filled up to every size."""
    api = Api(options.base_url, options.token)
    for place, stored in enumerate(options.stored):
        if names := _names(options.only, place):
            Bench(Target(api), options.clients, options.seconds).group(names, fill_hub(api, stored))


def _names(only: list[str], place: int) -> list[str]:
    return [name for name in GROUPS if name in only and (place == 0 or name in QUERIES)]


def _several(allowed: tuple[str, ...]) -> Callable[[str], list[str]]:
    def parse(text: str) -> list[str]:
        names = text.split(",")
        if unknown := [name for name in names if name not in allowed]:
            raise argparse.ArgumentTypeError(f"no {', '.join(unknown)}; there are {', '.join(allowed)}")
        return names

    return parse


def _integers(text: str) -> tuple[int, ...]:
    return tuple(int(part.replace("_", "")) for part in text.split(","))


def parser() -> argparse.ArgumentParser:
    """The command line."""
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.nodes", description="Measure a hub with nodes.")
    made.add_argument("base_url", nargs="?", help="a running hub, like http://127.0.0.1:8080")
    made.add_argument("--token", default=os.environ.get("TOKEN", ""), help="of a superuser there; default: $TOKEN")
    made.add_argument("--serve", action="store_true", help="start a hub over a temporary store instead")
    made.add_argument("--fill-store", type=Path, metavar="FILE", help="only fill a SQLite file with --stored nodes")
    made.add_argument("--only", type=_several(GROUPS), default=list(GROUPS), help=",".join(GROUPS))
    made.add_argument("--seconds", type=float, default=3.0, help="of each figure")
    made.add_argument("--clients", type=_integers, default=CLIENTS, help="default: 1,8,32")
    made.add_argument("--stored", type=_integers, default=(20_000, 200_000), help="default: 20000,200000")
    return made


def main() -> None:
    options = parser().parse_args()
    if options.fill_store:
        fill_file(options.fill_store, options.stored[0])
        return
    if bool(options.base_url) == options.serve:
        raise SystemExit("name a hub, or --serve")
    print(machine())
    (measure_served if options.serve else measure_running)(options)


if __name__ == "__main__":
    main()
