"""What is pushed here: who may, each form a push may take, and what becomes of it."""

from __future__ import annotations

import base64
import json
import logging
from collections.abc import Callable, Mapping
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from functions import routes
from functions.http import Edge, Robots
from lib.auth.oidc import GoogleOidc
from lib.dialects.wire import Access, Reply
from lib.domain.access import Actor
from lib.domain.event import envelope
from lib.errors import Unavailable
from lib.store.port import Event
from tests import build
from tests.issuer import AUDIENCE, PUSHER, SCHEDULER, Issuer

SUBSCRIPTION = "projects/hub-test/subscriptions/inbox"
LAB = Actor("1" * 24, "lab")


@pytest.fixture
def google() -> Issuer:
    return Issuer()


@pytest.fixture
def client(hub, clock, google, lines) -> build.Client:
    allowed = {Access.PUSH: frozenset((PUSHER,)), Access.SCHEDULER: frozenset((SCHEDULER,))}
    robots = Robots(GoogleOidc(AUDIENCE, google.fetch), allowed)
    return build.Client(Edge(hub, routes.table(), say=lines.append, robots=robots), clock)


Send = Callable[..., Reply]


@pytest.fixture
def send(client, clock, google) -> Send:
    """Push a body, by the account that may."""

    def send(body: object, **headers: str) -> Reply:
        whole = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return client.send("POST", "/on_event", body=whole, headers=named, token=google.robot(clock()))

    return send


def wrapped(data: object = ..., id: str = "77", **attributes: str) -> dict[str, Any]:
    """A message in Pub/Sub's envelope, as Google writes it."""
    message: dict[str, Any] = {
        "messageId": id, "message_id": id, "publishTime": "2024-02-01T09:58:28Z",
        "publish_time": "2024-02-01T09:58:28Z", "attributes": attributes,
    }  # fmt: skip
    if data is not ...:
        message["data"] = base64.b64encode(data if isinstance(data, bytes) else json.dumps(data).encode()).decode()
    return {"message": message, "subscription": SUBSCRIPTION, "deliveryAttempt": 3}


def cloudevent(**changes: Any) -> dict[str, Any]:
    return {
        "specversion": "1.0", "id": "e-1", "source": "https://ci.example.org", "type": "org.example.done",
        "time": "2024-02-01T09:58:28Z", "datacontenttype": "application/json", "data": {"n": 1}, **changes,
    }  # fmt: skip


def binary(**changes: str) -> dict[str, str]:
    return {f"ce_{k}": v for k, v in {**cloudevent(), **changes}.items() if isinstance(v, str)}


def content(reply: Reply) -> Any:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def log(hub, channel: str = "ci") -> list[dict[str, Any]]:
    return [envelope(event) for event in hub.store.read(channel, 0, 100)]


# Who may.


@pytest.mark.parametrize("changes", [
    {"aud": "https://hub.example.org/other"}, {"email": SCHEDULER}, {"email": "eve@p.iam.gserviceaccount.com"},
    {"email_verified": False}, {"exp": 1}, {"iss": "https://evil.example"},
])  # fmt: skip
def test_another_account_or_audience_is_refused_before_its_body_is_read(client, clock, google, hub, changes):
    token = google.robot(clock(), **changes)
    for body in (b"nonsense", json.dumps(wrapped({}, channel="ci")).encode()):
        reply = client.send("POST", "/on_event", body=body, token=token)
        assert (reply.status, content(reply)["message"]) == (401, "Unauthorized")
    assert log(hub) == []


def test_tokens_of_the_hub_push_nothing(client, hub):
    boss = build.register(hub.accounts, "boss", is_superuser=True)
    token = hub.accounts.auth.mint(boss.id, build.NOW)
    assert client.send("POST", "/on_event", json_body=wrapped({}), token=token).status == 401
    assert client.send("POST", "/on_event", json_body=wrapped({})).status == 401


def test_without_settings_no_account_may(hub, clock, google):
    closed = build.Client(Edge(hub, routes.table()), clock)
    for path, account in (("/on_event", PUSHER), ("/jobs/sweep", SCHEDULER)):
        assert closed.send("POST", path, token=google.robot(clock(), account)).status == 401


def test_certificates_that_cannot_be_had_are_a_trouble_of_ours(send, google):
    google.error = Unavailable("certificates cannot be fetched")
    reply = send(wrapped({}, channel="ci"))
    assert (reply.status, dict(reply.headers)["retry-after"]) == (503, "1")


@pytest.mark.parametrize("path", ["/jobs/sweep", "/jobs/tidy"])
def test_the_scheduler_runs_jobs(client, clock, google, hub, lines, path):
    assert client.send("POST", path, token=google.robot(clock(), SCHEDULER)).status == 200
    assert f"actor={SCHEDULER}" in lines[-1]
    assert client.send("POST", path, token=google.robot(clock(), PUSHER)).status == 401
    lab = build.register(hub.accounts, "lab")
    assert client.send("POST", path, token=hub.accounts.auth.mint(lab.id, build.NOW)).status == 403


def test_an_account_of_the_cloud_is_no_user(client, clock, google):
    for method, path in (("GET", "/latest/users"), ("POST", "/latest/node"), ("GET", "/latest/user-groups")):
        assert client.send(method, path, token=google.robot(clock(), SCHEDULER)).status == 401


# The forms.

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


# What cannot be taken.


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


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(
    st.binary(max_size=50) | _JSON | st.fixed_dictionaries(_PARTS),
    st.dictionaries(
        st.sampled_from(["ce_specversion", "ce_id", "ce_type", "x_goog_pubsub_message_id", "content_type", "channel"]),
        st.sampled_from(["1.0", "", "\xe9%ff", "application/cloudevents+json", "application/json", "ci"]),
    ),
)
def test_anything_gets_an_answer_that_is_no_fault_of_ours(send, body, headers):
    assert send(body, **headers).status < 500


# What the hub told itself.


@pytest.fixture
def own(hub) -> Callable[[Event], dict[str, Any]]:
    """The push of an event of the log, as the bus carries it."""
    from lib.domain.event import message

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
