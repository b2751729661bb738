"""The watchman over a store: who is told of what, when, how often; over both stores."""

from __future__ import annotations

from importlib import import_module

import pytest

from lib.domain.event.event import READY_CHANNEL, body_of
from lib.domain.hub import Hub
from lib.domain.notify import follower as module
from lib.domain.notify.notification import VERDICTS_MAX
from lib.domain.readiness.readiness import Report
from lib.domain.report.canonical import digest
from lib.errors import Forbidden, Invalid, NotFound, Unavailable, Unserved
from lib.outbound.memory import MemoryCourier, MemoryPost
from tests.build import register
from tests.build.killed import killed_at
from tests.build.ready import BUILD, CHECKOUT, INCIDENT, ISSUE, TEST, Merges, without

EVENT = {"event": True}


@pytest.fixture(params=["sqlite", "firestore"])
def store_kind(request):
    return request.param


@pytest.fixture
def hub(store, bus, auth, clock, ids):
    return Hub(store, bus, auth, clock=clock, ids=ids, post=MemoryPost(), courier=MemoryCourier())


@pytest.fixture
def bob(hub):
    return register(hub.accounts, "bob")


@pytest.fixture
def merge(store, clock):
    return Merges(store, clock)


@pytest.fixture
def watch(hub, bob, clock):
    """Make a watch of bob's."""

    def make(purpose, filter=None, action=EVENT, actor=None):
        return hub.watches.make(actor or bob, {"purpose": purpose, "filter": filter or {}, "action": action}, clock())

    return make


@pytest.fixture
def heard(hub, clock):
    """What was told since the last time: (op, id) of each event, after a round of the watchman."""
    position = 0

    def hear(**by):
        nonlocal position
        clock.advance(**by)
        hub.readiness_follower.sweep(clock())
        events = hub.store.read(READY_CHANNEL, position, 1000)
        position = events[-1].seq if events else position
        hear.events = events
        return [(e.body["data"]["op"], e.body["data"]["id"]) for e in events]

    return hear


def test_nobody_watches_and_nothing_is_read(hub, merge, heard, clock, monkeypatch):
    merge(("tests", TEST))
    assert heard() == []
    monkeypatch.setattr(hub.store, "find", None)
    monkeypatch.setattr(hub.store, "load", None)
    assert hub.readiness_follower.sweep(clock()) == hub.deliveries.sweep(clock()) == 0


def test_a_watch_hears_of_what_comes_after_it(merge, watch, heard):
    merge(("tests", {**TEST, "id": "a:old"}))
    watch("result")
    merge(("tests", TEST), ("tests", without({**TEST, "id": "a:t2"}, "status")))
    assert heard() == [("ready", "a:t1")]
    merge(("tests", {**TEST, "comment": "more"}), ("tests", {**TEST, "id": "a:t2"}))
    assert heard() == [("ready", "a:t2")]
    # One that was ready before the watch began is told of when it changes.
    merge(("tests", {**TEST, "id": "a:old", "comment": "more"}))
    assert heard() == [("ready", "a:old")]
    assert heard() == []


def test_the_event_says_what_it_is_of(merge, watch, heard, bob):
    made = watch("triage")
    merge(("tests", TEST))
    assert heard() == [("ready", "a:t1")]
    (event,) = heard.events
    assert (event.body["type"], event.body["owner"]) == ("org.kernelci.kcidb.ready.v1", "bob")
    assert event.body["data"] == {
        "op": "ready", "watch": made.id, "purpose": "triage", "kind": "tests", "id": "a:t1", "is_ready": True,
        "by_timeout": False, "verdict": {"status": "FAIL"}, "digest": digest(TEST),
        "summary": {
            "origin": "a", "build_id": "a:b1", "path": "ltp.sem01", "environment.misc.platform": "rpi4",
            "environment.compatible": ["raspberrypi,4"], "status": "FAIL", "log_url": "https://logs.example/t1",
        },
    }  # fmt: skip


