"""Alerts: no sweep succeeds, or a message could not be delivered."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from infra.parameter import Parameters
from infra.push import DEAD_LETTERS
from infra.schedule import JOBS
from infra.step import Ensure, Heading, Look, Pick, Step, gcloud

METRIC = "tributary-sweeps"
SWEPT = (
    'resource.type="cloud_scheduler_job" AND '
    f'resource.labels.job_id="{JOBS[0].id}" AND '
    'jsonPayload."@type"="type.googleapis.com/google.cloud.scheduler.logging.AttemptFinished" AND '
    "httpRequest.status=200"
)
"""Cloud Scheduler's own log holds the outcome of each call, for any name of the function."""
STALE_S, WINDOW_S = 600, 60
CHANNEL = "Tributary: who looks after it"

Condition = dict[str, Any]


def stale() -> list[Condition]:
    """No sweep succeeded for a while: the count is zero, or absent."""
    counted = {
        "filter": f'metric.type="logging.googleapis.com/user/{METRIC}" AND resource.type="cloud_scheduler_job"',
        "duration": f"{STALE_S}s",
        "aggregations": [_each_minute("ALIGN_DELTA")],
    }
    none = {**counted, "comparison": "COMPARISON_LT", "thresholdValue": 1}
    return [
        {"displayName": f"no sweep counted for {STALE_S} s", "conditionThreshold": none},
        {"displayName": f"no count of sweeps for {STALE_S} s", "conditionAbsent": counted},
    ]


def dead() -> list[Condition]:
    """A message was moved to the dead letters."""
    waiting = {
        "filter": 'metric.type="pubsub.googleapis.com/subscription/num_undelivered_messages" AND '
        f'resource.type="pubsub_subscription" AND resource.labels.subscription_id="{DEAD_LETTERS}"',
        "comparison": "COMPARISON_GT",
        "thresholdValue": 0,
        "duration": "0s",
        "aggregations": [_each_minute("ALIGN_MAX")],
    }
    return [{"displayName": "messages wait in the dead-letter subscription", "conditionThreshold": waiting}]


ALERTS = (
    ("Tributary: the sweep stands still", stale,
     "Timeouts and the relay of events wait. See the log of the scheduler job tributary-sweep and of the function "
     "that it calls."),
    ("Tributary: dead letters", dead,
     "on_event could not take messages in. Look: tributary admin dead-letters list (docs/pubsub.md)"),
)  # fmt: skip


def _each_minute(aligner: str) -> Condition:
    return {"alignmentPeriod": f"{WINDOW_S}s", "perSeriesAligner": aligner}


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Alerts", f"mail goes to {p.email}" if p.email else "nobody is told: give EMAIL= to have them mailed")
    description = "--description=Sweeps that ended well, by the log of Cloud Scheduler"
    yield Look("metrics", ("logging", "metrics", "list"))
    words = (METRIC, description, f"--log-filter={SWEPT}")
    yield Ensure(
        f"log metric {METRIC}", "metrics", {"name": METRIC},
        create=(gcloud("logging", "metrics", "create", *words),),
        wanted={"filter": SWEPT},
        update=(gcloud("logging", "metrics", "update", *words),),
    )  # fmt: skip
    if p.email:
        yield from _channel(p)
    yield Look("alerts", ("alpha", "monitoring", "policies", "list"))
    for title, conditions, advice in ALERTS:
        yield _alert(title, conditions(), advice, ["<CHANNEL>"] if p.email else [])


def _channel(p: Parameters) -> Iterator[Step]:
    where = {"type": "email", "labels": {"email_address": p.email}}
    look = Look("channels", ("beta", "monitoring", "channels", "list"))
    create = gcloud(
        "beta", "monitoring", "channels", "create", f"--display-name={CHANNEL}", "--type=email",
        f"--channel-labels=email_address={p.email}",
    )  # fmt: skip
    yield look
    yield Ensure(f"notification channel {p.email}", "channels", where, create=(create,))
    yield look
    yield Pick("CHANNEL", "channels", where, "name")


def _alert(title: str, conditions: list[Condition], advice: str, channels: list[str]) -> Ensure:
    policy = {
        "displayName": title,
        "combiner": "OR",
        "enabled": True,
        "conditions": conditions,
        "documentation": {"content": advice, "mimeType": "text/markdown"},
        "notificationChannels": channels,
    }
    given = f"--policy={json.dumps(policy)}"
    return Ensure(
        f"alert “{title}”", "alerts", {"displayName": title},
        create=(gcloud("alpha", "monitoring", "policies", "create", given),),
        wanted=policy,
        update=(gcloud("alpha", "monitoring", "policies", "update", "<FOUND>", given),),
    )  # fmt: skip
