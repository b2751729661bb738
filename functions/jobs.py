"""What runs by the clock: the table of jobs, the ticker that runs it at home, the route a scheduler calls in the cloud.

Every job is safe to run twice and in parallel: each step is conditional on the state it reads.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Mapping
from datetime import datetime
from time import monotonic
from typing import NamedTuple

from lib.dialects.wire import Access, Reply, Request, Route, reply_json
from lib.domain.hub import Hub

log = logging.getLogger(__name__)


class Job(NamedTuple):
    """One line of the table. `run` gives how much it did, by kind."""

    name: str
    every_s: float
    run: Callable[[Hub, datetime], Mapping[str, int]]


JOBS: tuple[Job, ...] = (
    Job("sweep", 1.0, lambda hub, now: hub.sweep(now)),
    Job("tidy", 60.0, lambda hub, now: hub.tidy(now)),
)


def tick(hub: Hub, stop: threading.Event, jobs: tuple[Job, ...] = JOBS) -> None:
    """Run each job whenever it is due, until `stop` is set: the body of the ticker thread. A job that fails is logged
    and runs again when it is due next; a slow one delays the others and is not made up for."""
    due = {job.name: monotonic() for job in jobs}
    while not stop.wait(max(0.0, min(due.values()) - monotonic())):
        for job in jobs:
            if due[job.name] <= monotonic() and not stop.is_set():
                _run(job, hub)
                due[job.name] = monotonic() + job.every_s


def _run(job: Job, hub: Hub) -> None:
    try:
        done = job.run(hub, hub.clock())
    except Exception:
        log.exception("job=%s failed", job.name)
        return
    if any(done.values()):
        log.info("job=%s %s", job.name, " ".join(f"{kind}={n}" for kind, n in done.items()))


def sweep(request: Request, hub: Hub) -> Reply:
    """Run the sweep once; answers what it did."""
    return reply_json(hub.sweep(request.now))


def tidy(request: Request, hub: Hub) -> Reply:
    """Let go of what is kept for a while only; answers how much went."""
    return reply_json(hub.tidy(request.now))


ROUTES = (
    Route(
        "POST", "/jobs/sweep", sweep, "sweep", Access.SCHEDULER, body_bytes_max=4096, gives=dict[str, int],
        summary="Move the nodes whose time has come; answers how many entries were relayed and nodes moved",
    ),
    Route(
        "POST", "/jobs/tidy", tidy, "sweep", Access.SCHEDULER, body_bytes_max=4096, gives=dict[str, int],
        summary="Drop what is past its time and subscriptions nobody polls; answers how many",
    ),
)  # fmt: skip
