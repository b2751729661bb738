"""Pub/Sub topics, and the accounts that may publish to them."""

from __future__ import annotations

from collections.abc import Iterator

from infra import function
from infra.name import DEAD, EVENTS, INBOX, KCIDB
from infra.parameter import Parameters
from infra.step import Ensure, Heading, Look, Step, gcloud, grant, short

TOPICS = (
    (EVENTS, "what the hub tells: others attach subscriptions of their own"),
    (INBOX, "what the hub is told: pushed to on_event"),
    (KCIDB, "submissions of KCIDB: pushed to on_event"),
    (DEAD, "what on_event could not take in"),
)
KEPT_S = 7 * 24 * 3600
"""Seconds of retention: a new or broken subscription can be reset to a point of the last week."""
PUBLISHES = "roles/pubsub.publisher"


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Topics", "; ".join(f"{name}: {what}" for name, what in TOPICS))
    yield Look("topics", ("pubsub", "topics", "list"))
    for name, _ in TOPICS:
        kept = f"--message-retention-duration={KEPT_S}s"
        yield Ensure(
            f"topic {name}", "topics", {"name": f"projects/{p.project}/topics/{name}"},
            create=(gcloud("pubsub", "topics", "create", name, kept),),
            wanted={"messageRetentionDuration": f"{KEPT_S}s"},
            update=(gcloud("pubsub", "topics", "update", name, kept),),
        )  # fmt: skip
    yield Look("events-policy", ("pubsub", "topics", "get-iam-policy", EVENTS))
    for f in function.chosen(p):
        if f.publishes:
            yield publisher(EVENTS, "events-policy", p.member(f.name))


def publisher(topic: str, look: str, member: str) -> Ensure:
    """A member that may publish to a topic."""
    add = ("pubsub", "topics", "add-iam-policy-binding", topic, f"--member={member}", f"--role={PUBLISHES}")
    return grant(f"{short(member)} publishes to {topic}", look, member, PUBLISHES, gcloud(*add))