def test_an_arriving_parent_makes_what_waits_ready(merge, watch, heard):
    watch("linked", {"kind": "tests"})
    watch("history")
    merge(("tests", TEST), ("tests", {**TEST, "id": "a:t2"}))
    merge(("builds", without(BUILD, "config_name")))
    assert heard() == []
    merge(("checkouts", CHECKOUT))
    assert sorted(heard()) == [("ready", "a:t1"), ("ready", "a:t2")]
    # Already linked: what the build says matters to `history` alone.
    merge(("builds", BUILD))
    assert sorted(heard()) == [("ready", "a:t1"), ("ready", "a:t2")]
    assert {e.body["data"]["purpose"] for e in heard.events} == {"history"}


def test_what_is_below_is_looked_at_page_by_page(hub, merge, watch, heard, clock, monkeypatch):
    monkeypatch.setattr(module, "CHILDREN_AT_ONCE", 2)
    monkeypatch.setattr(module, "STEPS_MAX", 3)
    watch("linked", {"kind": "tests"})
    tests = {f"a:t{b}.{t}": f"a:b{b}" for b in range(3) for t in range(5)}
    merge(*(("builds", {**BUILD, "id": f"a:b{b}"}) for b in range(3)))
    merge(*(("tests", {**TEST, "id": id, "build_id": build}) for id, build in tests.items()))
    assert heard() == []
    merge(("checkouts", CHECKOUT))
    told = []
    for _ in range(12):
        # Another process each time: all that is known is in the store.
        told += heard()
    assert sorted(told) == sorted(("ready", id) for id in tests)
    assert hub.store.load("cursor", "watchman").body["waiting"] == []


def test_a_filter_says_which(merge, watch, heard):
    watch("result", {"origin": "a", "status": ["FAIL", "ERROR"], "kind": "tests", "checkout.tree_name": "mainline",
                     "build.architecture": ["arm64", "arm"], "environment.compatible": "raspberrypi,4"})  # fmt: skip
    others = [
        {"id": "a:t2", "status": "PASS"}, {"id": "a:t3", "environment": {"compatible": ["x"]}},
        {"id": "a:t4", "build_id": "a:b9"}, {"id": "b:t5", "origin": "b"}, {"id": "a:t6", "build_id": "a:b2"},
    ]  # fmt: skip
    merge(("builds", BUILD), ("builds", {**BUILD, "id": "a:b2", "architecture": "x86_64"}))
    merge(("tests", TEST), *(("tests", {**TEST, **other}) for other in others))
    # Of no tree yet: the filter waits for the checkout, as a purpose would.
    assert heard() == []
    merge(("checkouts", without(CHECKOUT, "tree_name")))
    assert heard() == []
    merge(("checkouts", CHECKOUT))
    assert heard() == [("ready", "a:t1")]


def test_another_verdict_is_told_once(merge, watch, heard):
    watch("triage", {"status": "FAIL"})
    merge(("tests", TEST))
    assert heard() == [("ready", "a:t1")]
    merge(("tests", {**TEST, "comment": "more"}))
    assert heard() == []
    for _ in range(2):
        merge(("tests", {**TEST, "status": "PASS"}))
        expected = [("corrected", "a:t1")] if _ == 0 else []
        assert heard() == expected
        if expected:
            (event,) = heard.events
            assert (event.body["data"]["verdict"], event.body["data"]["is_ready"]) == ({"status": "PASS"}, False)
    # It heard of this one at first.
    merge(("tests", TEST))
    assert heard() == []
    merge(("tests", {**TEST, "status": "ERROR"}))
    assert heard() == [("corrected", "a:t1")]


def test_a_verdict_is_no_news_where_it_was_not_asked_for(merge, watch, heard):
    watch("listed")
    watch("linked", {"kind": "tests"})
    merge(("checkouts", CHECKOUT), ("builds", BUILD), ("tests", TEST))
    assert sorted(heard()) == [("ready", "a:c1"), ("ready", "a:t1")]
    merge(("checkouts", {**CHECKOUT, "valid": False}), ("tests", {**TEST, "status": "PASS"}))
    assert heard() == []


