"""Due work: what fails holds up no other, an outage ends the run, a kill or a second process loses nothing.

The same tests run for each user of it.
"""

from __future__ import annotations

import contextlib
import json
from datetime import timedelta

import pytest

from lib.domain.event.backlog import Backlog, task
from lib.domain.event.delivery import COLLECTION, Deliveries, Receiver, deliver
from lib.domain.event.due import claim, due, held, in_parts, pages
from lib.domain.event.event import News, body_of
from lib.domain.ingest.intake import Intake
from lib.domain.node.manifest import Manifests
from lib.domain.notify.scheduled_check import ScheduledChecks
from lib.errors import Unavailable, Unserved
from lib.outbound.memory import MemoryCourier
from lib.outbound.port import Answer
from lib.store.port import Scan
from tests.build import NOW
from tests.build.killed import killed_at

OLD = "2024-01-01T00:00:00.000000Z"


class Work:
    """Entries of a collection that are due, and the run that works them off."""

    collection: str
    waiting = ()
    """Conditions of entries that still wait."""
    reach = 3
    """How many entries a run looks at when its pages are cut to one."""

    def __init__(self, hub, clock, monkeypatch):
        self.hub, self.store, self.clock, self.patch = hub, hub.store, clock, monkeypatch

    def put(self, *keys):
        for key in keys:
            self.store.transact(lambda tx, key=key: tx.create(self.collection, key, self.body(key)))

    def left(self):
        return sorted(doc.key for doc in self.store.find(self.collection, Scan()).docs)

    def break_method(self, owner, name, key_of, bad):
        """Have a method fail for one entry."""
        whole = getattr(owner, name)

        def method(self, *given):
            if key_of(*given) == bad:
                raise RuntimeError("unheard of")
            return whole(self, *given)

        self.patch.setattr(owner, name, method)


class OutboxWork(Work):
    collection = "outbox"

    def body(self, key):
        return {"at": OLD, "channel": "abc", "settle": key}

    def run(self):
        self.hub.relay.repair(self.clock())

    def fail(self, bad):
        settle = self.hub.relay.settle

        def failing(ids):
            if bad in ids:
                raise RuntimeError("unheard of")
            settle(ids)

        self.hub.relay.settle = failing


class BacklogWork(Work):
    collection = "backlog"

    def body(self, key):
        return task(NOW, nodes=[key])

    def run(self):
        self.hub.projector.backlog.work(self.clock(), 1000)

    def fail(self, bad):
        self.break_method(Backlog, "_page", lambda body: body["nodes"][0], bad)


class ManifestWork(Work):
    collection = "manifest"

    def __init__(self, *given):
        super().__init__(*given)
        self.store.writes_max = 10

    def body(self, key):
        return {"id": key, "parts": 0, "done": 0, "line": [key], "at": OLD}

    def run(self):
        self.hub.manifests.sweep(self.clock())

    def fail(self, bad):
        self.break_method(Manifests, "finish", lambda key: key, bad)


class SubmissionWork(Work):
    collection = "submission"

    def body(self, key):
        text = {"version": {"major": 5, "minor": 3}, "checkouts": [{"id": f"a:{key}", "origin": "a"}]}
        more = {"sender": "x", "via": "rest", "bytes": 1, "piece": 10, "text": json.dumps(text)}
        return {"state": "pending", "received_at": OLD, **more}

    def left(self):
        return sorted(d.key for d in self.store.find("submission", Scan()).docs if d.body["state"] == "pending")

    def run(self):
        try:
            self.hub.intake.sweep(self.clock())
        except RuntimeError as error:
            assert str(error) == "unheard of", "the first failure is raised when all had their turn"

    def fail(self, bad):
        self.break_method(Intake, "resume", lambda key, now: key, bad)


class CheckWork(Work):
    """Checks of watches that are gone: each is dropped."""

    collection = "kcidb_due"

    def body(self, key):
        return {"watch": key, "kind": "tests", "id": "a:t1", "version": None, "due_at": OLD, "is_claimed": False}

    def run(self):
        ScheduledChecks(self.store, self.hub.archive, None).keep([], {}, self.clock())

    def fail(self, bad):
        self.break_method(ScheduledChecks, "_check", lambda body, *more: body["watch"], bad)


class Owner:
    """A user of webhooks that is no watch."""

    def __init__(self, id):
        self.id, self.faults = id, []

    def check(self, receiver):
        pass

    def secret(self, reference):
        return f"secret of {reference}"

    def note(self, tx, fault, now):
        self.faults.append(fault)


class Owners:
    """The sender of these."""

    def __init__(self, *ids):
        self.all = [Owner(id) for id in ids]

    def owners(self, now):
        return self.all

    def missing(self, ids, now):
        return ids - {owner.id for owner in self.all}


