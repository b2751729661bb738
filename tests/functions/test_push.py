"""Each form a push may take, and those that can never be taken."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.errors import Unavailable
from tests.build.issuer import PUSHER

from .pushing import SUBSCRIPTION, binary, cloudevent, content, log, wrapped

EVENT = {"specversion": "1.0", "type": "org.example.done", "source": "https://ci.example.org", "data": {"n": 1}}
FORMS: Mapping[str, tuple[object, Mapping[str, str]]] = {
    "a CloudEvent in an envelope": (wrapped(cloudevent(), channel="ci"), {}),
    "its context in attributes": (
        wrapped({"n": 1}, channel="ci", **{k.replace("_", "-"): v for k, v in binary().items()}), {},
    ),
    "its context in attributes, structured": (
        wrapped(cloudevent(), channel="ci", **{"content-type": "application/cloudevents+json; charset=utf-8"}), {},
    ),
    "unwrapped": (cloudevent(), {"x_goog_pubsub_message_id": "77", "x_goog_pubsub_subscription_name": SUBSCRIPTION,
                                 "x_goog_pubsub_channel": "ci"}),
    "unwrapped, attributes as they are": (
        cloudevent(), {"x_goog_pubsub_message_id": "77", "x_goog_pubsub_subscription_name": SUBSCRIPTION,
                       "channel": "ci"},
    ),
    "unwrapped, with nothing in its headers": (cloudevent(channel="ci"), {"content_type": "application/octet-stream"}),
    "binary": ({"n": 1}, binary(channel="ci")),
    "structured": (cloudevent(channel="ci"), {"content_type": "application/cloudevents+json"}),
    "structured, base64": (
        cloudevent(channel="ci", data=None, data_base64="eyJuIjogMX0="),
        {"content_type": "application/cloudevents+json; charset=UTF-8"},
    ),
    "Eventarc, binary": (
        wrapped(cloudevent(), channel="ci"),
        binary(type="google.cloud.pubsub.topic.v1.messagePublished", source="//pubsub.googleapis.com/projects/p/t"),
    ),
    "Eventarc, structured": (
        cloudevent(
            type="google.cloud.pubsub.topic.v1.messagePublished", source="//pubsub.googleapis.com/projects/p/t",
            data=wrapped(cloudevent(), channel="ci"),
        ),
        {"content_type": "application/cloudevents+json"},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers"), FORMS.values(), ids=FORMS.keys())
def test_every_form_of_a_push_is_one_event(hub, send, body, headers):
    for _ in range(3):
        reply = send(body, **headers)
        assert (reply.status, reply.body) == (204, b"")
    assert [{k: e[k] for k in EVENT} for e in log(hub)] == [EVENT]


def test_the_same_event_in_every_form_is_one_event(hub, send):
    for body, headers in FORMS.values():
        assert send(body, **headers).status == 204
    assert len(log(hub)) == 1


@pytest.mark.parametrize("written", [b"\xc3\x85se", b"\xc5se"])
def test_a_header_is_utf_8_unless_it_cannot_be(hub, send, written):
    named = {"x_goog_pubsub_message_id": "7", "x_goog_pubsub_subscription_name": SUBSCRIPTION}
    assert send({}, **named, channel=written.decode("latin-1")).status == 204
    assert len(log(hub, "Åse")) == 1


def test_plain_json_is_an_event_of_its_subscription(hub, send):
    for _ in range(2):
        assert send(wrapped({"n": 1}, channel="ci", state="done")).status == 204
    assert send(wrapped({"n": 1}, id="78", channel="ci")).status == 204
    first, second = log(hub)
    assert first["source"] == f"//pubsub.googleapis.com/{SUBSCRIPTION}"
    assert (first["type"], first["data"], first["state"]) == ("api.kernelci.org", {"n": 1}, "done")
    assert first["id"] != second["id"]
    assert "channel" not in first


def test_a_message_may_be_attributes_alone(hub, send):
    assert send(wrapped(channel="ci", build="7")).status == 204
    (event,) = log(hub)
    assert (event["data"], event["build"]) == (None, "7")


def test_the_owner_is_who_brought_it_whatever_it_says(hub, send):
    send(wrapped(cloudevent(owner="admin", _sequence_id=99, owner_too="x"), channel="ci", owner="admin"))
    send({"n": 1}, **binary(channel="ci", owner="admin", id="e-2"))
    by_message, by_event = log(hub)
    assert by_message["owner"] == "pubsub:inbox" and by_message["_sequence_id"] == 1
    assert by_message["owner_too"] == "x"
    assert by_event["owner"] == f"push:{PUSHER}"


def test_an_event_is_told_by_its_source_and_id_together(hub, send):
    send(wrapped(cloudevent(), channel="ci"))
    send(wrapped(cloudevent(source="https://other.example.org"), channel="ci"))
    assert len({e["id"] for e in log(hub)}) == 2


def test_the_log_line_says_which_delivery_it_was(send, lines):
    body = wrapped(cloudevent(), channel="ci")
    body["message"]["orderingKey"] = "a key"
    send(body)
    assert lines[-1].endswith(' subscription=inbox message=77 attempt=3 key="a key" kind=inbox done=appended')
    send(body)
    assert lines[-1].endswith("kind=inbox done=known")
    send(wrapped(b"no json", channel="ci"))
    assert "status=422" in lines[-1] and "message=77 attempt=3" in lines[-1]
    send(
        cloudevent(), x_goog_pubsub_message_id="5", x_goog_pubsub_subscription_name="inbox", channel="ci",
        x_goog_pubsub_ordering_key="k", x_goog_pubsub_delivery_attempt="2",
    )  # fmt: skip
    assert lines[-1].endswith(" subscription=inbox message=5 attempt=2 key=k kind=inbox done=known")
    # A line stays a line.
    send(wrapped(cloudevent(), id="a\nb", channel="ci"))
    assert 'message="a\\nb"' in lines[-1]


def changed(body: dict[str, Any], **message: object) -> dict[str, Any]:
    return {**body, "message": {**body["message"], **message}}


POISON: Mapping[str, tuple[object, Mapping[str, str], int]] = {
    "nothing": (b"", {}, 422),
    "no JSON": (b"nonsense", {}, 422),
    "not UTF-8": (b"\xff\xfe", {}, 422),
    "a list": ([], {}, 422),
    "no message": ({"subscription": SUBSCRIPTION}, {}, 422),
    "no subscription": ({"message": wrapped({})["message"]}, {}, 422),
    "no message id": ({"message": {"data": "e30="}, "subscription": SUBSCRIPTION}, {}, 422),
    "data that is no base64": (changed(wrapped({}, channel="ci"), data="{}"), {}, 400),
    "data that is no text": (changed(wrapped({}, channel="ci"), data=7), {}, 422),
    "data that is no JSON": (wrapped(b"\x00\x01", channel="ci"), {}, 422),
    "data too deep": (wrapped(b"[" * 300 + b"]" * 300, channel="ci"), {}, 422),
    "attributes that are a list": (changed(wrapped({}), attributes=[]), {}, 422),
    "an attribute that is no text": (changed(wrapped({}), attributes={"channel": 1}), {}, 422),
    "too many attributes": (wrapped({}, channel="ci", **{f"a{n}": "" for n in range(100)}), {}, 422),
    "more attributes than an event has": (wrapped({}, channel="ci", **{f"a{n}": "" for n in range(51)}), {}, 400),
    "no channel": (wrapped(cloudevent()), {}, 400),
    "a channel too long": (wrapped({}, channel="c" * 201), {}, 400),
    "the channel of nodes": (wrapped({"op": "updated"}, channel="node"), {}, 400),
    "another version": (wrapped(cloudevent(specversion="0.3"), channel="ci"), {}, 422),
    "a CloudEvent without an id": (wrapped(cloudevent(id=""), channel="ci"), {}, 422),
    "a CloudEvent without a type": (wrapped(cloudevent(type=None), channel="ci"), {}, 422),
    "an extension that is an object": (wrapped(cloudevent(more={}), channel="ci"), {}, 400),
    "a channel that is no text": (cloudevent(channel=7), {"content_type": "application/cloudevents+json"}, 400),
    "base64 that is none": (
        cloudevent(data_base64="?", channel="ci"), {"content_type": "application/cloudevents+json"}, 400,
    ),
    "structured, a list": ([], {"content_type": "application/cloudevents+json"}, 422),
    "structured, empty": (b"", {"content_type": "application/cloudevents+json"}, 422),
    "binary, no id": ({"n": 1}, {k: v for k, v in binary(channel="ci").items() if k != "ce_id"}, 422),
    "unwrapped, of no subscription": ({"n": 1}, {"x_goog_pubsub_message_id": "7", "channel": "ci"}, 400),
    "Eventarc without an envelope": (
        {"n": 1}, binary(type="google.cloud.pubsub.topic.v1.messagePublished", channel="ci"), 422,
    ),
    "an envelope in an envelope in an envelope": (
        cloudevent(
            type="google.cloud.pubsub.topic.v1.messagePublished",
            data=wrapped(cloudevent(type="google.cloud.pubsub.topic.v1.messagePublished", data=wrapped({}))),
        ),
        {"content_type": "application/cloudevents+json"}, 400,
    ),
    "of another kind": (b"a=1", {"content_type": "application/x-www-form-urlencoded"}, 422),
}  # fmt: skip


@pytest.mark.parametrize(("body", "headers", "status"), POISON.values(), ids=POISON.keys())
def test_what_can_never_be_taken_is_refused_each_time(hub, send, body, headers, status):
    for _ in range(2):
        reply = send(body, **headers)
        assert (reply.status, content(reply)["code"]) == (status, status)
    assert hub.store.count("event", ()) == hub.store.count("idempotency", ()) == 0


def test_a_body_beyond_the_limit(send):
    assert send(b"x" * (14 * 1024 * 1024 + 1)).status == 413


def test_trouble_of_ours_is_503_and_the_next_delivery_is_taken(hub, send, monkeypatch):
    def fail(work):
        raise Unavailable("the store is away")

    with monkeypatch.context() as broken:
        broken.setattr(hub.store, "transact", fail)
        assert send(wrapped(cloudevent(), channel="ci")).status == 503
    assert send(wrapped(cloudevent(), channel="ci")).status == 204
    assert len(log(hub)) == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-5, 2**70) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
)
_PARTS = {
    "message": _JSON
    | st.fixed_dictionaries(
        {"messageId": _JSON, "data": _JSON, "attributes": _JSON | st.just({"channel": "ci", "ce-specversion": "1.0"})}
    ),
    "subscription": _JSON | st.just(SUBSCRIPTION),
}


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow], max_examples=60)
@given(
    st.binary(max_size=50) | _JSON | st.fixed_dictionaries(_PARTS),
    st.dictionaries(
        st.sampled_from(["ce_specversion", "ce_id", "ce_type", "x_goog_pubsub_message_id", "content_type", "channel"]),
        st.sampled_from(["1.0", "", "\xe9%ff", "application/cloudevents+json", "application/json", "ci"]),
    ),
)
def test_anything_gets_an_answer_that_is_no_fault_of_ours(send, body, headers):
    assert send(body, **headers).status < 500
