"""Followers of the log: where each begins, and that kills and two processes at once neither skip nor go back."""

from __future__ import annotations

import pytest

from lib.domain.account.access import Actor
from lib.domain.event.event import MERGED_CHANNEL, NODE_CHANNEL, body_of
from lib.domain.hub import Hub
from tests.build.killed import killed_at

BOB = Actor("1" * 24, "bob")


class Projection:
    """The projector, which begins with its first run."""

    channel = NODE_CHANNEL

    def __init__(self, hub, clock):
        self.log = hub.projector.log
        self.run = lambda: hub.projector.run(clock())
        self.begin = self.run


class Readiness:
    """The readiness follower, which begins with the first watch."""

    channel = MERGED_CHANNEL

    def __init__(self, hub, clock):
        self.log = hub.watches.log
        self.run = lambda: hub.readiness_follower.run(clock())
        self.hub, self.clock = hub, clock

    def begin(self):
        data = {"purpose": "triage", "filter": {}, "action": {"event": True}}
        self.hub.watches.make(BOB, data, self.clock())


@pytest.fixture(params=["sqlite", "firestore"])
def store_kind(request):
    return request.param


@pytest.fixture(params=[Projection, Readiness], ids=lambda user: user.__name__)
def make(request):
    return request.param


@pytest.fixture
def user(make, hub, clock):
    return make(hub, clock)


@pytest.fixture
def append(store, make):
    """Append events that name no record, so that nothing but the position is written."""
    keys, body = (f"e{n}" for n in range(1000)), body_of({"n": 1}, owner=None, source="s")

    def put(key):
        store.transact(lambda tx: tx.append(make.channel, key, body))

    def append(count):
        for _ in range(count):
            put(next(keys))

    return append


def position(user):
    place = user.log.load()
    return None if place is None else place.body[user.log.field]


def test_it_begins_once_at_the_end_of_the_log(user, append, store):
    assert position(user) is None
    append(3)
    user.begin()
    first = position(user)
    assert first == store.last(user.channel) and not user.log.read(user.log.load(), 10)
    append(2)
    user.begin()
    assert position(user) in (first, store.last(user.channel))
    assert store.transact(lambda tx: user.log.start(tx, 0)) is False and position(user) >= first


def test_a_run_reads_all_that_came_in_order(user, append, store, monkeypatch):
    user.begin()
    append(45)
    place, seen = user.log.load(), []
    while events := user.log.read(place, 20):
        assert len(events) <= 20
        seen += [event.seq for event in events]
        user.log.advance(place, events[-1].seq, **{k: v for k, v in place.body.items() if k != user.log.field})
        place = user.log.load()
    assert len(seen) == 45 and seen == sorted(set(seen)) and position(user) == store.last(user.channel)


def test_of_two_that_read_the_same_only_one_advances(user, append):
    user.begin()
    append(10)
    place = user.log.load()
    beside = {k: v for k, v in place.body.items() if k != user.log.field}
    last = user.log.read(place, 10)[-1].seq
    user.log.advance(place, last, **beside)
    user.log.advance(place, last - 5, **beside)
    assert position(user) == last


@pytest.mark.parametrize("is_before", [True, False])
def test_a_kill_between_any_two_writes_neither_skips_nor_goes_back(user, append, store, is_before):
    user.begin()
    append(25)
    before = position(user)
    for limit in range(1, 10):
        with killed_at(store, limit, is_before=is_before) as fate:
            user.run()
        assert position(user) >= before
        before = position(user)
        if fate.lived:
            break
    assert fate.lived and position(user) == store.last(user.channel)


def test_two_processes_at_once_come_to_the_same_place(make, user, append, store, bus, auth, clock, ids, monkeypatch):
    """Before each write of the first, the second runs."""
    other = make(Hub(store, bus, auth, clock=clock, ids=ids), clock)
    user.begin()
    append(25)
    transact, seen = type(store).transact, []

    def interleaved(self, work):
        if len(seen) % 2 == 0:
            seen.append(position(user))
            other.run()
            seen.append(position(user))
        return transact(self, work)

    monkeypatch.setattr(type(store), "transact", interleaved)
    user.run()
    other.run()
    assert seen == sorted(seen) and position(user) == store.last(user.channel)


def test_work_that_fails_leaves_the_position(user, append, store, monkeypatch):
    user.begin()
    append(3)
    before = position(user)

    def fail(*given, **by):
        raise OSError("no disk")

    with monkeypatch.context() as patch, pytest.raises(OSError, match="no disk"):
        patch.setattr("lib.domain.bridge.projector.Projector._follow", fail)
        patch.setattr("lib.domain.notify.follower._changes", fail)
        user.run()
    assert position(user) == before
    user.run()
    assert position(user) == store.last(user.channel)