class DeliveryWork(Work):
    collection = COLLECTION

    def __init__(self, *given):
        super().__init__(*given)
        self.courier, self.sender = MemoryCourier(), Owners("a", "b", "c")
        self.run = lambda: Deliveries(self.store, [self.sender], self.clock, None, self.courier).run(self.clock())

    def put(self, *keys):
        for key in keys:
            news = News("abc", key, body_of({}, owner=None, source="s"))
            receiver = Receiver("webhook", f"https://{key}.example/")
            self.store.transact(lambda tx, news=news, to=receiver: deliver(tx, news.key, to, news, NOW))

    def fail(self, bad):
        self.courier.reply = lambda url: Answer(500 if f"//{bad}." in url else 204, {}, b"")


WORK = (OutboxWork, BacklogWork, ManifestWork, SubmissionWork, CheckWork, DeliveryWork)


@pytest.fixture(params=["sqlite", "firestore"])
def store_kind(request):
    return request.param


@pytest.fixture(params=WORK, ids=lambda work: work.__name__)
def work(request, hub, clock, monkeypatch):
    return request.param(hub, clock, monkeypatch)


def test_all_that_is_due_is_done(work):
    work.put("a", "b", "c")
    work.run()
    assert work.left() == []


@pytest.mark.parametrize("bad", ["a", "b", "c"])
def test_one_that_fails_holds_up_no_other_and_stays(work, bad, caplog):
    work.put("a", "b", "c")
    work.fail(bad)
    work.run()
    assert work.left() == [bad] and "failed" in caplog.text


@pytest.mark.parametrize("error", [Unavailable("out"), Unserved("no index yet"), OSError("no disk")])
@pytest.mark.parametrize("number", [1, 2, 3])
def test_an_outage_ends_the_run_and_loses_nothing(work, error, number):
    work.put("a", "b", "c")
    transact, count = work.store.transact, 0

    def failing(change):
        nonlocal count
        count += 1
        if count >= number:
            raise error
        return transact(change)

    work.store.transact = failing
    with contextlib.suppress(type(error)):
        work.run()
    del work.store.transact
    work.clock.advance(minutes=6)
    work.run()
    assert work.left() == []


@pytest.mark.parametrize("is_before", [True, False])
def test_a_kill_anywhere_loses_nothing(work, is_before):
    work.put("a", "b", "c")
    for limit in range(1, 12):
        with killed_at(work.store, limit, is_before=is_before) as fate:
            work.run()
        if fate.lived:
            break
        work.clock.advance(minutes=6)
    work.run()
    assert work.left() == [] and fate.lived


def test_two_processes_at_once(work, monkeypatch):
    """Before each write of the first, the second runs."""
    work.put("a", "b", "c")
    transact, is_inside = type(work.store).transact, False

    def interleaved(self, change):
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            work.run()
            is_inside = False
        return transact(self, change)

    monkeypatch.setattr(type(work.store), "transact", interleaved)
    work.run()
    assert work.left() == []
    if isinstance(work, DeliveryWork):
        assert len(work.courier.calls) == 3


# The parts


@pytest.fixture
def entries(store):
    def put(tx):
        for n in range(5):
            tx.create("kcidb_due", f"k{n}", {"watch": "w", "due_at": OLD, "n": n})

    store.transact(put)


def test_pages_end_with_the_scan_or_at_the_limit(store, clock, entries):
    scan = due(clock(), 2)
    assert [[doc.body["n"] for doc in docs] for docs in pages(store, "kcidb_due", scan)] == [[0, 1], [2, 3], [4]]
    assert sum(len(docs) for docs in pages(store, "kcidb_due", scan, 2)) == 4


def test_a_claim_holds_until_its_lease_ends_or_the_entry_changes(store, clock, entries):
    def ours(*keys):
        return claim(store, "kcidb_due", keys, clock(), timedelta(minutes=5), lambda body: {"n": body["n"] + 10})

    (claimed,) = ours("k1", "gone")
    assert claimed.body["n"] == 11 and ours("k1") == []
    assert [doc.key for doc in store.transact(lambda tx: held(tx, "kcidb_due", [claimed]))] == ["k1"]
    clock.advance(minutes=5)
    assert len(ours("k1")) == 1
    assert store.transact(lambda tx: held(tx, "kcidb_due", [claimed])) == []


def test_entries_are_done_together_and_apart_where_that_fails(caplog):
    tried = []

    def work(some):
        tried.append(list(some))
        if 3 in some:
            raise TypeError("three")
        return len(some)

    assert in_parts([1, 2], work, str) == 2 and tried == [[1, 2]]
    assert in_parts([1, 2, 3, 4], work, str) == 3
    assert tried[1:] == [[1, 2, 3, 4], [1, 2], [3, 4], [3], [4]] and "3 failed and is left out" in caplog.text
    assert in_parts([], work, str) == 0
