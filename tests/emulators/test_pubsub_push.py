"""The stand-in of Pub/Sub pushes over real HTTP, with real tokens."""

from __future__ import annotations

import base64
import json
import threading

import pytest
from google.api_core import exceptions
from google.auth import jwt

from tests.build.issuer import GOOGLE
from tests.emulators.conftest import DEAD, SUB, TOPIC

# Push


def test_a_push_is_wrapped_signed_and_acknowledged_by_its_answer(desk, receiver, issuer):
    push = {"push_endpoint": receiver.url, "oidc_token": {"service_account_email": "push@demo-x", "audience": "hub"}}
    desk.make(push_config=push, enable_message_ordering=True, dead_letter_policy={"dead_letter_topic": TOPIC})
    [id] = desk.send("hello", key="node", kind="job")
    path, headers, body = receiver.next()
    said = json.loads(body)
    assert path == "/push?token=x" and headers["Content-Type"] == "application/json"
    assert said["subscription"] == SUB and said["deliveryAttempt"] == 1
    message = said["message"]
    assert base64.b64decode(message["data"]) == b"hello"
    assert (message["messageId"], message["orderingKey"], message["attributes"]) == (id, "node", {"kind": "job"})
    assert message["publishTime"].endswith("Z")
    claims = jwt.decode(headers["Authorization"].removeprefix("Bearer "), issuer.published, audience="hub")
    assert (claims["email"], claims["email_verified"], claims["iss"]) == ("push@demo-x", True, GOOGLE)


def test_the_audience_is_the_endpoint_unless_it_is_named(desk, receiver, issuer):
    desk.make(push_config={"push_endpoint": receiver.url, "oidc_token": {"service_account_email": "a@b"}})
    desk.send("x")
    token = receiver.next()[1]["Authorization"].removeprefix("Bearer ")
    assert jwt.decode(token, issuer.published, audience=receiver.url)


@pytest.mark.parametrize("is_told", [True, False])
def test_a_push_may_come_without_its_wrapper(desk, receiver, is_told):
    desk.make(push_config={"push_endpoint": receiver.url, "no_wrapper": {"write_metadata": is_told}})
    [id] = desk.send("hello", kind="job", owner="Åse")
    _, headers, body = receiver.next()
    assert body == b"hello"
    assert headers["kind"] == ("job" if is_told else None)
    assert not is_told or headers["owner"].encode("latin-1").decode() == "Åse"
    assert headers["x-goog-pubsub-message-id"] == (id if is_told else None)


def test_a_push_that_fails_comes_again_until_it_is_a_dead_letter(desk, receiver):
    desk.make(f"{SUB}-dead", DEAD)
    receiver.statuses[:] = [500, 404, 503, 301, 400]
    desk.make(push_config={"push_endpoint": receiver.url}, dead_letter_policy={"dead_letter_topic": DEAD})
    desk.send("x")
    assert [json.loads(receiver.next()[2])["deliveryAttempt"] for _ in range(5)] == [1, 2, 3, 4, 5]
    for _ in range(100):
        if dead := desk.pull(name=f"{SUB}-dead"):
            break
    assert dead[0].message.data == b"x"
    assert (desk.meter.pushes, desk.meter.push_failures, desk.meter.dead) == (5, 5, 1)


def test_a_push_of_a_key_waits_for_the_one_before(desk, receiver):
    receiver.statuses[:] = [500, 500]
    desk.make(push_config={"push_endpoint": receiver.url}, enable_message_ordering=True)
    desk.send("0", "1", key="node")
    came = [base64.b64decode(json.loads(receiver.next()[2])["message"]["data"]) for _ in range(4)]
    assert came == [b"0", b"0", b"0", b"1"]


def test_a_pull_subscription_becomes_a_push_one_and_back(desk, receiver):
    desk.make()
    desk.sub.modify_push_config(subscription=SUB, push_config={"push_endpoint": receiver.url})
    desk.send("x")
    assert receiver.next()
    with pytest.raises(exceptions.FailedPrecondition):
        desk.pull()
    desk.sub.modify_push_config(subscription=SUB, push_config={})
    desk.send("y")
    assert desk.texts() == ["y"]


def test_nothing_is_pushed_to_another_machine(desk):
    desk.make(push_config={"push_endpoint": "https://hub.example.org/"})
    desk.send("x")
    for _ in range(200):
        if desk.meter.push_failures:
            return
        threading.Event().wait(0.01)
    raise AssertionError("no push was tried")
