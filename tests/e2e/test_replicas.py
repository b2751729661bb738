"""Two replicas over one Firestore and one Pub/Sub, with all that a cloud may do to them: pushes that come twice and out
of order, and a process killed between its commit and its publishing. In the end every event was delivered."""

from __future__ import annotations

import json
import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import requests
from google.cloud import pubsub_v1

from functions.settings import read
from functions.wiring import Wiring
from lib.domain.account.account import first_admin
from tests.build.issuer import AUDIENCE, PUSHER, SCHEDULER, Issuer
from tests.emulators import pubsub

from .conftest import SECRET_KEY, Deploy, environment_of
from .test_cloud_edge import CLOUD
from .test_serve import bearer

TOPIC, OWN, AUDIENCE_OF_ITS_OWN = (
    "projects/demo-x/topics/tributary-events",
    "projects/demo-x/subscriptions/own-events",
    "projects/demo-x/subscriptions/audience",
)
JOBS = 12
WAIT_S = 60


class Mischief:
    """Between Pub/Sub and the hub: gives each push to both replicas, late by chance, so that later ones overtake it."""

    def __init__(self) -> None:
        self.replicas: list[str] = []
        self.statuses: list[int] = []
        mischief, chance = self, random.Random(1)

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                kept = {k: v for k, v in self.headers.items() if k.lower() in ("authorization", "content-type")}
                status = 503
                for replica in chance.sample(mischief.replicas, len(mischief.replicas)):
                    time.sleep(chance.uniform(0, 0.08))
                    try:
                        reply = requests.post(f"{replica}/on_event", data=body, headers=kept, timeout=60)
                        status = reply.status_code
                        mischief.statuses.append(status)
                    except requests.ConnectionError:
                        status = 503  # it was killed just now; Pub/Sub comes again
                self.send_response(status)
                self.end_headers()

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    @contextmanager
    def serving(self) -> Iterator[Mischief]:
        thread = threading.Thread(target=self.server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield self
        self.server.shutdown()
        thread.join()
        self.server.server_close()


class Audience:
    """Somebody else who listens by a subscription of his own."""

    def __init__(self) -> None:
        self.client = pubsub_v1.SubscriberClient()
        self.client.create_subscription(
            request={"name": AUDIENCE_OF_ITS_OWN, "topic": TOPIC, "enable_message_ordering": True}
        )
        self.events: list[dict[str, Any]] = []

    def pull(self) -> None:
        """Take what is there; what nodes were told as (channel `kcidb`) is another story."""
        pulled = self.client.pull(subscription=AUDIENCE_OF_ITS_OWN, max_messages=100, timeout=60)
        for received in pulled.received_messages:
            if received.message.attributes["channel"] == "node":
                self.events.append(json.loads(received.message.data))
            self.client.acknowledge(subscription=AUDIENCE_OF_ITS_OWN, ack_ids=[received.ack_id])


@pytest.fixture
def google() -> Issuer:
    return Issuer()


@pytest.fixture
def far_side(google: Issuer, monkeypatch: pytest.MonkeyPatch) -> Iterator[pubsub.PubsubEmulator]:
    with pubsub.start(signer=google.push_token, pull_wait_s=0.05, push_backoff_s=(0.05, 0.5)) as emulator:
        monkeypatch.setenv("PUBSUB_EMULATOR_HOST", emulator.address)
        yield emulator


@pytest.fixture
def mischief(far_side: pubsub.PubsubEmulator) -> Iterator[Mischief]:
    with Mischief().serving() as made:
        publisher = pubsub_v1.PublisherClient()
        publisher.create_topic(name=TOPIC)
        token = {"service_account_email": PUSHER, "audience": AUDIENCE}
        with pubsub_v1.SubscriberClient() as subscriber:
            subscriber.create_subscription(request={
                "name": OWN, "topic": TOPIC,
                "push_config": {"push_endpoint": f"{made.url}/on_event", "oidc_token": token},
            })  # fmt: skip
        publisher.transport.close()
        yield made


@pytest.fixture
def audience(mischief: Mischief) -> Iterator[Audience]:
    made = Audience()
    yield made
    made.client.close()


@pytest.fixture
def replicas(
    deploy: Deploy, tmp_path: Path, google: Issuer, mischief: Mischief, far_side: pubsub.PubsubEmulator
) -> list[str]:
    """Two processes of `hub`; the second one is killed when it is about to publish for the fourth time."""
    certificates = tmp_path / "certificates.json"
    certificates.write_text(json.dumps(google.published))
    env = {
        **CLOUD, "TEST_CERTIFICATES": str(certificates), "HUB_BUS": "pubsub://demo-x",
        "PUBSUB_EMULATOR_HOST": far_side.address,
    }  # fmt: skip
    source = "tests/e2e/cloud_main.py"
    mischief.replicas = [
        deploy("hub", source, **env),
        deploy("hub", source, TEST_KILL=f"4:{tmp_path / 'killed'}", **env),
    ]
    return mischief.replicas


@pytest.fixture
def token(tmp_path: Path) -> str:
    """A token of the administrator of the store that the replicas share."""
    wiring = Wiring(read({**environment_of("firestore", tmp_path), "SECRET_KEY": SECRET_KEY}, "/none"))
    now = datetime.now(UTC)
    admin = first_admin(wiring.hub.accounts, "admin", "a@example.org", "password", now)
    made = wiring.hub.accounts.auth.mint(admin.id, now)
    wiring.hub.close()
    return made


class Lab:
    """A client that asks each replica in turn, and asks again when its line breaks, as the real ones do."""

    def __init__(self, replicas: list[str], token: str) -> None:
        self.replicas, self.token = replicas, token
        self.turn = self.broken = 0

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        headers = {**bearer(self.token), "Idempotency-Key": f"{method} {path} {json.dumps(body)}"}
        for _ in range(5):
            self.turn += 1
            url = f"{self.replicas[self.turn % len(self.replicas)]}/latest/{path}"
            try:
                reply = requests.request(method, url, json=body, headers=headers, timeout=60)
            except requests.ConnectionError:
                self.broken += 1
                continue
            assert reply.status_code == 200, reply.text
            return reply.json()
        raise AssertionError("no replica answers")


def job(parent: dict[str, Any], n: int) -> dict[str, Any]:
    return {"kind": "job", "name": f"job-{n}", "path": ["checkout", f"job-{n}"], "parent": parent["id"]}


@pytest.mark.parametrize("deploy", ["firestore"], indirect=True)
def test_every_event_is_delivered_whatever_happens(replicas, token, mischief, audience, google, tmp_path):
    lab = Lab(replicas, token)
    subscription = lab.ask("POST", "subscribe/node?promisc=true")["id"]
    top = lab.ask("POST", "node", {"kind": "checkout", "name": "checkout", "path": ["checkout"]})
    jobs = [lab.ask("POST", "node", job(top, n)) for n in range(JOBS)]
    lab.ask("PUT", f"node/{top['id']}", {**top, "state": "closing", "result": "pass"})
    for made in jobs:
        lab.ask("PUT", f"node/{made['id']}", {**made, "state": "done", "result": "pass"})
    assert (tmp_path / "killed").exists() and lab.broken >= 1, "nobody was killed: the story lacks its point"

    heard: list[str] = []
    end = time.monotonic() + WAIT_S
    while True:
        swept = requests.post(
            f"{replicas[0]}/jobs/sweep", timeout=60,
            headers=bearer(google.robot(datetime.now(UTC), SCHEDULER)),
        )  # fmt: skip
        assert swept.status_code == 200, swept.text
        audience.pull()
        said = lab.ask("GET", f"listen/{subscription}")
        event = json.loads(said["data"])
        if event["data"] != "BEEP":
            heard.append(event["id"])
        told = [e["id"] for e in lab.ask("GET", "events?limit=1000")]
        is_done = lab.ask("GET", f"node/{top['id']}")["state"] == "done"
        if is_done and set(told) == set(heard) == {e["id"] for e in audience.events}:
            break
        assert time.monotonic() < end, (len(told), len(heard), len(audience.events), is_done)

    # The checkout, its jobs, their ends and the checkout's two moves, each told once.
    assert len(told) == len(set(told)) == 1 + JOBS + 1 + JOBS + 1
    assert list(dict.fromkeys(heard)) == told
    first = {e["id"]: e["_sequence_id"] for e in reversed(audience.events)}
    assert [first[id] for id in dict.fromkeys(e["id"] for e in audience.events)] == sorted(first.values())
    assert mischief.statuses and set(mischief.statuses) == {204}