def test_of_one_object_there_is_a_most_of_corrections(merge, watch, heard, monkeypatch):
    monkeypatch.setattr("lib.domain.notify.notification.VERDICTS_MAX", 2)
    watch("result")
    told = []
    for status in ("PASS", "FAIL", "MISS"):
        merge(("tests", {**TEST, "status": status}))
        told += heard()
    assert [op for op, _ in told] == ["ready", "corrected"] and VERDICTS_MAX == 20


def test_quiet_makes_complete(merge, watch, heard, hub):
    watch("builds-complete")
    watch("report")
    merge(("checkouts", CHECKOUT), ("builds", BUILD), ("tests", TEST))
    assert heard() == []
    assert heard(minutes=59) == []
    merge(("builds", {**BUILD, "id": "a:b2", "status": "PASS"}))
    assert heard(minutes=59) == []
    assert heard(minutes=1) == [("ready", "a:c1")]
    (event,) = heard.events
    assert (event.body["data"]["by_timeout"], event.body["data"]["purpose"]) == (True, "builds-complete")
    assert heard(minutes=119) == []
    assert heard(minutes=1) == [("ready", "a:c1")]
    (event,) = heard.events
    verdict = {"valid": True, "builds": {"FAIL": 1, "PASS": 1}, "tests": {"FAIL": 1}}
    assert event.body["data"]["verdict"] == verdict
    # Nothing is looked at any more.
    assert hub.store.count("kcidb_due", ()) == 0
    # A later result is told once all is quiet again.
    merge(("tests", {**TEST, "id": "a:t2", "status": "PASS"}))
    assert heard(hours=2) == []
    assert heard(hours=1) == [("corrected", "a:c1")]
    assert hub.store.count("kcidb_due", ()) == 0


def test_an_origin_may_say_that_it_is_done(merge, watch, heard):
    watch("builds-complete")
    merge(("builds", without(BUILD, "status")))
    merge(("checkouts", {**CHECKOUT, "origin_builds_finish_time": CHECKOUT["start_time"]}))
    assert heard() == [("ready", "a:c1")]
    assert heard.events[0].body["data"]["by_timeout"] is False


def test_a_child_without_status_holds_it_up_until_it_has_one(merge, watch, heard, hub):
    watch("builds-complete")
    merge(("checkouts", CHECKOUT), ("builds", without(BUILD, "status")))
    assert heard(hours=2) == []
    assert heard(hours=2) == []
    assert hub.store.count("kcidb_due", ()) == 0
    merge(("builds", BUILD))
    assert heard() == []
    assert heard(hours=1) == [("ready", "a:c1")]


def test_a_burst_costs_one_appointment(merge, watch, heard, hub):
    watch("tests-complete")
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    for n in range(5):
        merge(("tests", {**TEST, "id": f"a:t{n}"}))
        heard(minutes=1)
    (due,) = hub.store.find("kcidb_due", module.Scan()).docs
    assert due.rev == 1


def test_links_of_issues(merge, watch, heard):
    watch("issue-link", {"checkout.tree_name": "mainline"})
    merge(("incidents", INCIDENT))
    merge(("issues", ISSUE))
    merge(("tests", TEST))
    assert heard() == []
    merge(("builds", BUILD), ("checkouts", CHECKOUT))
    assert heard() == [("ready", "a:n1")]
    merge(("incidents", {**INCIDENT, "present": False}))
    assert heard() == [("corrected", "a:n1")]


def test_an_operators_purpose_is_watched(hub, merge, watch, heard, clock):
    needs = {"tests": [{"field": "status"}, {"settled": "self"}]}
    hub.purposes.define({"name": "still", "settle_s": 60, "needs": needs}, clock())
    made = watch("still")
    merge(("tests", TEST))
    assert heard() == []
    assert heard(seconds=60) == [("ready", "a:t1")]
    with pytest.raises(Exception, match="in use"):
        hub.purposes.drop("still")
    hub.watches.drop(hub.accounts.get(made.user_id).as_actor(), made.id)
    hub.purposes.drop("still")


