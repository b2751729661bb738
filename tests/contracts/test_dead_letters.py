"""Dead letters: found, sent again as they were, dropped, and given back."""

from __future__ import annotations

import grpc
import pytest

from lib.errors import Invalid, NotFound, Unavailable
from lib.messaging.open import open_dead_letters
from lib.messaging.port import Message
from tests.build.carrier import READER

URL = "pubsub://demo-x"


@pytest.fixture
def carrier(far_side):
    far_side.reset()
    far_side.bus = far_side.open()
    yield far_side
    far_side.bus.close()


@pytest.fixture
def open_letters(carrier):
    opened = []

    def open_here(subscription="tributary-dead"):
        opened.append(open_dead_letters(URL, subscription))
        return opened[-1]

    yield open_here
    for letters in opened:
        letters.close()


def event(id):
    return Message("node", id, b'{"data": {}}', {"channel": "node", "kind": "job"})


def kill(carrier, *ids):
    """Publish these, and let a subscriber give each back until it is a dead letter."""
    carrier.bus.publish([event(id) for id in ids])
    carrier.refuse_all()


def test_a_letter_says_what_it_was_why_it_is_here_and_how_often_it_was_tried(carrier, open_letters):
    kill(carrier, "1")
    [letter] = open_letters().find(10)
    assert (letter.message.id, letter.message.channel, letter.message.data) == ("1", "node", event("1").data)
    assert letter.message.attributes == {
        "channel": "node", "kind": "job", "id": "1", "content-type": "application/cloudevents+json"
    }  # fmt: skip
    assert (letter.attempts, letter.source) == (5, READER)
    assert letter.published_at.endswith("Z") and len(letter.published_at) == 27


def test_letters_come_oldest_first_and_as_many_as_are_wanted(carrier, open_letters):
    for id in "123":
        kill(carrier, id)
    letters = open_letters()
    assert [one.message.id for one in letters.find(10)] == ["1", "2", "3"]
    assert letters.find(10) == []
    letters.close()
    assert len(open_letters().find(2)) == 2


def test_a_replayed_letter_is_published_as_it_was_and_is_here_no_more(carrier, open_letters):
    kill(carrier, "1", "2")
    letters = open_letters()
    [first] = [one for one in letters.find(10) if one.message.id == "1"]
    letters.replay(first)
    letters.close()
    assert carrier.received() == [event("1")]
    assert [one.message.id for one in open_letters().find(10)] == ["2"]


def test_a_dropped_letter_is_here_no_more(carrier, open_letters):
    kill(carrier, "1")
    letters = open_letters()
    letters.drop(letters.find(10)[0])
    letters.close()
    assert open_letters().find(10) == [] and carrier.received() == []


def test_a_replay_that_fails_keeps_the_letter(carrier, open_letters):
    kill(carrier, "1")
    letters = open_letters()
    carrier.fail(grpc.StatusCode.PERMISSION_DENIED, times=1)
    with pytest.raises(Unavailable):
        letters.replay(letters.find(10)[0])
    letters.close()
    assert len(open_letters().find(10)) == 1


def test_what_was_published_there_directly_says_so(carrier, open_letters):
    carrier.put_dead(b"by hand", CloudPubSubDeadLetterSourceTopicPublishTime="long ago")
    letters = open_letters()
    [letter] = letters.find(10)
    assert (letter.attempts, letter.source, letter.message.channel) == (0, "", "")
    assert letter.message.id.isdecimal()
    with pytest.raises(NotFound):
        letters.replay(letter)


def test_a_letter_whose_topic_is_gone_is_kept(carrier, open_letters):
    kill(carrier, "1")
    carrier.drop_topic()
    letters = open_letters()
    with pytest.raises(NotFound, match="Topic"):
        letters.replay(letters.find(10)[0])
    letters.close()
    assert len(open_letters().find(10)) == 1


def test_a_place_that_is_not_there_and_a_service_that_fails_are_said(carrier, open_letters):
    with pytest.raises(NotFound, match="nowhere"):
        open_letters("nowhere").find(10)
    carrier.emulator.server.fail("Pull", grpc.StatusCode.PERMISSION_DENIED)
    with pytest.raises(Unavailable):
        open_letters().find(10)


def test_a_pull_that_waits_in_vain_found_nothing(carrier, open_letters):
    kill(carrier, "1")
    carrier.emulator.server.fail("Pull", grpc.StatusCode.DEADLINE_EXCEEDED, times=2)
    assert len(open_letters().find(10)) == 1


def test_a_bus_that_carries_nothing_has_none():
    with pytest.raises(Invalid, match="HUB_BUS"):
        open_dead_letters("embedded")
