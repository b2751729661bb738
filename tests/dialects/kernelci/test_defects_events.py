"""What was found wrong with the KernelCI server's events, and is not here (kernelci.md 5.4, in its order).

The poll that its client abandoned is number 3 of `test_defects`; that pending polls do not hold up the end of the
server is in `tests/e2e/test_serve.py`.
"""

import json

import pytest

from functions.edge import http, routes
from lib.domain.hub import Hub
from tests import build

MISSED = 1005


@pytest.fixture
def tokens(hub, auth, clock):
    users = {name: build.register(hub.accounts, name, is_superuser=name == "root") for name in ("bob", "eve", "root")}
    return {name: auth.mint(user.id, clock()) for name, user in users.items()}


@pytest.fixture
def send(client, tokens):
    """A request; its JSON, once its status was seen to be this one."""

    def send(method, target, body=..., *, by="bob", status=200, at=client, **more):
        reply = at.send(method, f"/latest{target}", token=tokens[by], json_body=body, **more)
        assert reply.status == status, reply.body
        return json.loads(reply.body) if reply.body else None

    return send


@pytest.fixture
def listen(send):
    """One whole poll; the envelope."""
    return lambda id=1, **more: json.loads(send("GET", f"/listen/{id}", **more)["data"])


def test_what_is_told_again_is_what_was_told(send, listen, clock):
    send("POST", "/subscribe/abc?subscriber_id=svc")
    send("POST", "/publish/abc", {"data": {"n": 1}, "type": "t", "attributes": {"colour": "red"}})
    first = listen(completes=False)
    clock.advance(minutes=5)
    send("POST", "/subscribe/abc?subscriber_id=svc")
    assert listen() == first
    assert first["colour"] == "red" and first["type"] == "t"


def test_more_than_a_thousand_missed_events_are_all_told(hub, clock, send, listen):
    id = send("POST", "/subscribe/abc?subscriber_id=svc&promisc=True")["id"]
    send("POST", f"/unsubscribe/{id}")
    eve = build.register(hub.accounts, "far")
    for n in range(MISSED):
        hub.journal.publish(eve, "abc", {"n": n}, clock())
    send("POST", "/subscribe/abc?subscriber_id=svc&promisc=True")
    assert [listen()["data"]["n"] for _ in range(MISSED)] == list(range(MISSED))
    assert listen()["data"] == "BEEP"


def test_what_is_told_while_a_subscriber_comes_back_is_heard_once(send, listen):
    send("POST", "/subscribe/abc?subscriber_id=svc")
    send("POST", "/publish/abc", {"data": "before"})
    send("POST", "/subscribe/abc?subscriber_id=svc")
    send("POST", "/publish/abc", {"data": "between"})
    assert [listen()["data"] for _ in range(3)] == ["before", "between", "BEEP"]


def test_the_poll_after_an_abandoned_one_is_no_500(client, tokens, clock, send, listen):
    send("POST", "/subscribe/abc")
    headers = {"authorization": f"Bearer {tokens['bob']}"}
    for _ in range(3):
        client.edge.answer(build.Request("GET", "/latest/listen/1", "", headers, b"", clock()))
    send("POST", "/publish/abc", {"data": "kept"})
    assert [listen()["data"], listen()["data"]] == ["kept", "BEEP"]


def test_any_process_serves_a_subscription(send, listen, store, bus, auth, clock, ids):
    send("POST", "/subscribe/abc")
    other = build.Client(http.Edge(Hub(store, bus, auth, clock=clock, ids=ids), routes.table()), clock)
    send("POST", "/publish/abc", {"data": 1}, at=other)
    assert listen(at=other)["data"] == 1
    send("POST", "/publish/abc", {"data": 2})
    assert listen()["data"] == 2
    send("POST", "/unsubscribe/1", at=other)
    send("GET", "/listen/1", status=404)


def test_a_refused_subscriber_id_leaves_nothing_behind(send):
    send("POST", "/subscribe/abc?subscriber_id=svc")
    send("POST", "/subscribe/abc?subscriber_id=svc", by="eve", status=403)
    assert [s["user"] for s in send("GET", "/stats/subscriptions", by="root")] == ["bob"]


def test_what_was_never_polled_is_reaped(hub, clock, send):
    send("POST", "/subscribe/abc")
    clock.advance(minutes=16)
    assert hub.tidy(clock())["reaped"] == 1
    send("GET", "/listen/1", status=404)


def test_subscriber_ids_nobody_uses_are_reaped(hub, clock, send):
    send("POST", "/subscribe/abc?subscriber_id=svc")
    clock.advance(days=31)
    assert hub.tidy(clock())["reaped"] == 1
    assert send("GET", "/stats/subscriptions", by="root") == []


def test_statistics_tell_who_hears_everything(send):
    send("POST", "/subscribe/abc?promisc=True")
    send("POST", "/subscribe/abc")
    assert [s["promiscuous"] for s in send("GET", "/stats/subscriptions", by="root")] == [True, False]
