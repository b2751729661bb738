"""The Pub/Sub adapter alone: what it does about refusals and outages, how it wakes, and what a message looks like."""

from __future__ import annotations

import logging
import threading
from types import SimpleNamespace

import grpc
import pytest

from lib.errors import Unavailable
from lib.messaging.port import Message
from lib.messaging.pubsub_message import ATTRIBUTES_MAX, encode, thin
from tests.build.carrier import read


@pytest.fixture
def carrier(far_side):
    far_side.reset()
    return far_side


@pytest.fixture
def open_bus(carrier):
    """Opens a bus to the carrier, with times of the test's own."""
    opened = []

    def open_here(**more):
        opened.append(carrier.open(**more))
        return opened[-1]

    yield open_here
    for bus in opened:
        bus.close()


def messages(*ids):
    return [Message("node", id, b'{"data": "whole"}', {"channel": "node"}) for id in ids]


def test_a_refused_request_is_sent_again_message_by_message(carrier, open_bus):
    carrier.fail(grpc.StatusCode.INVALID_ARGUMENT, times=1)
    open_bus().publish(messages("1", "2", "3"))
    assert carrier.received() == messages("1", "2", "3")


def test_a_refused_message_goes_without_its_data(carrier, open_bus):
    carrier.fail(grpc.StatusCode.INVALID_ARGUMENT, times=2)
    open_bus().publish(messages("1", "2"))
    first, second = carrier.received()
    assert first == read(encode(thin(messages("1")[0]))) and b"whole" not in first.data
    assert [second] == messages("2")


def test_a_message_refused_again_goes_with_its_id_alone_and_is_told(carrier, open_bus, caplog):
    carrier.fail(grpc.StatusCode.INVALID_ARGUMENT, times=3)
    with caplog.at_level(logging.ERROR):
        open_bus().publish(messages("1", "2"))
    first, second = carrier.received()
    assert (first.id, first.channel, first.attributes) == ("1", "", {})
    assert [second] == messages("2")
    assert "event 1 was refused" in caplog.text


def test_where_everything_is_refused_nothing_is_lost(carrier, open_bus):
    carrier.fail(grpc.StatusCode.INVALID_ARGUMENT, times=100)
    with pytest.raises(Unavailable, match="refuses"):
        open_bus().publish(messages("1", "2"))
    assert carrier.received() == []


def test_after_a_failure_nothing_is_tried_for_a_while(carrier, open_bus, monkeypatch):
    now = 100.0
    monkeypatch.setattr("lib.messaging.pubsub.time", SimpleNamespace(monotonic=lambda: now))
    bus = open_bus(pause_s=7)
    carrier.fail(grpc.StatusCode.PERMISSION_DENIED, times=1)
    for _ in range(3):
        with pytest.raises(Unavailable):
            bus.publish(messages("1"))
    assert carrier.emulator.server.calls["Publish"] == 1
    now += 7
    bus.publish(messages("1"))
    assert carrier.received() == messages("1")


def test_an_unreachable_service_is_unavailable_within_the_deadline(carrier, open_bus, monkeypatch):
    monkeypatch.setenv("PUBSUB_EMULATOR_HOST", "127.0.0.1:1")
    bus = open_bus(deadline_s=0.3)
    with pytest.raises(Unavailable, match="Pub/Sub"):
        bus.publish(messages("1"))


def test_where_nothing_tells_of_other_processes_all_are_woken_now_and_then(open_bus):
    bus = open_bus(poll_s=0.01)
    heard = threading.Semaphore(0)
    stop = bus.watch(lambda channel: heard.release() if channel is None else None)
    assert heard.acquire(timeout=60) and heard.acquire(timeout=60)
    stop()


def test_attributes_keep_within_the_limits_of_the_service():
    given = {"goog": "x", "": "x", "k" * 257: "x", "content-type": "text/plain", "long": "ä" * 600}
    shown = dict(encode(Message("c" * 2000, "1", b"{}", given)).attributes)
    assert shown == {"content-type": "application/cloudevents+json", "id": "1", "long": "ä" * 512}
    many = encode(Message("c", "1", b"{}", {f"k{n}": "" for n in range(200)}))
    assert len(many.attributes) == ATTRIBUTES_MAX and many.attributes["id"] == "1"
    assert len(encode(Message("ä" * 2000, "1", b"{}", {})).ordering_key.encode()) == 1024


def test_a_message_is_read_as_it_was_written():
    message = Message("node", "1", b'{"a": 1}', {"channel": "node", "kind": "job"})
    assert read(encode(message)) == message
