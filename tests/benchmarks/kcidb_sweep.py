"""KCIDB: the memory and the speed of the sweep that merges what killed requests left pending.

    python -m tests.benchmarks.kcidb_sweep                1,000 and 10,000 pending submissions: a minute

Prints a table; asserts nothing. Each sweep runs in a process of its own, which tells its greatest size; that of a hub
which sweeps nothing stands above.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter

import orjson

from lib.clock import stamp
from lib.dialects.kcidb import codec
from lib.domain.hub import Hub
from lib.domain.ingest import submission as rules
from lib.domain.ingest.submission import PENDING, SUBMISSIONS, Submission
from lib.messaging.open import open_bus
from lib.store.open import open_store
from tests.benchmarks.kcidb import EXCERPTS
from tests.benchmarks.results import BUILDS_PER_CHECKOUT, Results
from tests.benchmarks.table import Table, machine, number
from tests.build import PlainAuth

SIZES = (0, 1000, 10_000)
AT_ONCE = 200


def fill(path: Path, count: int) -> int:
    """A store with so many submissions that were accepted and not merged; gives the number of their objects."""
    store = open_store(f"sqlite:///{path}")
    received, objects = stamp(datetime.now(UTC) - timedelta(hours=1)), 0
    results = Results(count // (1 + BUILDS_PER_CHECKOUT) + 1, EXCERPTS)
    texts = [orjson.dumps(d) for d, _ in zip(results.submissions(), range(count), strict=False)]
    for at in range(0, count, AT_ONCE):
        records = []
        for raw in texts[at : at + AT_ONCE]:
            sent = codec.decode_text(raw, False)
            objects += len(sent.copies)
            record = Submission(sent.id, PENDING, received, "bench", "rest", len(raw), origins=["bench"], piece=1000)
            records.append((sent.id, rules.to_body(record, rules.pack(raw)[0])))
        store.transact(lambda tx, some=records: [tx.create(SUBMISSIONS, id, body) for id, body in some])  # type: ignore[misc]
    store.close()
    return objects


def sweep(path: Path) -> None:
    """Sweep until nothing is pending; prints seconds and the most in MB: own, resident."""
    url = f"sqlite:///{path}"
    store, bus = open_store(url), open_bus("embedded", url)
    hub = Hub(store, bus, PlainAuth(), clock=lambda: datetime.now(UTC), decode=codec.decode_text)
    began = perf_counter()
    own = own_mb()
    while hub.intake.sweep(hub.clock()):
        own = max(own, own_mb())
    seconds = perf_counter() - began
    hub.close()
    print(seconds, own, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def own_mb() -> float:
    """Memory of this process alone: without the store's file, which it sees as memory, and which others share."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("RssAnon")) / 1024


def main() -> None:
    made = argparse.ArgumentParser(prog="python -m tests.benchmarks.kcidb_sweep", description=sweep.__doc__)
    made.add_argument("--sweep", type=Path, metavar="FILE", help=argparse.SUPPRESS)
    options = made.parse_args()
    if options.sweep:
        sweep(options.sweep)
        return
    print(machine())
    table = Table(
        "Sweeping pending submissions",
        "pending",
        "objects",
        "objects/s",
        "own MB at most",
        "resident MB at most, the mapped file too",
    )
    for count in SIZES:
        with tempfile.TemporaryDirectory(prefix="tributary-benchmark-") as folder:
            path = Path(folder, "hub.db")
            objects = fill(path, count)
            words = (sys.executable, "-m", "tests.benchmarks.kcidb_sweep", "--sweep", str(path))
            seconds, own, size = map(float, subprocess.check_output(words, text=True).split())
            table.row(
                f"{count:,}", f"{objects:,}", number(objects / seconds) if objects else "", number(own), number(size)
            )


if __name__ == "__main__":
    main()