def test_events_of_another_kind_are_passed_over(hub, merge, watch, heard, clock, ids):
    def tell(data: object) -> None:
        hub.store.transact(lambda tx: tx.append("kcidb", ids.event(), body_of(data, owner=None, source="s")))

    watch("result")
    tell("a text")
    good = {"kind": "tests", "id": "a:t9", "is_new": True}
    others = [1, {}, {**good, "id": 1}, {**good, "kind": "trees"}, {**good, "kind": ["tests"]}, {**good, "version": 1},
              {**good, "kind": "issues"}, {**good, "kind": "issues", "version": True}, good]  # fmt: skip
    for objects in ([], None, 1, {"a": 1}, others):
        tell({"objects": objects})
    merge(("tests", TEST))
    assert heard() == [("ready", "a:t1")]


def test_an_appointment_of_a_watch_that_another_process_made_just_now_is_kept(
    hub, merge, watch, heard, store, bus, auth, clock, ids
):
    watch("linked")
    behind = Hub(store, bus, auth, clock=clock, ids=ids)
    behind.watches.standing(clock())
    watch("builds-complete")
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    assert heard() == [("ready", "a:b1")]
    # It is due, and another run comes that still thinks what it thought a while ago.
    clock.advance(hours=1)
    behind.watches._known = clock(), behind.watches._known[1]
    assert behind.readiness_follower.sweep(clock()) == 0
    assert heard(minutes=1) == [("ready", "a:c1")]


@pytest.mark.parametrize(
    ("place", "name", "kinds"),
    [
        ("follower", "evaluate", ["checkouts"]),
        ("scheduled_check", "evaluate", ["builds"]),
        ("notification", "_data", []),
    ],
)
def test_an_object_that_it_fails_over_keeps_no_other_from_its_turn(
    hub, merge, watch, heard, monkeypatch, caplog, place, name, kinds
):
    watch("result", {"kind": "builds"})
    watch("builds-complete")
    real = getattr(import_module(f"lib.domain.notify.{place}"), name)

    def fail(*given, **by):
        reports = [getattr(one, "report", one) for one in given]
        if any(isinstance(one, Report) and one.fields["id"] == "a:bad" for one in reports):
            raise KeyError("unheard of")
        return real(*given, **by)

    monkeypatch.setattr(f"lib.domain.notify.{place}.{name}", fail)
    merge(("checkouts", {**CHECKOUT, "id": "a:bad"}), ("builds", {**BUILD, "id": "a:bad", "checkout_id": "a:bad"}))
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    told = []
    for _ in range(3):
        heard(minutes=31)
        told += [(e.body["data"]["kind"], e.body["data"]["id"]) for e in heard.events]
    assert sorted(told) == sorted([("builds", "a:b1"), ("checkouts", "a:c1"), *((kind, "a:bad") for kind in kinds)])
    assert "unheard of" in caplog.text


@pytest.mark.parametrize("error", [Unavailable("out"), Unserved("no index yet"), OSError("no disk")])
@pytest.mark.parametrize("place", ["follower.evaluate", "scheduled_check.evaluate", "notification._data"])
def test_what_no_object_is_to_blame_for_ends_the_run_and_loses_nothing(merge, watch, heard, monkeypatch, place, error):
    def fail(*given, **by):
        raise error

    watch("builds-complete")
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    if not place.startswith("follower"):
        assert heard() == []
    with monkeypatch.context() as patch, pytest.raises(type(error)):
        patch.setattr(f"lib.domain.notify.{place}", fail)
        heard(hours=1)
    assert heard(minutes=5) + heard(hours=1) == [("ready", "a:c1")]


