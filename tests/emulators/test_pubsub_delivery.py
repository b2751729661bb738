"""The stand-in of Pub/Sub, through the official client: leases, order, dead letters, streams, seek."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from queue import Queue

import pytest
from google.api_core import exceptions
from google.cloud.pubsub_v1.subscriber.exceptions import AcknowledgeError, AcknowledgeStatus

from tests.emulators.conftest import DEAD, PROJECT, SUB, TOPIC, WAIT_S

# Leases and order


def test_a_lease_that_ends_brings_the_message_again_under_another_id(desk):
    desk.make()
    desk.send("x")
    [first] = desk.pull()
    assert desk.pull() == []
    desk.clock.advance(10)
    [second] = desk.pull()
    assert first.ack_id != second.ack_id
    desk.ack(first)
    desk.clock.advance(10)
    [third] = desk.pull()
    desk.ack(third)
    desk.clock.advance(10)
    assert desk.pull() == []


def test_a_lease_is_extended_and_given_back(desk):
    desk.make()
    desk.send("x")
    [received] = desk.pull()
    desk.hold(60, received)
    desk.clock.advance(59)
    assert desk.pull() == []
    desk.hold(0, received)
    assert desk.texts() == ["x"]


def test_an_id_that_never_was_is_refused(desk):
    desk.make()
    for call, more in ((desk.sub.acknowledge, {}), (desk.sub.modify_ack_deadline, {"ack_deadline_seconds": 10})):
        with pytest.raises(exceptions.InvalidArgument):
            call(subscription=SUB, ack_ids=["bogus"], **more)


def test_a_retry_policy_holds_a_message_back_longer_each_time(desk):
    desk.make(retry_policy={"minimum_backoff": {"seconds": 2}, "maximum_backoff": {"seconds": 3}})
    desk.send("x")
    for pause_s in (2, 3, 3):
        desk.hold(0, *desk.pull())
        desk.clock.advance(pause_s - 0.5)
        assert desk.pull() == []
        desk.clock.advance(0.5)
    assert desk.texts() == ["x"]


def test_messages_of_a_key_keep_their_order(desk):
    desk.make(enable_message_ordering=True)
    desk.send(*map(str, range(20)), key="node")
    got = []
    while received := desk.pull():
        got += [int(r.message.data) for r in received]
        assert {r.message.ordering_key for r in received} == {"node"}
        desk.ack(*received)
    assert got == list(range(20))


def test_the_next_of_a_key_waits_for_the_one_before_and_other_keys_do_not(desk):
    desk.make(enable_message_ordering=True)
    desk.send("a0", "a1", key="a")
    desk.send("b0", key="b")
    desk.send("free")
    held = desk.pull()
    assert sorted(r.message.data for r in held) == [b"a0", b"b0", b"free"]
    assert desk.pull() == []
    desk.hold(0, held[0])
    [again] = desk.pull()
    assert again.message.data == b"a0"
    desk.ack(again)
    assert desk.texts() == ["a1"]


# Dead letters


def test_a_message_that_fails_too_often_goes_to_the_dead_letters(desk):
    desk.make(f"{SUB}-dead", DEAD)
    desk.make(dead_letter_policy={"dead_letter_topic": DEAD, "max_delivery_attempts": 5}, enable_message_ordering=True)
    desk.send("poison", "next", key="node", kind="job")
    attempts = []
    for _ in range(5):
        [received] = desk.pull()
        attempts.append(received.delivery_attempt)
        desk.hold(0, received)
    assert attempts == [1, 2, 3, 4, 5]
    [dead] = desk.pull(name=f"{SUB}-dead")
    assert (dead.message.data, dead.message.ordering_key, dead.delivery_attempt) == (b"poison", "node", 0)
    shown = dict(dead.message.attributes)
    assert shown.pop("CloudPubSubDeadLetterSourceTopicPublishTime").startswith("20")
    assert shown == {
        "kind": "job",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceSubscription": "reader",
        "CloudPubSubDeadLetterSourceSubscriptionProject": "demo-x",
    }
    assert desk.texts() == ["next"]


def test_without_a_dead_letter_topic_a_message_stays(desk):
    desk.make(f"{SUB}-dead", DEAD)
    desk.make(dead_letter_policy={"dead_letter_topic": DEAD, "max_delivery_attempts": 5})
    desk.pub.delete_topic(topic=DEAD)
    desk.send("x")
    for attempt in range(1, 8):
        [received] = desk.pull()
        assert received.delivery_attempt == attempt
        desk.hold(0, received)


# Streams, and exactly-once delivery


def listen(desk, callback):
    return desk.sub.subscribe(SUB, callback=callback)


def stop(future):
    future.cancel()
    future.result(WAIT_S)


def test_a_stream_delivers_all_and_takes_acknowledgements(desk):
    desk.make()
    came: Queue = Queue()
    future = listen(desk, lambda m: (came.put(m.data), m.ack()))
    desk.send(*map(str, range(50)))
    got = {came.get(timeout=WAIT_S) for _ in range(50)}
    stop(future)
    assert len(got) == 50
    desk.clock.advance(700)
    assert desk.pull() == []
    assert desk.meter.acked == 50


def test_what_a_stream_gives_back_comes_again(desk):
    desk.make(dead_letter_policy={"dead_letter_topic": TOPIC})
    came: Queue = Queue()

    def take(message):
        came.put(message.delivery_attempt)
        (message.ack if message.delivery_attempt == 3 else message.nack)()

    future = listen(desk, take)
    desk.send("x")
    assert [came.get(timeout=WAIT_S) for _ in range(3)] == [1, 2, 3]
    stop(future)


def test_a_stream_of_a_subscription_that_is_not_there_ends(desk):
    with pytest.raises(exceptions.NotFound):
        listen(desk, lambda m: m.ack()).result(WAIT_S)


def test_exactly_once_confirms_acknowledgements(desk):
    assert desk.make(enable_exactly_once_delivery=True).enable_exactly_once_delivery
    results: Queue = Queue()
    future = listen(desk, lambda m: results.put(m.ack_with_response()))
    desk.send("x")
    assert results.get(timeout=WAIT_S).result(WAIT_S) == AcknowledgeStatus.SUCCESS
    stop(future)


def test_exactly_once_refuses_a_lease_that_is_over(desk):
    desk.make(enable_exactly_once_delivery=True)
    desk.send("x")
    [received] = desk.pull()
    desk.hold(0, received)
    with pytest.raises(exceptions.FailedPrecondition):
        desk.ack(received)
    results: Queue = Queue()

    def late(message):
        desk.clock.advance(700)
        results.put(message.ack_with_response())

    future = listen(desk, late)
    with pytest.raises(AcknowledgeError) as caught:
        results.get(timeout=WAIT_S).result(WAIT_S)
    assert caught.value.error_code == AcknowledgeStatus.INVALID_ACK_ID
    stop(future)


# Seek, snapshots, detach


def test_a_seek_to_a_time_brings_back_what_was_acknowledged_since(desk):
    desk.make(retain_acked_messages=True)
    desk.send("old")
    desk.clock.advance(100)
    at = datetime.now(UTC) + timedelta(seconds=90)
    desk.send("new")
    desk.ack(*desk.pull())
    desk.sub.seek(request={"subscription": SUB, "time": at})
    assert desk.texts() == ["new"]
    desk.sub.seek(request={"subscription": SUB, "time": at + timedelta(days=1)})
    assert desk.pull() == []


def test_a_seek_to_a_snapshot_restores_the_backlog(desk):
    desk.make()
    desk.send("done", "open")
    received = desk.pull()
    desk.ack(received[0])
    name = f"{PROJECT}/snapshots/before"
    desk.sub.create_snapshot(name=name, subscription=SUB)
    assert [s.name for s in desk.sub.list_snapshots(project=PROJECT)] == [name]
    assert desk.sub.get_snapshot(snapshot=name).topic == TOPIC
    desk.ack(received[1])
    desk.send("later")
    desk.ack(*desk.pull())
    desk.sub.seek(request={"subscription": SUB, "snapshot": name})
    assert desk.texts() == ["open", "later"]
    desk.sub.delete_snapshot(snapshot=name)
    with pytest.raises(exceptions.NotFound):
        desk.sub.seek(request={"subscription": SUB, "snapshot": name})


def test_a_detached_subscription_delivers_no_more(desk):
    desk.make()
    desk.send("x")
    desk.pub.detach_subscription(request={"subscription": SUB})
    assert desk.sub.get_subscription(subscription=SUB).detached
    assert list(desk.pub.list_topic_subscriptions(topic=TOPIC)) == []
    with pytest.raises(exceptions.FailedPrecondition):
        desk.pull()
