"""The calls of Cloud Scheduler and their times: the table, and the step that runs `scheduler`.

In `make serve` a ticker does the same, more often (`functions/jobs.py`).
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from infra import function
from infra.name import SCHEDULER
from infra.parameter import Parameters
from infra.step import Command, Do, Heading, Step


class ScheduledCall(NamedTuple):
    """A call of the function `sweep`, with a token of the scheduler's account. `cron` is in UTC."""

    id: str
    path: str
    cron: str
    help: str


JOBS = (
    ScheduledCall("tributary-sweep", "/jobs/sweep", "* * * * *", "timeouts, holdoffs, closings, relay"),
    ScheduledCall("tributary-tidy", "/jobs/tidy", "17 * * * *", "drops what is kept for a while only"),
)
DEADLINE_S = 300
TRIES_MAX = 0
"""No retries: the next scheduled call is the next try."""


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Scheduler jobs", "; ".join(f"{job.id}: {job.help}" for job in JOBS))
    run = (
        "<PYTHON>", "-m", "infra.scheduler", p.project, p.region,
        function.serving(function.SWEEP, p).url(p), p.account(SCHEDULER),
    )  # fmt: skip
    yield Do("scheduler jobs", Command(run, feed=("gcloud", "auth", "print-access-token")))
