"""The same submissions by REST in order, and by Pub/Sub duplicated and shuffled, end in the same exported bytes."""

from __future__ import annotations

import json
import random
from typing import Any

import pytest
import requests

from tests.build.issuer import AUDIENCE, PUSHER
from tests.emulators import pubsub

from .conftest import Hub
from .test_cloud_edge import asgi, google, wiring
from .test_pubsub_push import INBOX, PROJECT, Cloud, cloud, environ, far_side, until

__all__ = ["asgi", "cloud", "environ", "far_side", "google", "wiring"]

VERSION = {"major": 5, "minor": 3}
STATUSES = ("PASS", "FAIL", "MISS", "SKIP")


def submissions() -> list[dict[str, Any]]:
    """Results in pieces, with conflicts, of two schemas; more than one says the same."""
    made: list[dict[str, Any]] = [{"version": VERSION, "checkouts": [{"id": "a:c", "origin": "a", "valid": True}]}]
    for n in range(6):
        test = {"id": f"a:t{n % 4}", "origin": "a", "build_id": "a:b", "status": STATUSES[n % 4]}
        made.append({"version": VERSION, "tests": [{**test, "misc": {"try": n}, "duration": n}]})
        made.append({"version": VERSION, "tests": [{**test, "status": "PASS", "log_excerpt": f"log {n}\n" * 60}]})
    old = {"id": "a:b", "origin": "a", "checkout_id": "a:c", "valid": False}
    made.append({"version": {"major": 4, "minor": 2}, "builds": [old]})
    made.append({"version": VERSION, "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c", "status": "PASS"}]})
    return made


def exported(url: str) -> bytes:
    reply = requests.get(f"{url}/kcidb/export", params={"canonical": "1"}, timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.content


@pytest.mark.parametrize("config", [{}, {"no_wrapper": {"write_metadata": True}}], ids=["wrapped", "bare"])
def test_pushed_in_any_order_and_twice_it_is_what_rest_makes_of_it(
    server: Hub, cloud: Cloud, asgi: str, far_side: pubsub.PubsubEmulator, config: dict[str, Any]
):
    for document in submissions():
        reply = requests.post(
            f"{server.url}/submit", json=document, headers={"Authorization": f"Bearer {server.token}"}, timeout=60
        )
        assert reply.status_code == 200, reply.text
    token = {"service_account_email": PUSHER, "audience": AUDIENCE}
    cloud.subscriber.create_subscription(request={
        "name": f"{PROJECT}/subscriptions/kcidb", "topic": INBOX,
        "push_config": {"push_endpoint": f"{asgi}/on_event/kcidb", "oidc_token": token, **config},
    })  # fmt: skip
    shuffled = submissions() * 2
    random.Random(7).shuffle(shuffled)
    for document in shuffled:
        cloud.send(INBOX, json.dumps(document).encode())
    until(lambda: far_side.meter.acked >= len(shuffled))
    assert far_side.meter.push_failures == 0
    assert exported(asgi) == exported(server.url) and b'"a:t3"' in exported(asgi)