def test_two_rounds_at_once_are_one(merge, watch, heard, store, bus, auth, clock, ids, monkeypatch):
    """Before each write of the first, the second goes its whole round."""
    watch("result")
    watch("report")
    other, transact = Hub(store, bus, auth, clock=clock, ids=ids), type(store).transact
    is_inside = False

    def interleaved(self, work):
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            other.readiness_follower.run(clock())
            is_inside = False
        return transact(self, work)

    merge(("checkouts", CHECKOUT), ("builds", BUILD), ("tests", TEST))
    monkeypatch.setattr(type(store), "transact", interleaved)
    told = heard() + heard(hours=3)
    assert sorted(told) == [("ready", "a:b1"), ("ready", "a:c1"), ("ready", "a:c1"), ("ready", "a:t1")]


def test_too_many_pages_are_left_out_aloud(merge, watch, heard, monkeypatch, caplog):
    monkeypatch.setattr(module, "WAITING_MAX", 1)
    watch("linked", {"kind": "tests"})
    merge(*(("builds", {**BUILD, "id": f"a:b{n}"}) for n in range(3)))
    merge(*(("tests", {**TEST, "id": f"a:t{n}", "build_id": f"a:b{n}"}) for n in range(3)))
    assert heard() == []
    merge(("checkouts", CHECKOUT))
    assert len(heard()) == 1 and "2 pages of children are left out" in caplog.text


# Watches themselves.


def test_whose_watch_it_is(hub, watch, bob):
    eve, admin = register(hub.accounts, "eve"), register(hub.accounts, "admin", is_superuser=True)
    mine, hers = watch("result"), watch("report", actor=eve)
    assert [w.id for w in hub.watches.find(bob)] == [mine.id]
    assert [w.id for w in hub.watches.find(admin)] == [mine.id, hers.id]
    for id in (hers.id, "nothing", "a/b"):
        with pytest.raises(NotFound):
            hub.watches.get(bob, id)
        with pytest.raises(NotFound):
            hub.watches.drop(bob, id)
    hub.watches.drop(admin, hers.id)
    assert [w.id for w in hub.watches.find(admin)] == [mine.id]


@pytest.mark.parametrize(("data", "path", "words"), [
    ({"purpose": "nothing"}, "purpose", "there are linked"),
    ({"filter": {"statsu": "x"}}, "filter.statsu", "did you mean status"),
    ({"filter": {"kind": "issues"}}, "filter.kind", "says nothing of issues"),
    ({"filter": {"kind": "checkouts", "status": "PASS"}}, "filter.status", "no field"),
    ({"filter": {"kind": "tests", "tree_name": "x"}}, "filter.tree_name", "checkout.tree_name"),
    ({"filter": {"kind": "builds", "test.path": "x"}}, "filter.test.path", "no test is above builds"),
    ({"filter": {"checkout.status": "x"}}, "filter.checkout.status", "no field"),
    ({"filter": {"status": []}}, "filter.status", "1 to 50"),
    ({"filter": {"status": [1.5]}}, "filter.status[0]", "whole number"),
    ({"filter": {f"misc.{n}": 1 for n in range(21)}}, "filter", "at most 20"),
    ({"action": {"webhook": "https://hooks.invalid/"}}, "action.webhook", "may not be called"),
    ({"action": {"webhook": "https://a.example/", "secret": "x" * 501}}, "action.secret", "at most 500"),
    ({"action": {"mail": "bob"}}, "action.mail", "address"), ({"action": {"mail": "a@b\nc"}}, "action.mail", "address"),
])  # fmt: skip
def test_a_fault_is_named_by_its_path(hub, bob, clock, data, path, words):
    with pytest.raises(Invalid) as caught:
        hub.watches.make(bob, {"purpose": "result", "filter": {}, "action": EVENT, **data}, clock())
    assert caught.value.path == path and words in caught.value.message


def test_mail_goes_to_ones_own_verified_address(hub, watch, bob):
    assert watch("result", action={"mail": "BOB@kernelci.org"}).target == "BOB@kernelci.org"
    unverified = register(hub.accounts, "eve", is_verified=False)
    for actor, address in ((bob, "eve@kernelci.org"), (unverified, "eve@kernelci.org")):
        with pytest.raises(Forbidden):
            watch("result", action={"mail": address}, actor=actor)
    admin = register(hub.accounts, "admin", is_superuser=True)
    assert watch("result", action={"mail": "list@example.org"}, actor=admin).is_free


