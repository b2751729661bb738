"""Watches over the real server: a submission that makes something ready is told by webhook at once, by mail within its
minute, in the log and by `listen`; what could not be sent survives the server."""

from __future__ import annotations

import json
import time

import pytest
import requests

from tests.build.ready import BUILD, CHECKOUT, TEST
from tests.build.web import Web

SOON_S = 60


class Caller:
    """Speaks for the administrator."""

    def __init__(self, hub):
        self.hub = hub

    def __call__(self, method, path, body=None):
        headers = {"Authorization": f"Bearer {self.hub.token}"}
        reply = requests.request(method, f"{self.hub.url}{path}", json=body, headers=headers, timeout=60)
        assert reply.status_code < 300, reply.text
        return reply.json() if reply.content else None

    def submit(self, **lists):
        return self("POST", "/submit", {"version": {"major": 5, "minor": 3}, **lists})


def wait_for(test):
    """Until it holds."""
    end = time.monotonic() + SOON_S
    while not test():
        assert time.monotonic() < end
        time.sleep(0.005)


@pytest.fixture
def call(hub_folder, request):
    hub_folder.module = getattr(request, "param", hub_folder.module)
    return Caller(hub_folder.start(HUB_OUTBOUND_ALLOW="127.0.0.0/8"))


@pytest.mark.parametrize("call", ["tests.e2e.woken_only"], indirect=True)
def test_what_became_ready_is_told_at_once(call, web):
    web.answer("POST", "/hook", 200, {})
    subscription = call("POST", "/latest/subscribe/kcidb-ready")["id"]
    call("POST", "/kcidb/watches", {"purpose": "history", "action": {"webhook": f"{web.url}/hook", "secret": "s"}})
    call.submit(tests=[TEST], builds=[BUILD])
    missing = call("GET", "/kcidb/tests/a:t1/readiness")["purposes"][3]
    assert missing["missing"] == [{"field": "build.checkout_id", "what": "no checkout a:c1 has come yet"}]
    call.submit(checkouts=[CHECKOUT])
    # The threads of this server do not look by themselves within an hour: that they were woken is what tells it.
    wait_for(lambda: web.bodies)
    event = json.loads(web.bodies[0])
    heard = json.loads(call("GET", f"/latest/listen/{subscription}")["data"])
    assert event["data"] == heard["data"] and event["id"] == heard["id"]
    assert (event["data"]["purpose"], event["data"]["id"], event["type"]) == (
        "history", "a:t1", "org.kernelci.kcidb.ready.v1",
    )  # fmt: skip
    assert "x-hub-signature-256" in web.headers[0]
    assert call("GET", "/kcidb/tests/a:t1/readiness")["purposes"][3]["fired"] is not None


def test_what_could_not_be_sent_is_sent_by_the_next_server(hub_folder, call):
    with Web().serving() as gone:
        url = gone.url
    # Nobody is at that address any more.
    watch = call("POST", "/kcidb/watches", {"purpose": "triage", "action": {"webhook": f"{url}/hook"}})
    call.submit(tests=[TEST])
    wait_for(lambda: call("GET", f"/kcidb/watches/{watch['id']}")["trouble"] is not None)
    shown = call("GET", f"/kcidb/watches/{watch['id']}")
    assert shown["state"] == {"fired": 1, "waiting": 1, "failed": 0} and "ConnectionRefused" in shown["trouble"]["what"]
    hub_folder.kill()
    call.hub = hub_folder.start(HUB_OUTBOUND_ALLOW="127.0.0.0/8")
    assert call("GET", f"/kcidb/watches/{watch['id']}")["state"]["waiting"] == 1


def test_a_stranger_must_not_have_it_call_what_is_inside(hub_folder):
    call = Caller(hub_folder.start())
    for url in ("http://127.0.0.1:8080/", "http://169.254.169.254/latest/", "http://[::1]/", "http://localhost/"):
        reply = requests.post(
            f"{call.hub.url}/kcidb/watches", json={"purpose": "result", "action": {"webhook": url}},
            headers={"Authorization": f"Bearer {call.hub.token}"}, timeout=60,
        )  # fmt: skip
        assert reply.status_code == 400 and reply.json()["message"].startswith("action.webhook: may not be called")


def test_it_stops_at_once_with_watches(hub_folder, call):
    call("POST", "/kcidb/watches", {"purpose": "result", "action": {"event": True}})
    assert hub_folder.stop() < 20
