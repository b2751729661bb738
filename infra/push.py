"""Pub/Sub subscriptions: the pushes to `on_event`, their retries, and the dead letters.

Also the roles that Pub/Sub's own service account needs for that: to make tokens for its calls, to publish dead letters,
and to acknowledge them in their subscription.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

from infra import function, topic
from infra.name import DEAD, EVENTS, INBOX, KCIDB, PUSH
from infra.parameter import Parameters
from infra.step import Command, Ensure, Heading, Look, Step, gcloud, grant

AGENT = "serviceAccount:service-<NUMBER>@gcp-sa-pubsub.iam.gserviceaccount.com"
SIGNS, SUBSCRIBES = "roles/iam.serviceAccountTokenCreator", "roles/pubsub.subscriber"
TRIES_MAX = 10
ACK_S, WAIT_MIN_S, WAIT_MAX_S = 60, 10, 600


class PushSubscription(NamedTuple):
    """A subscription whose messages are pushed to `on_event`, possibly with a path of its own. `filter` is in Pub/Sub's
    language over attributes; "" accepts all messages."""

    name: str
    topic: str
    filter: str = ""
    path: str = "/on_event"


PUSHES = (
    # The hub receives its own events, so that it finishes the work of killed requests at once. Only events of nodes
    # have such work.
    PushSubscription("tributary-own-events", EVENTS, 'attributes.channel = "node"'),
    PushSubscription("tributary-inbox", INBOX),
    # Every message here is a submission. One that cannot be decoded is recorded, not tried again.
    PushSubscription("tributary-kcidb", KCIDB, path="/on_event/kcidb"),
)
DEAD_LETTERS = "tributary-dead"
"""The subscription that keeps undelivered messages for an operator."""


def steps(p: Parameters) -> Iterator[Step]:
    yield Heading("Subscriptions", f"pushed with a token of {PUSH}; after {TRIES_MAX} tries a message goes to {DEAD}")
    identity = gcloud("beta", "services", "identity", "create", "--service=pubsub.googleapis.com")
    yield Look("push-policy", ("iam", "service-accounts", "get-iam-policy", p.account(PUSH)))
    add = ("iam", "service-accounts", "add-iam-policy-binding", p.account(PUSH))
    yield _for_agent("Pub/Sub signs as " + PUSH, "push-policy", SIGNS, add, identity)
    yield Look("dead-policy", ("pubsub", "topics", "get-iam-policy", DEAD))
    add = ("pubsub", "topics", "add-iam-policy-binding", DEAD)
    yield _for_agent(f"Pub/Sub publishes to {DEAD}", "dead-policy", topic.PUBLISHES, add, identity)

    yield Look("subscriptions", ("pubsub", "subscriptions", "list"))
    yield _kept(p)
    for push in PUSHES:
        yield _pushed(push, p)
        policy = f"{push.name}-subscription-policy"
        yield Look(policy, ("pubsub", "subscriptions", "get-iam-policy", push.name))
        add = ("pubsub", "subscriptions", "add-iam-policy-binding", push.name)
        yield _for_agent(f"Pub/Sub acknowledges in {push.name}", policy, SUBSCRIBES, add, identity)


def _for_agent(title: str, look: str, role: str, add: tuple[str, ...], identity: Command) -> Ensure:
    """A role for Pub/Sub's own account, which may not exist yet in a new project."""
    made = grant(title, look, AGENT, role, gcloud(*add, f"--member={AGENT}", f"--role={role}"))
    return made._replace(create=(identity, *made.create))


def _pushed(push: PushSubscription, p: Parameters) -> Ensure:
    url = function.serving(function.ON_EVENT, p).url(p)
    may_change = (
        f"--push-endpoint={url}{push.path}", f"--push-auth-service-account={p.account(PUSH)}",
        f"--push-auth-token-audience={url}", f"--ack-deadline={ACK_S}", f"--dead-letter-topic={DEAD}",
        f"--max-delivery-attempts={TRIES_MAX}", f"--min-retry-delay={WAIT_MIN_S}s", f"--max-retry-delay={WAIT_MAX_S}s",
        "--expiration-period=never", f"--message-retention-duration={topic.KEPT_S}s",
    )  # fmt: skip
    wanted = {
        "pushConfig": {
            "pushEndpoint": url + push.path,
            "oidcToken": {"serviceAccountEmail": p.account(PUSH), "audience": url},
        },
        "ackDeadlineSeconds": ACK_S,
        "deadLetterPolicy": {"deadLetterTopic": _full(DEAD, p), "maxDeliveryAttempts": TRIES_MAX},
        "retryPolicy": {"minimumBackoff": f"{WAIT_MIN_S}s", "maximumBackoff": f"{WAIT_MAX_S}s"},
        **_ALWAYS,
    }
    fixed = {"topic": _full(push.topic, p), "enableMessageOrdering": True, "filter": push.filter}
    filtered = (f"--message-filter={push.filter}",) if push.filter else ()
    command = ("pubsub", "subscriptions")
    create = gcloud(
        *command, "create", push.name, f"--topic={push.topic}", *may_change, "--enable-message-ordering", *filtered
    )
    update = gcloud(*command, "update", push.name, *may_change)
    return Ensure(
        f"subscription {push.name}", "subscriptions", _named(push.name, p), (create,), wanted, (update,), fixed
    )


def _kept(p: Parameters) -> Ensure:
    """The pull subscription of the dead letters."""
    may_change = ("--expiration-period=never", f"--message-retention-duration={topic.KEPT_S}s")
    command = ("pubsub", "subscriptions")
    return Ensure(
        f"subscription {DEAD_LETTERS}", "subscriptions", _named(DEAD_LETTERS, p),
        create=(gcloud(*command, "create", DEAD_LETTERS, f"--topic={DEAD}", *may_change),),
        wanted=_ALWAYS,
        update=(gcloud(*command, "update", DEAD_LETTERS, *may_change),),
        fixed={"topic": _full(DEAD, p)},
    )  # fmt: skip


_ALWAYS: dict[str, Any] = {"expirationPolicy": {"ttl": None}, "messageRetentionDuration": f"{topic.KEPT_S}s"}


def _full(topic: str, p: Parameters) -> str:
    return f"projects/{p.project}/topics/{topic}"


def _named(name: str, p: Parameters) -> dict[str, str]:
    return {"name": f"projects/{p.project}/subscriptions/{name}"}
