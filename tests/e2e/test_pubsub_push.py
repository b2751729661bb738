"""The whole way round: a hub tells Pub/Sub, which pushes to `on_event` of that hub, by real tokens and sockets."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from google.cloud import pubsub_v1

from functions.wiring import Wiring
from lib.domain.account.access import Actor
from lib.domain.event.event import message
from tests import build
from tests.build.issuer import AUDIENCE, PUSHER, SCHEDULER, Issuer
from tests.emulators import pubsub

from .test_cloud_edge import asgi, google, now, wiring

__all__ = ["asgi", "google", "wiring"]

PROJECT = "projects/demo-x"
EVENTS, INBOX, DEAD = (f"{PROJECT}/topics/{name}" for name in ("tributary-events", "inbox", "dead"))
ATTEMPTS = 5
WAIT_S = 60
LAB = Actor("1" * 24, "lab")


class Cloud:
    """Pub/Sub's side: topics, what is pushed where, and what became a dead letter."""

    def __init__(self) -> None:
        self.publisher = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_latency=0))
        self.subscriber = pubsub_v1.SubscriberClient()
        for topic in (EVENTS, INBOX, DEAD):
            self.publisher.create_topic(name=topic)
        self.subscriber.create_subscription(name=f"{PROJECT}/subscriptions/dead", topic=DEAD)

    def push(self, topic: str, name: str, url: str, account: str = PUSHER, **config: Any) -> None:
        """Push what is told to a topic to the hub, a few times each."""
        token = {"service_account_email": account, "audience": AUDIENCE}
        self.subscriber.create_subscription(request={
            "name": f"{PROJECT}/subscriptions/{name}", "topic": topic,
            "push_config": {"push_endpoint": f"{url}/on_event", "oidc_token": token, **config},
            "dead_letter_policy": {"dead_letter_topic": DEAD, "max_delivery_attempts": ATTEMPTS},
        })  # fmt: skip

    def send(self, topic: str, data: bytes, **attributes: str) -> None:
        self.publisher.publish(topic, data, **attributes).result(WAIT_S)

    def dead(self) -> list[bytes]:
        """The dead letters that came since this was asked before."""
        name = f"{PROJECT}/subscriptions/dead"
        received = self.subscriber.pull(subscription=name, max_messages=10, timeout=WAIT_S).received_messages
        if received:
            self.subscriber.acknowledge(subscription=name, ack_ids=[r.ack_id for r in received])
        return [r.message.data for r in received]

    def close(self) -> None:
        self.publisher.stop()
        self.publisher.transport.close()
        self.subscriber.close()


@pytest.fixture
def environ() -> dict[str, str]:
    return {"HUB_BUS": "pubsub://demo-x"}


@pytest.fixture
def far_side(google: Issuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[pubsub.PubsubEmulator]:
    with pubsub.start(signer=google.push_token, pull_wait_s=0.05, push_backoff_s=(0.01, 0.05)) as emulator:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.address)
        yield emulator


@pytest.fixture
def cloud(far_side: pubsub.PubsubEmulator) -> Iterator[Cloud]:
    made = Cloud()
    yield made
    made.close()


def until(is_so: Callable[[], object]) -> None:
    """Wait for what happens elsewhere."""
    end = time.monotonic() + WAIT_S
    while not is_so():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_what_a_killed_request_left_is_finished_by_the_push_of_its_event(cloud, asgi, wiring, far_side):
    cloud.push(EVENTS, "backstop", asgi)
    hub = wiring.hub
    top = hub.nodes.submit(LAB, build.checkout(), now())
    below = hub.nodes.submit(LAB, build.job(top), now())
    changes = {"name": top.name, "kind": top.kind, "data": top.data, "timeout": top.timeout, "state": "closing"}
    hub.nodes.edit(LAB, top.id, changes, now())

    class Killed(BaseException):
        """The end of the process, once the event was published."""

    victim = Wiring(wiring.settings).hub

    def die(node_ids: object) -> None:
        raise Killed

    victim.relay.settle = die
    changes = {"name": below.name, "kind": below.kind, "data": below.data, "timeout": below.timeout}
    with pytest.raises(Killed):
        victim.nodes.edit(LAB, below.id, {**changes, "state": "done", "result": "pass"}, now())
    victim.close()
    until(lambda: hub.nodes.get(top.id).state == "done")
    until(lambda: hub.store.count("outbox", ()) == 0)
    # Everything again, as Pub/Sub may: nothing changes.
    events = hub.store.read("node", 0, 100)
    before = far_side.meter.pushes
    hub.bus.publish([message(event) for event in events])
    until(lambda: far_side.meter.pushes >= before + len(events))
    assert far_side.meter.push_failures == 0
    assert hub.store.read("node", 0, 100) == events and cloud.dead() == []


@pytest.mark.parametrize("config", [{}, {"no_wrapper": {"write_metadata": True}}], ids=["wrapped", "bare"])
def test_an_event_from_elsewhere_goes_round_once(cloud, asgi, wiring, far_side, config):
    cloud.push(EVENTS, "backstop", asgi)
    cloud.push(INBOX, "inbox", asgi, **config)
    event = {"specversion": "1.0", "id": "1", "source": "https://ci.example.org", "type": "t", "data": {"n": 1}}
    for _ in range(3):
        cloud.send(INBOX, json.dumps(event).encode(), channel="ci", **{"content-type": "application/cloudevents+json"})
    cloud.send(INBOX, b'{"n": 2}', channel="ci")
    # Four from elsewhere, of which two are new; those come back as the hub's own.
    until(lambda: far_side.meter.acked >= 6)
    found = wiring.hub.store.read("ci", 0, 10)
    assert sorted(e.body["data"]["n"] for e in found) == [1, 2]
    assert {e.body["owner"] for e in found} == {"pubsub:inbox"}
    assert far_side.meter.push_failures == 0


def test_poison_becomes_a_dead_letter_and_holds_up_nothing(cloud, asgi, wiring, far_side):
    cloud.push(INBOX, "inbox", asgi)
    cloud.send(INBOX, b"no json", channel="ci")
    cloud.send(INBOX, b'{"n": 1}', channel="node")
    cloud.send(INBOX, b'{"n": 1}', channel="ci")
    letters: list[bytes] = []
    until(lambda: letters.extend(cloud.dead()) or len(letters) == 2)
    assert set(letters) == {b"no json", b'{"n": 1}'}
    assert far_side.meter.push_failures == 2 * ATTEMPTS
    assert [e.body["data"] for e in wiring.hub.store.read("ci", 0, 10)] == [{"n": 1}]
    assert wiring.hub.store.last("node") == 0


def test_pushes_of_another_account_are_refused(cloud, asgi, wiring):
    cloud.push(INBOX, "inbox", asgi, SCHEDULER)
    cloud.send(INBOX, b'{"n": 1}', channel="ci")
    letters: list[bytes] = []
    until(lambda: letters.extend(cloud.dead()) or letters)
    assert wiring.hub.store.last("ci") == 0
