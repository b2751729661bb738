"""Who may push, and what becomes of what the hub told itself and of what others tell."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from functions.edge import routes
from functions.edge.http import Edge
from lib.domain.account.access import Actor
from lib.errors import Unavailable
from lib.store.port import Event
from tests import build
from tests.build.issuer import PUSHER, SCHEDULER

from .pushing import cloudevent, content, log, wrapped

LAB = Actor("1" * 24, "lab")


@pytest.mark.parametrize("changes", [
    {"aud": "https://hub.example.org/other"}, {"email": SCHEDULER}, {"email": "eve@p.iam.gserviceaccount.com"},
    {"email_verified": False}, {"exp": 1}, {"iss": "https://evil.example"},
])  # fmt: skip
def test_another_account_or_audience_is_refused_before_its_body_is_read(cloud, clock, google, hub, changes):
    token = google.robot(clock(), **changes)
    for body in (b"nonsense", json.dumps(wrapped({}, channel="ci")).encode()):
        reply = cloud.send("POST", "/on_event", body=body, token=token)
        assert (reply.status, content(reply)["message"]) == (401, "Unauthorized")
    assert log(hub) == []


def test_tokens_of_the_hub_push_nothing(cloud, hub):
    boss = build.register(hub.accounts, "boss", is_superuser=True)
    token = hub.accounts.auth.mint(boss.id, build.NOW)
    assert cloud.send("POST", "/on_event", json_body=wrapped({}), token=token).status == 401
    assert cloud.send("POST", "/on_event", json_body=wrapped({})).status == 401


def test_without_settings_no_account_may(hub, clock, google):
    closed = build.Client(Edge(hub, routes.table()), clock)
    for path, account in (("/on_event", PUSHER), ("/jobs/sweep", SCHEDULER)):
        assert closed.send("POST", path, token=google.robot(clock(), account)).status == 401


def test_certificates_that_cannot_be_had_are_a_trouble_of_ours(send, google):
    google.error = Unavailable("certificates cannot be fetched")
    reply = send(wrapped({}, channel="ci"))
    assert (reply.status, dict(reply.headers)["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/jobs/sweep", "/jobs/tidy"])
def test_the_scheduler_runs_jobs(cloud, clock, google, hub, lines, path):
    assert cloud.send("POST", path, token=google.robot(clock(), SCHEDULER)).status == 200
    assert f"actor={SCHEDULER}" in lines[-1]
    assert cloud.send("POST", path, token=google.robot(clock(), PUSHER)).status == 401
    lab = build.register(hub.accounts, "lab")
    assert cloud.send("POST", path, token=hub.accounts.auth.mint(lab.id, build.NOW)).status == 403


def test_an_account_of_the_cloud_is_no_user(cloud, clock, google):
    for method, path in (("GET", "/latest/users"), ("POST", "/latest/node"), ("GET", "/latest/user-groups")):
        assert cloud.send(method, path, token=google.robot(clock(), SCHEDULER)).status == 401


@pytest.fixture
def own(hub) -> Callable[[Event], dict[str, Any]]:
    """The push of an event of the log, as the bus carries it."""
    from lib.domain.event.event import message

    def push(event: Event) -> dict[str, Any]:
        sent = message(event)
        return wrapped(sent.data, **sent.attributes)

    return push


@pytest.fixture
def killed(hub, clock) -> tuple[Event, str]:
    """The event of a job that became done, whose request was killed before the checkout above was closed; its id."""
    top = hub.nodes.submit(LAB, build.checkout(), clock())
    below = hub.nodes.submit(LAB, build.job(top), clock())
    values = {"name": top.name, "kind": top.kind, "data": top.data, "timeout": top.timeout, "state": "closing"}
    hub.nodes.edit(LAB, top.id, values, clock())
    hub.relay.inline = False
    values = {"name": below.name, "kind": below.kind, "data": below.data, "timeout": below.timeout}
    hub.nodes.edit(LAB, below.id, {**values, "state": "done", "result": "pass"}, clock())
    hub.relay._waiting.clear()
    hub.relay.inline = True
    assert hub.nodes.get(top.id).state == "closing"
    return hub.store.read("node", 0, 100)[-1], top.id


def test_what_a_killed_request_left_is_finished_at_once_and_once(hub, send, own, killed, lines):
    event, top = killed
    for word in ("finished", "nothing", "nothing"):
        assert send(own(event)).status == 204
        assert lines[-1].endswith(f"kind=own done={word}")
    assert hub.nodes.get(top).state == "done" and hub.store.count("outbox", ()) == 0
    told = [e.body["data"]["state"] for e in hub.store.read("node", event.seq, 100)]
    assert told == ["done"]


def test_deliveries_out_of_order_do_no_harm(hub, send, own, killed):
    _, top = killed
    for event in reversed(hub.store.read("node", 0, 100)):
        assert send(own(event)).status == 204
    assert hub.nodes.get(top).state == "done"
    # The one that settling told comes as well.
    assert send(own(hub.store.read("node", 0, 100)[-1])).status == 204
    assert hub.store.count("outbox", ()) == 0


def test_a_settling_that_fails_is_left_for_the_next_delivery(hub, send, own, killed, monkeypatch):
    event, top = killed

    def fail(work):
        raise Unavailable("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(hub.store, "transact", fail)
        assert send(own(event)).status == 503
    assert hub.store.count("outbox", ()) == 1
    assert send(own(event)).status == 204
    assert hub.nodes.get(top).state == "done"


def test_nobody_speaks_in_the_name_of_the_hub(hub, send, lines):
    """An event that says it is the hub's and is not in its log (any more, perhaps) is nothing."""
    forged = cloudevent(source=hub.policy.source, id="00000000-0000-4000-8000-00000000ffff")
    assert send(wrapped(forged, channel="ci")).status == 204
    assert lines[-1].endswith("kind=own done=nothing") and log(hub) == []


def test_what_a_client_published_comes_back_as_the_hubs_own(hub, send, own, clock, lines):
    hub.journal.publish(LAB, "ci", {"n": 1}, clock(), source="https://ci.example.org", attributes={"deep": {"a": []}})
    (event,) = hub.store.read("ci", 0, 10)
    assert send(own(event)).status == 204
    assert lines[-1].endswith("kind=own done=nothing") and len(log(hub)) == 1


def test_an_event_from_elsewhere_does_not_go_round(hub, send, own):
    send(wrapped(cloudevent(), channel="ci"))
    (event,) = hub.store.read("ci", 0, 10)
    assert send(own(event)).status == 204
    assert len(log(hub)) == 1


def test_what_came_is_forgotten_after_pubsub_has(hub, send, clock):
    send(wrapped(cloudevent(), channel="ci"))
    clock.advance(days=30)
    hub.tidy(clock())
    send(wrapped(cloudevent(), channel="ci"))
    assert log(hub) == []
    clock.advance(days=2)
    hub.tidy(clock())
    assert hub.store.count("idempotency", ()) == 0


def test_no_secret_is_logged(send, google, clock, caplog, lines):
    caplog.set_level(logging.DEBUG)
    send(wrapped({"hush": "hush"}, channel="ci"))
    send(wrapped(b"hush", channel="ci"))
    said = caplog.text + "".join(lines)
    assert "hush" not in said and google.robot(clock()) not in said
