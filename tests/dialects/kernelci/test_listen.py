"""Long polls through the edge: what a client that goes away loses, and what a newer poll does to an older one."""

import base64
import json

import pytest

from lib.dialects.wire import Wait
from tests import build


@pytest.fixture
def bob(hub, auth, clock):
    return auth.mint(build.register(hub.accounts, "bob").id, clock())


@pytest.fixture
def listen(client, bob):
    """One poll; what was heard."""

    def listen(completes=True):
        reply = client.send("GET", "/listen/1", token=bob, completes=completes)
        return heard(reply)

    client.send("POST", "/subscribe/abc", token=bob)
    return listen


@pytest.fixture
def publish(client, bob):
    return lambda data: client.send("POST", "/publish/abc", token=bob, json_body={"data": data})


def heard(reply):
    return json.loads(json.loads(reply.body)["data"])["data"]


def begin(client, bob):
    """A poll that is left waiting."""
    request = build.Request("GET", "/listen/1", "", {"authorization": f"Bearer {bob}"}, b"", client.clock())
    answer = client.edge.answer(request)
    assert isinstance(answer, Wait)
    return answer


def test_an_event_whose_response_was_lost_comes_again(listen, publish):
    publish("a")
    publish("b")
    assert [listen(completes=False), listen(completes=False), listen(), listen(), listen()] == [
        "a", "a", "a", "b", "BEEP",
    ]  # fmt: skip


def test_a_poll_waits_for_its_channel_until_the_keep_alive_is_over(client, bob, hub, clock, listen, publish):
    wait = begin(client, bob)
    assert wait.channels == {"abc"} and wait.until == clock() + hub.policy.keep_alive
    assert wait.poll(clock()) is None
    publish("a")
    assert heard(wait.poll(clock())) == "a"


def test_a_newer_poll_ends_the_older_one_with_a_beep(client, bob, clock, listen, publish):
    older = begin(client, bob)
    newer = begin(client, bob)
    publish("a")
    assert heard(older.poll(clock())) == "BEEP"
    assert heard(newer.poll(clock())) == "a"


def test_a_poll_of_a_subscription_that_ended_answers_beep(client, bob, clock, listen):
    wait = begin(client, bob)
    client.send("POST", "/unsubscribe/1", token=bob)
    assert heard(wait.poll(clock())) == "BEEP"


def test_what_was_delivered_is_stored_for_other_processes(client, hub, listen, publish):
    publish("a")
    assert listen() == "a"
    assert hub.store.load("subscription", "1").body["offered"] == 1


def test_an_idle_poll_stores_how_far_it_looked(client, hub, clock, listen):
    eve = build.register(hub.accounts, "eve")
    hub.journal.publish(eve, "abc", "not for bob", clock())
    assert listen() == "BEEP"
    assert hub.store.load("subscription", "1").body["position"] == 1


@pytest.mark.parametrize("scheme", ["Bearer {}", "bearer  {}", "Token {}", "Basic {basic}"])
def test_one_secret_works_in_every_scheme(client, bob, scheme):
    basic = base64.b64encode(f"anyone:{bob}".encode()).decode()
    header = {"authorization": scheme.format(bob, basic=basic)}
    assert client.send("GET", "/whoami", headers=header).status == 200
