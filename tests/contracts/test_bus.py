"""The bus port's promises, over every adapter."""

from __future__ import annotations

import threading

import pytest

from lib.errors import Invalid
from lib.messaging.open import open_bus
from lib.messaging.port import Message
from lib.store.open import open_store

BUSES = ("embedded",)
"""Every adapter joins by its name here."""


@pytest.fixture
def url(tmp_path):
    url = f"sqlite:///{tmp_path}/hub.db"
    open_store(url).close()
    return url


@pytest.fixture(params=BUSES)
def bus(request, url):
    bus = open_bus(request.param, url)
    yield bus
    bus.close()


class Ear:
    """Remembers what woke it, and lets a test wait for it."""

    def __init__(self):
        self.heard, self._heard = [], threading.Event()

    def __call__(self, channel):
        self.heard.append(channel)
        self._heard.set()

    def waits(self, seconds=5):
        return self._heard.wait(seconds)


def test_waiters_of_this_process_are_woken_at_once_until_they_stop(bus):
    first, second = Ear(), Ear()
    stop = bus.watch(first)
    bus.watch(second)
    bus.wake("node")
    assert first.heard == second.heard == ["node"]
    stop()
    bus.wake("retry")
    assert first.heard == ["node"] and second.heard == ["node", "retry"]


def test_publishing_takes_messages_in_order_and_again(bus):
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


def test_an_unknown_bus_is_refused_by_name(url):
    with pytest.raises(Invalid, match="HUB_BUS"):
        open_bus("carrier-pigeon", url)
