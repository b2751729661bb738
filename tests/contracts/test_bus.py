"""The bus port's promises, over every adapter."""

from __future__ import annotations

import threading
from contextlib import ExitStack

import grpc
import orjson
import pytest

from lib.errors import Invalid, Unavailable
from lib.messaging.open import open_bus
from lib.messaging.port import Message
from lib.store.open import open_store
from tests.build.carrier import PubsubCarrier

BUSES = ("embedded", "pubsub://demo-x")
"""Every adapter joins by its URL here."""

CARRIERS = {"pubsub://demo-x": PubsubCarrier}
"""What stands in for the far side of those that carry, by URL."""


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/hub.db"
    open_store(url).close()
    return url


@pytest.fixture(scope="module")
def far_sides():
    """The far sides, once for all tests; the environment names them."""
    with ExitStack() as stack:
        yield {url: stack.enter_context(make()) for url, make in CARRIERS.items()}


@pytest.fixture(params=BUSES)
def bus(request, url, far_sides):
    bus = open_bus(request.param, url)
    yield bus
    bus.close()


@pytest.fixture(params=CARRIERS)
def carrier(request, url, far_sides):
    """The far side of a bus that carries, with the bus as `.bus`."""
    carrier = far_sides[request.param]
    carrier.reset()
    carrier.bus = open_bus(request.param, url)
    yield carrier
    carrier.bus.close()


class Ear:
    """Remembers what woke it, and lets a test wait for it."""

    def __init__(self):
        self.heard, self._heard = [], threading.Event()

    def __call__(self, channel):
        self.heard.append(channel)
        self._heard.set()

    def waits(self, seconds=60):
        return self._heard.wait(seconds)


def event(id, channel="node", data=None, **attributes):
    """A message as the relay makes them."""
    envelope = {"specversion": "1.0", "id": id, "source": "urn:test", "type": "t", "data": data, "_sequence_id": 7}
    return Message(channel, id, orjson.dumps(envelope), {"channel": channel, **attributes})


def test_waiters_of_this_process_are_woken_at_once_until_they_stop(bus):
    first, second = Ear(), Ear()
    stop = bus.watch(first)
    bus.watch(second)
    bus.wake("node")
    assert first.heard == second.heard == ["node"]
    stop()
    bus.wake("retry")
    assert first.heard == ["node"] and second.heard == ["node", "retry"]


def test_publishing_takes_messages_in_order_and_again(bus, far_sides):
    for carrier in far_sides.values():
        carrier.reset()
    message = Message("node", "1", b"{}", {"kind": "job"})
    bus.publish([message])
    bus.publish([message, message._replace(id="2")])
    bus.publish([])


def test_another_process_is_heard(bus, url):
    ear = Ear()
    bus.watch(ear)
    # A first look at the file is behind us once an entry was heard: try until then.
    other = open_store(url)
    for n in range(100):
        other.transact(lambda tx, n=n: tx.append("node", f"e{n}", {"data": {}}))
        if ear.waits(0.05):
            break
    assert set(ear.heard) <= {"node", None} and ear.heard
    other.close()


def test_closing_twice_and_closing_unwatched_is_fine(bus):
    bus.close()
    bus.close()


def test_only_what_carries_says_so(bus):
    assert bus.carries == (type(bus).__name__ != "EmbeddedBus")


def test_messages_of_a_channel_arrive_in_order_whole_and_under_their_ids(carrier):
    sent = [event(f"{channel}-{n}", channel, kind="job", op="created") for n in range(50) for channel in ("node", "x")]
    carrier.bus.publish(sent[:60])
    carrier.bus.publish(sent[60:])
    received = carrier.received()
    for channel in ("node", "x"):
        assert [m for m in received if m.channel == channel] == [m for m in sent if m.channel == channel]


def test_more_messages_than_one_request_takes_arrive_in_order(carrier):
    sent = [event(str(n)) for n in range(2001)]
    carrier.bus.publish(sent)
    assert [m.id for m in carrier.received()] == [m.id for m in sent]
    large = [event(f"large-{n}", data="x" * 3_000_000) for n in range(4)]
    carrier.bus.publish(large)
    assert [m.id for m in carrier.received()] == [m.id for m in large]


def test_a_carrier_that_stumbles_is_asked_again(carrier):
    carrier.fail(grpc.StatusCode.UNAVAILABLE, times=2)
    sent = [event("1"), event("2")]
    carrier.bus.publish(sent)
    assert carrier.received() == sent


@pytest.mark.parametrize("code", ["UNAVAILABLE", "PERMISSION_DENIED", "NOT_FOUND"])
def test_a_carrier_that_fails_is_unavailable_and_can_be_tried_again(carrier, code):
    carrier.bus.close()
    carrier.bus = carrier.open(deadline_s=2, pause_s=0)
    carrier.fail(getattr(grpc.StatusCode, code), times=100)
    with pytest.raises(Unavailable):
        carrier.bus.publish([event("1"), event("2")])
    carrier.reset()
    carrier.bus.publish([event("1"), event("2")])
    assert [m.id for m in carrier.received()] == ["1", "2"]


@pytest.mark.parametrize("poison", [
    event("p", data="x" * 12_000_000),
    event("p", data="x")._replace(data=b"y" * 12_000_000),
    event("p", data="x", **{f"goog-{n}" if n % 2 else "k" * 300: "v" for n in range(2)}),
    event("p", data="x", owner="ä" * 2000, kind="\ud800"),
    event("p", data="x", **{f"k{n}": "" for n in range(200)}),
    event("p", data="x")._replace(data=b""),
], ids=["large", "large and no JSON", "keys", "values", "many attributes", "no data"])  # fmt: skip
def test_no_message_blocks_its_channel(carrier, poison):
    carrier.bus.publish([event("1"), poison, event("2")])
    assert [m.id for m in carrier.received()] == ["1", "p", "2"]


def test_a_message_that_is_too_large_says_where_its_data_is(carrier):
    carrier.bus.publish([event("a/b", data="x" * 12_000_000, kind="job")])
    [message] = carrier.received()
    said = orjson.loads(message.data)
    assert said.pop("dataref") == message.attributes["dataref"] == "events?channel=node&id=a%2Fb"
    assert said == {"specversion": "1.0", "id": "a/b", "source": "urn:test", "type": "t", "_sequence_id": 7}
    assert message.attributes["kind"] == "job"


@pytest.mark.parametrize("url", ["carrier-pigeon", "pubsub://", "pubsub://a/b/c", "pubsub://Demo", "pubsub://demo-x/9"])
def test_an_unknown_bus_is_refused_by_name(url):
    with pytest.raises(Invalid, match="HUB_BUS"):
        open_bus(url)
