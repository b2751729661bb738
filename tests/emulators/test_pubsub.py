"""The stand-in of Pub/Sub, through the official client: topics, subscriptions, publishing, filters, and itself."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import grpc
import pytest
from google.api_core import exceptions
from google.cloud import pubsub_v1
from google.pubsub_v1 import PublisherClient

from tests.emulators import pubsub
from tests.emulators.conftest import DEAD, PROJECT, SUB, TOPIC, WAIT_S, Desk

ROOT = Path(__file__).parents[2]


# Topics and subscriptions


def test_topics_are_made_read_changed_listed_deleted(desk):
    desk.pub.create_topic(request={"name": TOPIC, "labels": {"a": "b"}})
    with pytest.raises(exceptions.AlreadyExists):
        desk.pub.create_topic(name=TOPIC)
    desk.pub.update_topic(
        request={"topic": {"name": TOPIC, "labels": {"c": "d"}}, "update_mask": {"paths": ["labels"]}}
    )
    assert dict(desk.pub.get_topic(topic=TOPIC).labels) == {"c": "d"}
    desk.pub.create_topic(name=DEAD)
    assert [t.name for t in desk.pub.list_topics(request={"project": PROJECT, "page_size": 1})] == [DEAD, TOPIC]
    desk.pub.delete_topic(topic=TOPIC)
    for call in (desk.pub.get_topic, desk.pub.delete_topic, desk.pub.list_topic_subscriptions):
        with pytest.raises(exceptions.NotFound):
            call(topic=TOPIC)


def test_subscriptions_are_made_with_defaults_read_changed_listed_deleted(desk):
    made = desk.make()
    assert (made.ack_deadline_seconds, made.message_retention_duration.days) == (10, 7)
    with pytest.raises(exceptions.AlreadyExists):
        desk.make()
    assert desk.update("ack_deadline_seconds", ack_deadline_seconds=30).ack_deadline_seconds == 30
    desk.update("retry_policy", retry_policy={"minimum_backoff": {"seconds": 5}})
    found = desk.sub.get_subscription(subscription=SUB)
    assert (found.ack_deadline_seconds, found.retry_policy.minimum_backoff.seconds) == (30, 5)
    assert [s.name for s in desk.sub.list_subscriptions(project=PROJECT)] == [SUB]
    assert list(desk.pub.list_topic_subscriptions(topic=TOPIC)) == [SUB]
    desk.sub.delete_subscription(subscription=SUB)
    with pytest.raises(exceptions.NotFound):
        desk.sub.get_subscription(subscription=SUB)


def test_a_subscription_outlives_its_topic(desk):
    desk.make()
    desk.send("kept")
    desk.pub.delete_topic(topic=TOPIC)
    assert desk.sub.get_subscription(subscription=SUB).topic == "_deleted-topic_"
    assert desk.texts() == ["kept"]


@pytest.mark.parametrize("more", [
    {"ack_deadline_seconds": 5},
    {"ack_deadline_seconds": 601},
    {"filter": "nonsense ((("},
    {"push_config": {"push_endpoint": "ftp://x"}},
    {"push_config": {"push_endpoint": "http://127.0.0.1:1/"}, "enable_exactly_once_delivery": True},
    {"dead_letter_policy": {"dead_letter_topic": TOPIC, "max_delivery_attempts": 4}},
    {"name": f"{PROJECT}/subscriptions/9"},
    {"name": f"{PROJECT}/subscriptions/google"},
])  # fmt: skip
def test_a_subscription_the_service_refuses_is_refused(desk, more):
    with pytest.raises(exceptions.InvalidArgument):
        desk.make(**more)


def test_a_subscription_needs_its_topics(desk):
    with pytest.raises(exceptions.NotFound):
        desk.sub.create_subscription(name=SUB, topic=TOPIC)
    with pytest.raises(exceptions.NotFound):
        desk.make(dead_letter_policy={"dead_letter_topic": DEAD})


@pytest.mark.parametrize("path", ["filter", "topic", "enable_message_ordering", "colour"])
def test_what_is_fixed_at_the_making_is_not_updated(desk, path):
    desk.make()
    with pytest.raises(exceptions.InvalidArgument):
        desk.update(path)


def test_what_the_stand_in_cannot_do_is_said(desk):
    with pytest.raises(exceptions.MethodNotImplemented):
        desk.pub.create_topic(request={"name": TOPIC, "kms_key_name": "k"})
    with pytest.raises(exceptions.MethodNotImplemented):
        desk.make(bigquery_config={"table": "a.b.c"})
    with pytest.raises(exceptions.MethodNotImplemented):
        desk.pub.get_iam_policy(request={"resource": TOPIC})


def test_tokens_need_a_signer():
    with pubsub.start() as emulator, pytest.MonkeyPatch.context() as patch:
        patch.setenv("PUBSUB_EMULATOR_HOST", emulator.address)
        desk = Desk(emulator)
        with pytest.raises(exceptions.MethodNotImplemented):
            push = {"push_endpoint": "http://127.0.0.1:1/", "oidc_token": {"service_account_email": "a@b"}}
            desk.make(push_config=push)
        desk.pub.transport.close()
        desk.sub.close()


# Publishing


def test_each_subscription_gets_its_copy_with_attributes_and_id(desk):
    desk.make()
    desk.make(f"{SUB}-2")
    [id] = desk.send("hello", kind="job")
    for name in (SUB, f"{SUB}-2"):
        [received] = desk.pull(name=name)
        message = received.message
        assert (message.data, dict(message.attributes), message.message_id) == (b"hello", {"kind": "job"}, id)
        assert abs(datetime.now(UTC) - message.publish_time) < timedelta(minutes=1)
        desk.ack(received, name=name)
        assert desk.pull(name=name) == []


@pytest.mark.parametrize("message", [
    {},
    {"data": b"x" * 10_000_001},
    {"data": b"x", "attributes": {"k": "v" * 1025}},
    {"data": b"x", "attributes": {"k" * 257: "v"}},
    {"data": b"x", "attributes": {"": "v"}},
    {"data": b"x", "attributes": {"googclient": "v"}},
    {"data": b"x", "attributes": {f"k{n}": "" for n in range(101)}},
    {"data": b"x", "ordering_key": "k" * 1025},
])  # fmt: skip
def test_a_message_the_service_refuses_is_refused(desk, message):
    desk.make()
    with pytest.raises(exceptions.InvalidArgument):
        publish(desk, [message])
    assert desk.pull() == []


def publish(desk, messages, topic=TOPIC):
    """A request as it is, past the batches and checks of the client."""
    return PublisherClient(transport=desk.pub.transport).publish(topic=topic, messages=messages)


def test_a_request_has_bounds_and_one_ordering_key(desk):
    desk.make()
    assert len(publish(desk, [{"data": b"x"}] * 1000).message_ids) == 1000
    for messages in (
        [],
        [{"data": b"x"}] * 1001,
        [{"data": b"x" * 5_000_001}] * 2,
        [{"data": b"x", "ordering_key": "a"}, {"data": b"x", "ordering_key": "b"}],
    ):
        with pytest.raises(exceptions.InvalidArgument):
            publish(desk, messages)
    with pytest.raises(exceptions.NotFound):
        publish(desk, [{"data": b"x"}], topic=DEAD)


def test_a_large_message_goes_through(desk):
    desk.make()
    desk.send("x" * 4_000_000)
    assert len(desk.pull()[0].message.data) == 4_000_000


# Filters


@pytest.mark.parametrize(("text", "passed"), [
    ('attributes:kind', "ab"),
    ('NOT attributes:kind', "c"),
    ('-attributes:kind', "c"),
    ('attributes.kind = "job"', "a"),
    ('attributes.kind != "job"', "bc"),
    ('attributes."kind"="job"', "a"),
    ('attributes:"x/y"', "c"),
    ('hasPrefix(attributes.kind, "kb")', "b"),
    ('hasPrefix(attributes.state, "")', "abc"),
    ('attributes.kind = "job" OR attributes.kind = "kbuild"', "ab"),
    ('attributes:kind AND attributes.state = "done" AND NOT attributes.kind = "job"', "b"),
    ('attributes.state = "done" AND (attributes.kind = "job" OR NOT attributes:kind)', "ac"),
    (r'attributes.state = "d\"o"', ""),
])  # fmt: skip
def test_a_filter_lets_through_what_it_says(desk, text, passed):
    desk.make(filter=text)
    desk.send("a", kind="job", state="done")
    desk.send("b", kind="kbuild", state="done")
    desk.send("c", state="done", **{"x/y": ""})
    assert "".join(sorted(desk.texts())) == passed


@pytest.mark.parametrize("text", [
    "attributes", "attributes.kind", "attributes.kind = job", 'kind = "job"', 'attributes.kind == "job"',
    'attributes:a and attributes:b', 'attributes:a AND attributes:b OR attributes:c', '(attributes:a', 'attributes:a)',
    'attributes.kind = "job', 'hasPrefix(attributes.kind)', 'attributes:x/y', 'NOT', 'attributes.kind = "job" ;',
    f'attributes.kind = "{"x" * 250}"',
])  # fmt: skip
def test_a_filter_that_is_none_is_refused(desk, text):
    with pytest.raises(exceptions.InvalidArgument):
        desk.make(filter=text)


# The stand-in itself


def test_the_meter_counts_what_goes_in_and_out(desk):
    desk.make()
    desk.make(f"{SUB}-2")
    desk.send("x" * 2000, "y")
    desk.ack(*desk.pull())
    desk.pull(name=f"{SUB}-2")
    meter = desk.meter
    assert (meter.published, meter.delivered, meter.acked) == (2, 4, 2)
    assert meter.delivered_bytes == 2 * meter.published_bytes == 4002
    assert meter.charged_bytes == 2000 + 1000 + 2 * 2001
    assert desk.emulator.server.calls["Publish"] == 2
    desk.emulator.reset()
    assert meter.published == meter.charged_bytes == 0


def test_a_fault_can_be_asked_for(desk):
    desk.make()
    desk.emulator.server.fail("Publish", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(exceptions.PermissionDenied):
        desk.send("x")
    assert desk.send("x")


def test_it_runs_as_a_command():
    command = [sys.executable, "-m", "tests.emulators.pubsub", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=ROOT) as process:
        line = process.stdout.readline()
        name, _, address = line.strip().partition("=")
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv(name, address)
            publisher = pubsub_v1.PublisherClient()
        publisher.create_topic(name=TOPIC)
        publisher.transport.close()
        process.terminate()
        assert process.wait(WAIT_S) == 0
