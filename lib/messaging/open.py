"""Opens the bus that a URL names. The only place that knows the adapters; imports the one it needs.

embedded                  wakes waiters on this machine, through the store's file if that is SQLite pubsub://PROJECT
publishes to the topic `tributary-events` of a Google Cloud project, and wakes the same pubsub://PROJECT/TOPIC    to
another topic
"""

from __future__ import annotations

import re

from lib.errors import Invalid
from lib.messaging.port import Bus, DeadLetters

TOPIC_DEFAULT = "tributary-events"
DEAD_DEFAULT = "tributary-dead"
PUBSUB = re.compile(r"pubsub://([a-z][a-z0-9:.-]{0,99})(?:/((?!goog)[A-Za-z][A-Za-z0-9._~+%-]{2,254}))?/?\Z")


def open_bus(url: str = "embedded", store_url: str = "") -> Bus:
    """The bus of a URL, beside the store that `store_url` names. Raises Invalid for a URL that names none."""
    from lib.messaging.sqlite import EmbeddedBus

    prefix, _, path = store_url.partition(":///")
    near = EmbeddedBus(path if prefix == "sqlite" and path else None)
    if url == "embedded":
        return near
    topic = topic_of(url)
    from lib.messaging.pubsub import POLL_S, PubsubBus

    return PubsubBus(topic, near, poll_s=None if near.hears_others else POLL_S)


def open_dead_letters(url: str, subscription: str = DEAD_DEFAULT) -> DeadLetters:
    """The dead letters of a bus, kept by a subscription in its project. Raises Invalid for a bus without dead
    letters."""
    topic = topic_of(url)
    from lib.messaging.dead_letter import PubsubDeadLetters

    project = topic.split("/")[1]
    return PubsubDeadLetters(f"projects/{project}/subscriptions/{subscription}")


def topic_of(url: str) -> str:
    """The full name of the topic that a URL names."""
    found = PUBSUB.match(url)
    if found is None:
        raise Invalid("HUB_BUS", f"names no bus: {url!r}; use embedded, pubsub://PROJECT or pubsub://PROJECT/TOPIC")
    return f"projects/{found.group(1)}/topics/{found.group(2) or TOPIC_DEFAULT}"
