"""What only the Firestore adapter has: numbers given after the commit, sending, lost answers, large bodies, a bill."""

from __future__ import annotations

import os
import threading
from datetime import timedelta

import pytest
from google.api_core import exceptions

from lib import tally
from lib.errors import Exists, Invalid, TooLarge, Unavailable, Unserved
from lib.store import open as opening
from lib.store.firestore import client, log
from lib.store.firestore import store as adapter
from lib.store.firestore import wire as wire
from lib.store.firestore.doc import INDEXED_BYTES_MAX, INDEXED_TEXTS_MAX, PART_BYTES
from lib.store.firestore.index import PART
from lib.store.firestore.wire import name_of
from lib.store.port import BODY_BYTES_MAX, KEY_BYTES_MAX, Scan, Where
from tests.build import firestore
from tests.contracts.test_store import append, at, change, keys, node, put


@pytest.fixture
def open_here(tmp_path, ticking):
    stores = []

    def open_again():
        stores.append(firestore.open_store(firestore.database_of(str(tmp_path)), clock=ticking))
        return stores[-1]

    yield open_again
    for store in stores:
        store.close()


@pytest.fixture
def store(open_here):
    return open_here()


def keys_of(store, channel="node"):
    return [e.key for e in store.read(channel, 0, 100)]


def kill_before_numbering(store, *its_keys):
    """Commit events and end, as it were, before they have their numbers."""
    numbering, store._log.number = store._log.number, lambda fresh: None
    append(store, *its_keys)
    store._log.number = numbering


