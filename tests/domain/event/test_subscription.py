"""Cursors into the log: what a poll is given, and what happens to one that is abandoned."""

import pytest

from lib.domain.account.access import Actor
from lib.errors import Forbidden, NotFound

BOB, EVE = Actor("1" * 24, "bob"), Actor("2" * 24, "eve")


@pytest.fixture
def publish(hub, clock):
    return lambda n, who=BOB: hub.journal.publish(who, "abc", {"n": n}, clock())


@pytest.fixture
def poll(hub, clock):
    """One whole poll: what was heard, None for nothing."""

    def poll(id, completes=True, actor=BOB):
        begun = hub.subscriptions.listen(actor, id, clock())
        event = hub.subscriptions.look(begun)
        if event is not None and completes:
            hub.subscriptions.sent(begun, event)
            hub.subscriptions.settle(begun, event.seq)
        return None if event is None else event.body["data"]["n"]

    return poll


@pytest.fixture
def subscribe(hub, clock):
    return lambda **more: hub.subscriptions.subscribe(more.pop("actor", BOB), "abc", clock(), **more).id


def test_a_subscriber_hears_what_comes_after_it_in_order(publish, subscribe, poll):
    publish(0)
    id = subscribe()
    assert poll(id) is None
    for n in (1, 2, 3):
        publish(n)
    assert [poll(id) for _ in range(4)] == [1, 2, 3, None]


def test_an_event_counts_as_delivered_only_when_its_response_was_handed_over(publish, subscribe, poll):
    id = subscribe()
    publish(1)
    assert poll(id, completes=False) == 1
    assert poll(id, completes=False) == 1
    assert poll(id) == 1
    assert poll(id) is None


def test_an_older_poll_is_superseded_and_takes_nothing(hub, clock, publish, subscribe):
    id = subscribe()
    older = hub.subscriptions.listen(BOB, id, clock())
    newer = hub.subscriptions.listen(BOB, id, clock())
    publish(1)
    with pytest.raises(NotFound):
        hub.subscriptions.look(older)
    event = hub.subscriptions.look(newer)
    # A late completion of the older one does not count.
    hub.subscriptions.sent(older, event)
    hub.subscriptions.settle(older, event.seq)
    again = hub.subscriptions.listen(BOB, id, clock())
    assert hub.subscriptions.look(again).seq == event.seq


def test_others_events_are_skipped_unless_promiscuous(publish, subscribe, poll):
    own, all_ = subscribe(), subscribe(promiscuous=True)
    publish(1, EVE)
    publish(2, BOB)
    assert [poll(own), poll(own)] == [2, None]
    assert [poll(all_), poll(all_)] == [1, 2]


def test_only_its_owner_listens_and_ends(hub, clock, subscribe, poll):
    id = subscribe()
    with pytest.raises(Forbidden):
        poll(id, actor=EVE)
    with pytest.raises(Forbidden):
        hub.subscriptions.unsubscribe(EVE, id)
    hub.subscriptions.unsubscribe(BOB, id)
    with pytest.raises(NotFound):
        poll(id)
    with pytest.raises(NotFound):
        hub.subscriptions.unsubscribe(BOB, id)


def test_a_filtered_subscriber_does_not_look_twice_at_what_it_skipped(hub, clock, publish, subscribe):
    id = subscribe()
    for n in range(5):
        publish(n, EVE)
    begun = hub.subscriptions.listen(BOB, id, clock())
    assert hub.subscriptions.look(begun) is None
    hub.subscriptions.settle(begun, None)
    assert hub.store.load("subscription", str(id)).body["position"] == hub.store.last("abc")


def test_another_process_knows_what_was_delivered(hub, clock, publish, subscribe, poll):
    id = subscribe()
    publish(1)
    publish(2)
    assert poll(id) == 1
    hub.subscriptions._sent.clear()  # as another process would be
    assert poll(id) == 2


def test_a_subscriber_id_goes_on_after_what_it_acknowledged(publish, subscribe, poll):
    id = subscribe(subscriber_id="scheduler:node")
    for n in (1, 2, 3):
        publish(n)
    assert poll(id) == 1
    assert poll(id) == 2  # acknowledges 1; 2 was handed over, and its receiver died
    again = subscribe(subscriber_id="scheduler:node")
    assert [poll(again) for _ in range(3)] == [2, 3, None]


def test_a_subscriber_id_survives_its_unsubscribing(hub, publish, subscribe, poll):
    id = subscribe(subscriber_id="s")
    publish(1)
    assert (poll(id), poll(id)) == (1, None)
    hub.subscriptions.unsubscribe(BOB, id)
    with pytest.raises(NotFound):
        poll(id)
    publish(2)
    again = subscribe(subscriber_id="s")
    assert poll(again) == 2
    with pytest.raises(Forbidden):
        subscribe(subscriber_id="s", actor=EVE)


def test_a_filter_is_applied_here(hub, clock, subscribe, poll):
    id = subscribe(filters={"kind": "job", "state": "done"})
    for kind, state, n in (("job", "running", 1), ("kbuild", "done", 2), ("job", "done", 3)):
        hub.journal.publish(BOB, "abc", {"kind": kind, "state": state, "n": n}, clock())
    hub.journal.publish(BOB, "abc", "not an object", clock())
    assert [poll(id), poll(id)] == [3, None]


def test_what_nobody_polls_is_reaped_but_for_subscriber_ids_in_use(hub, clock, subscribe, poll):
    idle, durable = subscribe(), subscribe(subscriber_id="s")
    clock.advance(minutes=10)
    live = subscribe()
    clock.advance(minutes=10)
    assert hub.subscriptions.reap(clock()) == 1
    assert [s.id for s in hub.subscriptions.every()] == [durable, live]
    with pytest.raises(NotFound):
        poll(idle)


def test_a_subscriber_id_is_forgotten_after_a_month(hub, clock, publish, subscribe, poll):
    used, left, ended = (subscribe(subscriber_id=name) for name in ("used", "left", "ended"))
    hub.subscriptions.unsubscribe(BOB, ended)
    clock.advance(days=29)
    poll(used)
    assert hub.subscriptions.reap(clock()) == 0
    clock.advance(days=2)
    # Taken up again, if not polled yet, is in use.
    assert subscribe(subscriber_id="left") == left
    assert hub.subscriptions.reap(clock()) == 1
    assert [s.id for s in hub.subscriptions.every()] == [used, left]
    # The name is free, and begins anew.
    assert hub.subscriptions.subscribe(EVE, "abc", clock(), subscriber_id="ended").user == "eve"


def test_hundreds_are_reaped_in_one_run(hub, clock, subscribe):
    for n in range(250):
        subscribe(subscriber_id=str(n))
    clock.advance(days=31)
    assert hub.subscriptions.reap(clock()) == 250 and list(hub.subscriptions.every()) == []
