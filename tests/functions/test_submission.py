"""Submissions that are pushed: in each form a push may take; what can never be merged is recorded and acknowledged."""

from __future__ import annotations

import json

import pytest

from lib.dialects.kcidb import codec
from lib.errors import Unavailable

from .pushing import binary, cloudevent, wrapped

GOOD = {"version": {"major": 5, "minor": 3}, "checkouts": [{"id": "a:c", "origin": "a"}]}
BAD = {"version": {"major": 5, "minor": 3}, "checkouts": [{"id": "a:c", "origin": "a", "valid": "yes"}]}
ID = codec.decode(GOOD).id
SUBMITTED = "org.kernelci.kcidb.submitted.v1"
BARE = {"x_goog_pubsub_subscription_name": "projects/p/subscriptions/s", "x_goog_pubsub_message_id": "7"}
STRUCTURED = {"content_type": "application/cloudevents+json"}


def pushes():
    yield "wrapped", wrapped(GOOD), {}
    yield "bare", GOOD, BARE
    yield "binary", GOOD, binary(type=SUBMITTED)
    yield "structured", cloudevent(type=SUBMITTED, data=GOOD), STRUCTURED
    yield "wrapped structured", wrapped(cloudevent(type=SUBMITTED, data=GOOD)), {}


@pytest.mark.parametrize(("body", "headers"), [p[1:] for p in pushes()], ids=[p[0] for p in pushes()])
def test_each_form_of_a_push_is_merged_once(send, hub, body, headers):
    for _ in range(2):
        assert send(body, **headers).status == 204
    record = hub.intake.load(ID)
    assert (record.state, record.via, record.results["new"]) == ("merged", "push", 1)
    assert hub.store.count("kcidb_checkout", ()) == 1
    assert len(hub.store.read("kcidb", 0, 10)) == 1


def test_what_is_faulty_is_recorded_where_its_sender_can_ask_and_acknowledged(send, hub, cloud):
    assert send(wrapped(BAD)).status == 204
    id = codec.opened(json.dumps(BAD).encode()).id
    told = json.loads(cloud.send("GET", f"/status?id={id}").body)
    assert told["status"] == "failed" and told["errors"][0]["pointer"] == "/checkouts/0/valid"
    listed = json.loads(cloud.send("GET", "/kcidb/submissions?origin=a&state=failed").body)
    assert [s["id"] for s in listed["submissions"]] == [told["id"]]


@pytest.fixture
def send_kcidb(cloud, clock, google):
    return lambda body: cloud.send(
        "POST", "/on_event/kcidb", body=json.dumps(body).encode(), token=google.robot(clock())
    )


def test_at_its_own_path_even_what_is_no_json_is_recorded(send_kcidb, hub):
    for data in (b"no json", b"[]", b'{"a": 1, "a": 2}'):
        assert send_kcidb(wrapped(data)).status == 204
    assert send_kcidb(wrapped(GOOD)).status == 204
    states = sorted(d.body["state"] for d in hub.store.find("submission", scan()).docs)
    assert states == ["failed", "failed", "failed", "merged"]


def scan():
    from lib.store.port import Scan

    return Scan()


def test_a_push_may_name_a_stored_submission(send, hub, clock):
    assert send(wrapped(GOOD)).status == 204
    again = cloudevent(type=SUBMITTED, data={"submission": ID})
    assert send(again, **STRUCTURED).status == 204
    assert send(cloudevent(type=SUBMITTED, data={"submission": "0" * 64}), **STRUCTURED).status == 404


def test_what_fails_for_a_while_comes_again(send, hub, monkeypatch):
    def fail(work):
        raise Unavailable("the store is away")

    monkeypatch.setattr(hub.store, "transact", fail)
    assert send(wrapped(GOOD)).status == 503
    monkeypatch.undo()
    assert send(wrapped(GOOD)).status == 204
    assert hub.intake.load(ID).state == "merged"


def test_origins_that_may_be_pushed_are_the_operators_to_name(send, hub, monkeypatch):
    from dataclasses import replace

    monkeypatch.setattr(hub, "policy", replace(hub.policy, push_origins=frozenset(["b"])))
    assert send(wrapped(GOOD)).status == 204
    record = hub.intake.load(ID)
    assert record.state == "failed" and "origin a" in record.errors[0]["msg"]