class TestNumbers:
    def test_an_event_without_a_number_is_nowhere(self, store):
        kill_before_numbering(store, "lost")
        assert store.load("event", "lost") is None and store.last("node") == 0
        assert store.find("event", Scan(order="at")).docs == [] == store.find("event", Scan(order="seq")).docs

    def test_what_was_killed_before_its_number_gets_it_from_the_sweep(self, store, open_here, ticking):
        kill_before_numbering(store, "lost", "too")
        append(store, "later")
        other = open_here()
        assert keys_of(other) == ["later"]
        assert other.repair(ticking() - timedelta(seconds=1), None) == 0
        assert other.repair(ticking(), None) == 2
        assert keys_of(other) == ["later", "lost", "too"] and other.repair(ticking(), None) == 0
        assert other.load("event", "lost").rev == 1

    def test_or_from_a_reader_at_the_end_of_the_channel(self, store, open_here, ticking):
        kill_before_numbering(store, "lost")
        assert keys_of(store) == []
        ticking.move(seconds=3)
        assert keys_of(open_here()) == ["lost"]

    def test_a_late_committer_is_numbered_behind_what_was_read(self, store, open_here):
        """A commits, and is slow to number; B commits, numbers, and is read; then A numbers."""
        other, numbering = open_here(), store._log.number
        waiting = []
        store._log.number = waiting.append
        append(store, "a")
        append(other, "b")
        (seen,) = other.read("node", 0, 10)
        numbering(waiting[0])
        assert [e.key for e in other.read("node", seen.seq, 10)] == ["a"]

    def test_what_another_numbered_first_is_left_alone(self, store, open_here, ticking):
        numbering, waiting = store._log.number, []
        store._log.number = waiting.append
        append(store, "a", "b")
        open_here().repair(ticking(), None)
        before = store.read("node", 0, 10)
        numbering(waiting[0])
        assert store.read("node", 0, 10) == before and len(before) == 2

    def test_many_writers_are_numbered_in_batches(self, store, open_here):
        stores = [store, open_here()]

        def write(t):
            for n in range(10):
                append(stores[t % 2], f"e{t}-{n}")

        threads = [threading.Thread(target=write, args=(t,)) for t in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        events = store.read("node", 0, 100)
        assert len({e.key for e in events}) == 80 == len({e.seq for e in events})
        assert [e.at for e in events] == sorted({e.at for e in events})

    def test_a_dropped_event_may_wait_for_its_number(self, store, ticking):
        numbering, waiting = store._log.number, []
        store._log.number = waiting.append
        append(store, "a", "b")
        store.transact(lambda tx: tx.drop("event", "a"))
        numbering(waiting[0])
        assert keys_of(store) == ["b"]


class TestSending:
    @pytest.fixture
    def sent(self):
        return []

    @pytest.fixture
    def publish(self, sent):
        return lambda events: sent.append([e.key for e in events])

    def test_what_was_committed_is_sent_once_in_order(self, store, publish, sent, ticking):
        assert store.start_sending()
        append(store, "a", "b")
        append(store, "c")
        append(store, "r", channel="retry")
        store.send(publish)
        assert sent == [["a", "b"], ["c"], ["r"]]
        store.send(publish)
        assert store.repair(ticking(), publish) == 0 and len(sent) == 3

    def test_a_sent_event_is_the_one_that_is_read(self, store):
        store.start_sending()
        append(store, "a", id="x")
        told = []
        store.send(told.extend)
        assert told == store.read("node", 0, 10)

    def test_what_fails_stays_for_the_sweep(self, store, open_here, publish, sent, ticking):
        def fail(events):
            raise Unavailable("no bus")

        store.start_sending()
        append(store, "a", "b")
        with pytest.raises(Unavailable):
            store.send(fail)
        other = open_here()
        other.start_sending()
        assert other.repair(ticking() - timedelta(seconds=1), publish) == 0
        ticking.move(seconds=1)
        assert other.repair(ticking(), publish) == 1
        assert sent == [["a", "b"]] and other.repair(ticking(), publish) == 0

    def test_killed_before_the_numbers_all_is_sent(self, store, open_here, publish, sent, ticking):
        store.start_sending()
        append(store, "a")
        kill_before_numbering(store, "b")
        other = open_here()
        other.start_sending()
        ticking.move(seconds=1)
        other.repair(ticking(), publish)
        assert sent == [["a"], ["b"]] and keys_of(store) == ["a", "b"]

    def test_nothing_overtakes_what_another_process_has_not_sent(
        self, store, open_here, publish, sent, ticking, monkeypatch
    ):
        monkeypatch.setattr(log, "PATIENCE_S", 0.05)
        store.start_sending()
        append(store, "a")
        other = open_here()
        other.start_sending()
        append(other, "b")
        other.send(publish)
        assert sent == [["a"], ["b"]]
        store.send(publish)
        assert sent == [["a"], ["b"], ["a"]]

    def test_during_an_outage_no_write_waits_for_what_cannot_be_sent(self, store, publish, sent, monkeypatch):
        waited, tried = [], []

        def fail(events):
            tried.append(events)
            raise Unavailable("no bus")

        monkeypatch.setattr(log, "pause", lambda *args, **more: waited.append(args))
        store.start_sending()
        for key in "abc":
            append(store, key)
            with pytest.raises(Unavailable):
                store.send(fail)
        assert len(tried) == 1 and waited == []
        monkeypatch.setattr(log, "PATIENCE_S", 0)
        append(store, "d")
        store.send(publish)
        assert sent == [["a"], ["b"], ["c"], ["d"]] and waited == []

    def test_nothing_overtakes_more_than_is_sent_at_a_time(self, store, publish, sent, monkeypatch, ticking):
        def fail(events):
            raise Unavailable("no bus")

        monkeypatch.setattr(log, "PATIENCE_S", 0)
        monkeypatch.setattr(log, "BATCH_MAX", 2)
        store.start_sending()
        for key in "abcd":
            append(store, key)
            with pytest.raises(Unavailable):
                store.send(fail)
        append(store, "e")
        with pytest.raises(Unavailable):
            store.send(publish)
        assert sent == [["a"], ["b"]]
        ticking.move(seconds=1)
        store.repair(ticking(), publish)
        assert sent == [["a"], ["b"], ["c"], ["d"], ["e"]]

    def test_it_waits_for_the_other_process_first(self, store, open_here, publish, sent):
        store.start_sending()
        append(store, "a")
        other = open_here()
        other.start_sending()
        append(other, "b")
        thread = threading.Thread(target=other.send, args=(publish,))
        thread.start()
        store.send(publish)
        thread.join()
        assert sent == [["a"], ["b"]]


class TestOutages:
    def lose_answers(self, store, monkeypatch, times=1, error=exceptions.ServiceUnavailable):
        """The next commits are carried out, and their answers lost."""
        write, left = store._database.write, [times]

        def lossy(writes, transaction=None):
            answer = write(writes, transaction)
            if left[0]:
                left[0] -= 1
                raise error("lost")
            return answer

        monkeypatch.setattr(store._database, "write", lossy)

    def test_a_commit_whose_answer_was_lost_is_found_out_about(self, store, monkeypatch):
        self.lose_answers(store, monkeypatch)
        put(store, node(1))
        assert store.load("node", "n1").rev == 1
        self.lose_answers(store, monkeypatch, error=exceptions.DeadlineExceeded)
        assert change(store, "n1", name="x") == 2
        assert store.load("node", "n1").rev == 2

    def test_an_event_of_such_a_commit_is_numbered(self, store, monkeypatch):
        self.lose_answers(store, monkeypatch, times=2)
        append(store, "a")
        assert keys_of(store) == ["a"]

    def test_nor_is_it_done_twice_when_nobody_can_tell_for_a_while(self, store, monkeypatch):
        """The line is down behind the commit: what became of it is asked once the service can be reached again."""
        call, left, lost, runs = store._database._call, [0], [], []

        def broken(method, request):
            if left[0]:
                left[0] -= 1
                raise exceptions.ServiceUnavailable("down")
            answer = call(method, request)
            if hasattr(request, "writes") and not lost:
                lost.append(request)
                left[0] = 2 * (client.READ_TRIES_MAX + 1)
                raise exceptions.ServiceUnavailable("lost")
            return answer

        def work(tx):
            runs.append(1)
            tx.create("node", "n1", node(1))
            tx.append("node", "a", {"data": {}})
            return "done"

        monkeypatch.setattr(store._database, "_call", broken)
        monkeypatch.setattr(client.time, "sleep", lambda s: None)
        assert store.transact(work) == "done" and len(runs) == 1
        assert store.load("node", "n1").rev == 1 and keys_of(store) == ["a"]

    def test_a_commit_that_did_not_happen_is_done_again(self, store, monkeypatch):
        write, runs = store._database.write, []

        def fail_once(writes, transaction=None):
            runs.append(1)
            if len(runs) == 1:
                raise exceptions.ServiceUnavailable("down")
            return write(writes, transaction)

        monkeypatch.setattr(store._database, "write", fail_once)
        put(store, node(1))
        assert store.load("node", "n1").rev == 1 and len(runs) == 2

    def test_a_service_that_stays_away_is_unavailable(self, store, monkeypatch):
        def down(*args, **more):
            raise exceptions.ServiceUnavailable("down")

        monkeypatch.setattr(store._database, "_call", down)
        monkeypatch.setattr(client.time, "sleep", lambda s: None)
        for use in (
            lambda: store.load("node", "a"),
            lambda: store.count("node", ()),
            lambda: store.read("node", 0, 1),
            lambda: put(store, node(1)),
            lambda: change(store, "n1"),
        ):
            with pytest.raises(Unavailable):
                use()

    def test_a_number_that_cannot_be_given_leaves_the_commit(self, store, open_here, monkeypatch, ticking):
        write = store._database.write

        def no_numbers(writes, transaction=None):
            if writes[0].update_mask.field_paths:
                raise exceptions.ServiceUnavailable("down")
            return write(writes, transaction)

        monkeypatch.setattr(store._database, "write", no_numbers)
        monkeypatch.setattr(log, "TRIES_MAX", 2)
        append(store, "a")
        other = open_here()
        other.repair(ticking(), None)
        assert keys_of(other) == ["a"]

    def test_an_index_that_is_missing_is_named(self, store):
        with pytest.raises(Unserved, match="index"):
            store._database.find(wire.query("node", (), (("name", False), ("group", False))))


class TestLargeBodies:
    def parts(self, store):
        query = wire.query(PART, (), ())
        query.from_[0].all_descendants = True
        return len(store._database.find(query))

    def test_parts_come_and_go_with_their_document(self, store):
        put(store, node(1, text="é" * PART_BYTES))
        assert self.parts(store) == 2
        assert store.load("node", "n1").body["text"] == "é" * PART_BYTES
        assert change(store, "n1", text="x" * PART_BYTES) == 2 and self.parts(store) == 1
        assert keys(store.find("node", Scan(order="received_at"))) == ["n1"]
        assert change(store, "n1", text="x") == 3 and self.parts(store) == 0
        change(store, "n1", text="x" * PART_BYTES)
        store.transact(lambda tx: tx.load("node", "n1") and tx.drop("node", "n1"))
        assert self.parts(store) == 0

    def test_a_reader_never_takes_parts_of_two_revisions(self, store, open_here, monkeypatch):
        put(store, node(1, text="a" * PART_BYTES * 2))
        reader = open_here()
        get, changed = reader._database.get, []

        def slow(paths, transaction=None):
            wanted = list(paths)
            if not changed and any(f"/{PART}/" in p for p in wanted):
                changed.append(change(store, "n1", text="b" * PART_BYTES * 2))
            return get(wanted, transaction)

        monkeypatch.setattr(reader._database, "get", slow)
        assert set(reader.load("node", "n1").body["text"]) == {"b"} and changed == [2]

    def test_nor_of_two_documents_that_had_its_key(self, store, open_here, monkeypatch):
        put(store, node(1, text="a" * PART_BYTES))
        reader = open_here()
        get, changed = reader._database.get, []

        def slow(paths, transaction=None):
            wanted = list(paths)
            if not changed and any(f"/{PART}/" in p for p in wanted):
                changed.append(1)
                store.transact(lambda tx: tx.load("node", "n1") and tx.drop("node", "n1"))
                put(store, node(1, text="b" * PART_BYTES))
            return get(wanted, transaction)

        monkeypatch.setattr(reader._database, "get", slow)
        assert set(reader.load("node", "n1").body["text"]) == {"b"}

    def test_events_too(self, store):
        append(store, "a", text="x" * PART_BYTES)
        (event,) = store.read("node", 0, 10)
        assert event.body["data"] == {"text": "x" * PART_BYTES}

    def test_a_part_expires_after_its_document_or_that_could_not_be_read(self, store):
        append(store, "a", text="x" * PART_BYTES)
        (main,) = store._database.find(wire.query("event", (), ()))
        query = wire.query(PART, (), ())
        query.from_[0].all_descendants = True
        (part,) = store._database.find(query)
        expire_at = [d.fields["expire_at"].timestamp_value.ToDatetime() for d in (main, part)]
        assert expire_at[1] - expire_at[0] >= timedelta(days=2)

    def test_one_transaction_holds_what_one_commit_does(self, store):
        half = {"text": "x" * (BODY_BYTES_MAX * 6 // 10)}
        with pytest.raises(TooLarge):
            put(store, node(1, **half), node(2, **half))
        large = {"text": "x" * 10_000, "path": [f"p{n}" for n in range(20)], "ancestors": [f"a{n}" for n in range(30)]}
        bodies = [node(n, **large) for n in range(400)]
        fit = store.bytes_max // store.weigh("node", "n100", bodies[100])
        assert 150 < fit < 400
        put(store, *bodies[:fit])

    def test_what_is_indexed_of_one_document_is_bounded(self, store):
        with pytest.raises(Invalid):
            put(store, node(1, path=[f"{n:0500}" for n in range(INDEXED_BYTES_MAX // 500)]))
        with pytest.raises(Invalid):
            put(store, node(1, path=[f"{n}" for n in range(INDEXED_TEXTS_MAX + 1)]))
        put(store, node(1, path=[f"{n}" for n in range(INDEXED_TEXTS_MAX)]))


class TestCost:
    @pytest.fixture
    def bill(self, store):
        """What a piece of work cost: as the store counted it, which must be what the service would bill."""
        if os.environ[firestore.HOST] != firestore.server().address:
            pytest.skip("another emulator has no meter")

        def measure(work):
            before = firestore.server().meter.bill()
            counted = tally.Tally()
            token = tally.begin(counted)
            work()
            tally.end(token)
            billed = firestore.server().meter.bill() - before
            assert (counted.reads, counted.writes, counted.deletes) == (billed.reads, billed.writes, billed.deletes)
            return counted.reads, counted.writes, counted.deletes

        return measure

    def test_the_tally_is_the_bill(self, store, bill, ticking):
        assert bill(lambda: put(store, node(1), node(2), node(3))) == (0, 3, 0)
        assert bill(lambda: store.load("node", "n1")) == (1, 0, 0)
        assert bill(lambda: store.load("node", "n9")) == (1, 0, 0)
        assert bill(lambda: store.load_many("node", ["n1", "n1", "n9"])) == (2, 0, 0)
        assert bill(lambda: store.find("node", Scan(order="received_at", limit=1))) == (2, 0, 0)
        assert bill(lambda: store.find("node", Scan(order="received_at", skip=2))) == (3, 0, 0)
        assert bill(lambda: store.find("node", Scan((Where("name", "==", "x"),), "received_at"))) == (1, 0, 0)
        assert bill(lambda: store.count("node", ())) == (1, 0, 0)
        assert bill(lambda: store.transact(lambda tx: tx.drop("node", "n3"))) == (0, 0, 1)
        assert bill(lambda: change(store, "n1", name="x")) == (1, 1, 0)
        assert bill(lambda: append(store, "a")) == (1, 2, 0)
        assert bill(lambda: append(store, "b", "c")) == (1, 4, 0)
        assert bill(lambda: store.read("node", 0, 10)) == (3, 0, 0)
        assert bill(lambda: store.last("node")) == (1, 0, 0)
        assert bill(lambda: store.repair(ticking(), None)) == (1, 0, 0)

    def test_sending_costs_one_write_a_batch(self, store, bill):
        store.start_sending()
        assert bill(lambda: append(store, "a", "b")) == (1, 4, 0)
        assert bill(lambda: store.send(lambda events: None)) == (0, 1, 0)


def test_names_of_neighbouring_keys_are_far_apart_and_fit():
    names = [name_of(f"{n:024x}") for n in range(100)]
    assert len({n[:4] for n in names}) > 90 and sorted(names) != names
    assert len(name_of("k" * KEY_BYTES_MAX)) <= KEY_BYTES_MAX
    assert name_of("é" * 750) != name_of("é" * 749 + "ab")


@pytest.mark.parametrize("url", ["firestore://", "firestore://p", "firestore://demo-x/", "firestore://demo-x/a/b"])
def test_a_url_that_names_no_database_is_refused(url):
    with pytest.raises(Invalid, match="HUB_STORE"):
        opening.open_store(url)


def test_a_url_opens_its_database(tmp_path):
    firestore.with_host()
    store = opening.open_store(firestore.url_of(firestore.database_of(str(tmp_path))))
    put(store, {"id": "a"})
    with pytest.raises(Exists):
        put(store, {"id": "a"})
    store.close()


def test_after_a_fork_it_is_refused(store):
    store._refusal = None
    try:
        adapter._refuse_after_fork()
        with pytest.raises(RuntimeError, match="fork"):
            store.load("node", at(1))
    finally:
        store._refusal = None