def test_without_the_means_nothing_is_promised(store, bus, auth, clock, ids):
    hub = Hub(store, bus, auth, clock=clock, ids=ids)
    actor = register(hub.accounts, "bob")
    for action in ({"mail": "bob@kernelci.org"}, {"webhook": "https://a.example/"}):
        with pytest.raises(Invalid, match="from here"):
            hub.watches.make(actor, {"purpose": "result", "filter": {}, "action": action}, clock())


def test_there_is_a_most(watch, hub, monkeypatch):
    monkeypatch.setattr("lib.domain.notify.watch.WATCHES_PER_USER_MAX", 2)
    monkeypatch.setattr("lib.domain.notify.watch.WATCHES_MAX", 3)
    eve = register(hub.accounts, "eve")
    watch("result"), watch("result")
    with pytest.raises(Invalid, match="a user has at most 2"):
        watch("result")
    watch("result", actor=eve)
    with pytest.raises(Invalid, match="there are 3"):
        watch("result", actor=eve)


def test_a_new_first_watch_begins_anew(hub, merge, watch, heard, bob):
    first = watch("result")
    merge(("tests", TEST))
    hub.watches.drop(bob, first.id)
    watch("result")
    assert heard() == []


@pytest.mark.parametrize("is_before", [True, False], ids=["before a commit", "after a commit"])
def test_killed_anywhere_it_tells_the_same(
    hub, merge, watch, heard, clock, store, bus, auth, ids, is_before, monkeypatch
):
    """The n-th write of a round is the last of its process, for every n; the next process goes on. What was being kept
    then is kept once its lease has run out."""
    monkeypatch.setattr(module, "CHILDREN_AT_ONCE", 2)
    monkeypatch.setattr("lib.domain.notify.notification.FIRED_AT_ONCE", 2)
    watch("linked", {"kind": "tests"})
    watch("triage")
    watch("report")
    tests = [{**TEST, "id": f"a:t{n}"} for n in range(5)]
    merge(*(("tests", test) for test in tests))
    merge(("builds", BUILD))
    merge(("checkouts", CHECKOUT))
    deaths = 0

    def run(hub, limit):
        """One process; whether it lived."""
        with killed_at(store, limit, is_before=is_before) as fate:
            hub.readiness_follower.sweep(clock())
        return fate.lived

    for hours in (0, 3):
        clock.advance(hours=hours)
        lived = [
            run(Hub(store, bus, auth, clock=clock, ids=ids), limit)
            for limit in range(1, 14)
            if clock.advance(minutes=5)
        ]
        deaths += lived.count(False)
        assert lived[-1]
    expected = [(f"a:t{n}", p) for n in range(5) for p in ("linked", "triage")] + [
        ("a:b1", "triage"),
        ("a:c1", "report"),
    ]
    heard()
    assert sorted((e.body["data"]["id"], e.body["data"]["purpose"]) for e in heard.events) == sorted(expected)
    assert deaths > 5 and store.count("kcidb_due", ()) == 0


def test_a_hundred_at_once(hub, bob, merge, watch, heard):
    """As many as one transaction tells of, and more, each with its event and its delivery."""
    watch("result", action={"webhook": "https://ci.example/"})
    tests = [{**TEST, "id": f"a:t{n}"} for n in range(120)]
    merge(*(("tests", test) for test in tests))
    assert len(heard()) == 120 and hub.store.count("kcidb_delivery", ()) == 120


def test_many_reports_are_looked_at_in_steps(merge, watch, heard, monkeypatch):
    monkeypatch.setattr(module, "OBJECTS_AT_ONCE", 2)
    monkeypatch.setattr("lib.domain.readiness.relatives.PARENTS_MAX", 2)
    watch("history")
    merge(("checkouts", CHECKOUT), ("builds", BUILD))
    for n in range(5):
        merge(("tests", {**TEST, "id": f"a:t{n}"}), ("tests", {**TEST, "id": f"a:u{n}"}))
    assert len(heard()) == 10
