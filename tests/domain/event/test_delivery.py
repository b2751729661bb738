"""Deliveries of a sender that is no watch, and deliveries that were stored before they named their receiver."""

from __future__ import annotations

import json
from datetime import timedelta

import pytest

from lib.domain.event.delivery import COLLECTION, SIGNATURE, Deliveries, Receiver, Refused, deliver, sign
from lib.domain.event.event import News, body_of
from lib.outbound.memory import MemoryCourier, MemoryPost
from lib.outbound.port import Answer
from lib.store.port import Scan
from tests.build import NOW

OLD = {
    "watch": "lab", "state": "waiting", "due_at": "2024-01-01T00:00:00.000000Z", "attempts": 0,
    "at": "2024-01-01T00:00:00.000000Z", "event": {"id": "e1", "source": "s", "type": "t", "data": {"n": 1}},
}  # fmt: skip
"""A delivery as it was stored before."""


class Lab:
    """A lab that has events of its jobs delivered."""

    id = "lab"
    receiver = Receiver("webhook", "https://before.example/", "first")

    def __init__(self):
        self.faults, self.is_closed = [], False

    def owners(self, now):
        return [self]

    def missing(self, ids, now):
        return ids - {self.id}

    def check(self, receiver):
        if self.is_closed:
            raise Refused("the lab is closed")

    def secret(self, reference):
        return f"the {reference} secret"

    def compose(self, events):
        return f"{len(events)} jobs", " ".join(str(event["n"]) for event in events)

    def note(self, tx, fault, now):
        self.faults.append(fault)


@pytest.fixture
def lab():
    return Lab()


@pytest.fixture
def courier():
    return MemoryCourier()


@pytest.fixture
def post():
    return MemoryPost()


@pytest.fixture
def send(store, lab, clock, post, courier):
    deliveries = Deliveries(store, [lab], clock, post, courier)
    return lambda **by: deliveries.run(clock.advance(**by))


@pytest.fixture
def put(store):
    def put(n, receiver, **more):
        news = News("abc", f"e{n}", body_of({"n": n}, owner=None, source="s", type="t"))
        store.transact(lambda tx: deliver(tx, "lab", receiver, news, NOW, **more))

    return put


def test_a_delivery_names_its_receiver_and_its_secret(put, send, courier):
    put(1, Receiver("webhook", "https://a.example/", "second"))
    put(2, Receiver("webhook", "https://b.example/"))
    assert send() == 2
    (url, body, headers), (other, _, unsigned) = courier.calls
    assert (url, other) == ("https://a.example/", "https://b.example/")
    assert headers[SIGNATURE] == sign("the second secret", body) and SIGNATURE not in unsigned
    assert json.loads(body)["data"] == {"n": 1} and json.loads(body)["id"] == "e1"


def test_mails_to_one_address_are_one(put, send, post):
    for n, name in enumerate(("a", "a", "b")):
        put(n, Receiver("mail", f"{name}@example.org"))
    assert send(minutes=1) == 3
    assert [(mail.to, mail.subject, mail.text) for mail in post.sent] == [
        ("a@example.org", "2 jobs", "0 1"), ("b@example.org", "1 jobs", "2"),
    ]  # fmt: skip


def test_a_delivery_has_its_own_pauses(put, send, courier, lab, store):
    courier.reply = lambda url: Answer(500, {}, b"")
    put(1, Receiver("webhook", "https://a.example/"), pauses=[timedelta(seconds=5), timedelta(seconds=7)])
    for seconds, calls in ((0, 1), (4, 1), (1, 2), (6, 2), (1, 3), (1000, 3)):
        send(seconds=seconds)
        assert len(courier.calls) == calls
    assert [doc.body["state"] for doc in store.find(COLLECTION, Scan()).docs] == ["failed"]
    assert set(lab.faults) == {"the answer was 500"}


def test_what_its_owner_may_no_longer_send_waits(put, send, courier, lab):
    put(1, Receiver("webhook", "https://a.example/"))
    lab.is_closed = True
    assert send() == 0 and set(lab.faults) == {"the lab is closed"} and courier.calls == []
    lab.is_closed = False
    assert send(seconds=10) == 1


def test_what_was_stored_before_goes_to_the_receiver_of_its_owner(store, send, courier):
    store.transact(lambda tx: tx.create(COLLECTION, "e1", OLD))
    assert send() == 1 and store.count(COLLECTION, ()) == 0
    ((url, body, headers),) = courier.calls
    assert url == "https://before.example/" and headers[SIGNATURE] == sign("the first secret", body)


def test_what_was_stored_before_is_tried_again_and_given_up(store, send, courier):
    courier.reply = lambda url: Answer(500, {}, b"")
    store.transact(lambda tx: tx.create(COLLECTION, "e1", OLD))
    for _ in range(12):
        send(hours=8)
    assert len(courier.calls) == 11 and store.load(COLLECTION, "e1").body["state"] == "failed"


def test_without_a_post_no_mail_is_sent(store, lab, clock, put):
    put(1, Receiver("mail", "a@example.org"))
    assert Deliveries(store, [lab], clock, None, None).run(clock.advance(minutes=1)) == 0
    assert set(lab.faults) == {"no mail is sent from here"}
