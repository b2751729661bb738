"""Pops and streams through the edge: what waits, what comes back, what an idle line is told."""

import json

import pytest

from lib.dialects.kernelci import stream
from lib.dialects.wire import Feed, Wait
from lib.domain.event import journal
from lib.domain.service.queue import LEASE, bell_of
from tests import build


@pytest.fixture
def bob(hub, auth, clock):
    return auth.mint(build.register(hub.accounts, "bob").id, clock())


@pytest.fixture
def answer(client, bob):
    """What the edge gives a shell, not yet carried out."""

    def answer(path, query=""):
        headers = {"authorization": f"Bearer {bob}"}
        return client.edge.answer(build.Request("GET", path, query, headers, b"", client.clock()))

    return answer


@pytest.fixture
def push(client, bob):
    return lambda data: client.send("POST", "/push/todo", token=bob, json_body={"data": data})


def test_a_pop_waits_for_its_list_and_may_block(answer, hub, clock, push):
    wait = answer("/pop/todo")
    assert isinstance(wait, Wait) and wait.blocking and wait.channels == {bell_of("todo")}
    assert wait.until == clock() + hub.policy.keep_alive and wait.poll(clock()) is None
    push("a")
    assert json.loads(wait.poll(clock()).body)["data"] == "a"


def test_an_item_whose_response_was_lost_comes_back(client, bob, clock, push):
    def pop(completes=True):
        return json.loads(client.send("GET", "/pop/todo", token=bob, completes=completes).body)["data"]

    push("a")
    assert [pop(completes=False), pop()] == ["a", "BEEP"]
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert [pop(), pop()] == ["a", "BEEP"]
    clock.advance(seconds=LEASE.total_seconds() + 1)
    assert pop() == "BEEP"


def test_a_popped_item_waits_for_proof_that_its_client_is_there(answer, push):
    """A shell asks whether the client hung up only of replies that want to know."""
    push("a")
    assert answer("/pop/todo").on_sent is not None


def test_a_stream_is_fed_when_its_channel_has_news(client, bob, answer):
    feed = answer("/events/stream", "channel=abc").body
    assert isinstance(feed, Feed) and feed.channels == {"abc"}
    assert feed.take() == b"retry: 1000\n: beat\nid: 0\n\n" and feed.take() == b""
    client.send("POST", "/publish/abc", token=bob, json_body={"data": "a"})
    assert feed.take().startswith(b"id: 1\ndata: {") and feed.take() == b"" and feed.beat() == b": beat\nid: 1\n\n"


def test_a_stream_that_wants_little_tells_how_far_it_looked(client, bob, answer, monkeypatch):
    monkeypatch.setattr(journal, "READ_MAX", 2)
    monkeypatch.setattr(stream, "LOOKS_AT_ONCE", 2)
    for n in range(9):
        client.send("POST", "/publish/abc", token=bob, json_body={"data": {"kind": "job" if n == 8 else "test"}})
    feed = answer("/events/stream", "channel=abc&after=0&kind=job").body
    taken = list(feed)
    assert taken[1:3] == [b": beat\nid: 4\n\n", b": beat\nid: 8\n\n"]
    assert taken[3].startswith(b"id: 9\ndata: ") and len(taken) == 4
