"""What watches may cost over Firestore, as its stand-in bills it: nothing much while nobody watches."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks import cost
from tests.build import firestore
from tests.build.ready import BUILD, CHECKOUT, TEST, Merges


@pytest.fixture
def desk():
    desk = cost.Desk()
    if os.environ[firestore.HOST] != firestore.server().address:
        pytest.skip("another emulator has no meter")
    yield desk
    desk.close()


@pytest.fixture
def merge(desk):
    return Merges(desk.store, desk.clock)


def patrol(desk):
    def run():
        desk.hub.readiness_follower.sweep(desk.clock())
        desk.hub.deliveries.sweep(desk.clock())

    desk.clock.advance(seconds=2)
    return desk.cost(run)


def watch(desk, purpose, **more):
    desk.ask("POST /kcidb/watches", {"purpose": purpose, "action": {"event": True}, **more}, status=201)


def test_nobody_watches(desk, merge):
    merge(("tests", TEST))
    assert (patrol(desk).reads, patrol(desk).writes) == (1, 0)


def test_nothing_to_do(desk):
    watch(desk, "history")
    patrol(desk)
    idle = patrol(desk)
    assert idle.reads <= 6 and idle.writes == 0


def test_a_changed_object_costs_a_read_or_two_for_each_watch(desk, merge):
    for purpose in ("history", "triage", "report"):
        watch(desk, purpose)
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    merge(*(("tests", {**TEST, "id": f"a:t{n}"}) for n in range(20)))
    first = patrol(desk)
    # 20 tests ready for two, a build for one: each is told by a record and an event, written once more when it is sent.
    assert first.writes <= 3 * 41 + 10 and first.reads <= 41 * 3 + 100
    merge(*(("tests", {**TEST, "id": f"a:t{n}", "comment": "more"}) for n in range(20)))
    again = patrol(desk)
    # The tests, their parents once, whether they were told of; nothing to tell.
    assert again.reads <= 20 * 3 + 25 and again.writes <= 2
