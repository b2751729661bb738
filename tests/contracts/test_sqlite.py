"""What only the SQLite adapter has: group commit, rehearsal, upgrades of the file, processes, the cost of scans."""

from __future__ import annotations

import multiprocessing
import os
import resource
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from lib.clock import stamp
from lib.errors import Exists, Invalid, Unavailable
from lib.store import collection
from lib.store.collection import Collection, Field, FieldType, Shape
from lib.store.indexes import COLLECTIONS
from lib.store.open import open_store
from lib.store.port import Scan, Where
from lib.store.sqlite import scan
from lib.store.sqlite import store as adapter
from lib.store.sqlite.store import SqliteStore
from tests.contracts.test_store import at, keys, node, put


@pytest.fixture
def path(tmp_path):
    return str(tmp_path / "store.db")


@pytest.fixture
def opened(path):
    """Opens stores that the test need not close."""
    stores = []

    def open_one(path=path, **options):
        stores.append(SqliteStore(path, **options))
        return stores[-1]

    yield open_one
    for store in stores:
        store.close()


def test_generation_changes_only_with_a_commit(opened):
    store, other = opened(), opened()
    before = store.generation()
    put(other, {"id": "a"})
    quiet = store.generation()
    assert quiet != before
    store.find("node", Scan())
    store.transact(lambda tx: tx.load("node", "a"))
    with pytest.raises(Exists):
        put(store, {"id": "a"})
    assert store.generation() == quiet


class TestGroupCommit:
    def hold(self, store):
        """Keeps the writer busy until the given function is called, so that what comes next shares a batch."""
        inside, go = threading.Event(), threading.Event()

        def work(tx):
            inside.set()
            go.wait(60)

        def keep_busy():
            with suppress(Unavailable):
                store.transact(work)

        thread = threading.Thread(target=keep_busy)
        thread.start()
        inside.wait(60)
        return lambda: (go.set(), thread.join())

    def together(self, store, *works):
        """The outcomes of works that share one batch: what each gave or raised."""
        release = self.hold(store)
        outcomes = [None] * len(works)

        def run(place, work):
            try:
                outcomes[place] = store.transact(work)
            except Exception as error:
                outcomes[place] = error

        threads = [threading.Thread(target=run, args=item) for item in enumerate(works)]
        for place, thread in enumerate(threads):
            thread.start()
            while len(store._writer._waiting) <= place:
                time.sleep(0.001)
        release()
        for thread in threads:
            thread.join()
        return outcomes

    def test_work_that_fails_leaves_the_others_of_its_batch_alone(self, opened):
        store = opened(batch_s=1)
        put(store, {"id": "taken"})

        def create(*names):
            return lambda tx: [tx.create("node", n, {}) for n in names]

        def broken(tx):
            tx.create("node", "never", {})
            raise ValueError("mine")

        outcomes = self.together(
            store, create("a"), broken, create("half", "taken"), create("twice", "twice"), create("b")
        )
        assert [type(o) for o in outcomes] == [list, ValueError, Exists, Exists, list]
        assert keys(store.find("node", Scan())) == ["a", "b", "taken"]

    def test_works_of_a_batch_see_each_other(self, opened):
        store = opened(batch_s=1)
        put(store, {"id": "c", "n": 0}, collection="counter")

        def add(tx):
            doc = tx.load("counter", "c")
            return tx.save("counter", "c", {"n": doc.body["n"] + 1})

        assert self.together(store, add, add, add) == [2, 3, 4]

    def test_a_full_disk_is_unavailable_to_the_whole_batch_and_passes(self, opened):
        store = opened(batch_s=1)
        pages = store._writer.connection.execute("PRAGMA page_count").fetchone()[0]
        store._writer.connection.execute(f"PRAGMA max_page_count = {pages + 20}")
        outcomes = self.together(
            store,
            lambda tx: tx.create("node", "small", {}),
            lambda tx: tx.create("node", "large", {"x": "x" * 500_000}),
        )
        assert [type(o) for o in outcomes] == [Unavailable, Unavailable]
        assert store.count("node", ()) == 0
        store._writer.connection.execute("PRAGMA max_page_count = 100000")
        put(store, {"id": "large", "x": "x" * 500_000})
        assert store.count("node", ()) == 1

    def test_a_commit_that_fails_is_unavailable_and_the_next_one_works(self, path):
        run_child(FILLS_ITS_DISK, path, signal.SIGXFSZ)
        store = SqliteStore(path)
        assert keys(store.find("node", Scan())) == ["after", "before"]
        store.close()

    def test_a_broken_connection_is_replaced(self, opened):
        store = opened()
        store._writer.connection.close()
        with pytest.raises(Unavailable):
            put(store, {"id": "a"})
        put(store, {"id": "a"})

    def test_a_lock_held_by_another_process_is_waited_for_and_then_unavailable(self, opened, path, monkeypatch):
        monkeypatch.setattr(adapter, "BUSY_TIMEOUT_S", 0.2)
        store = opened()
        other = sqlite3.connect(path, isolation_level=None)
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(Unavailable, match="locked"):
            put(store, {"id": "a"})
        assert store.load("node", "a") is None
        other.execute("ROLLBACK")
        other.close()
        put(store, {"id": "a"})

    def test_close_finishes_what_was_handed_in(self, opened, path):
        store = opened()
        release, done = self.hold(store), []
        writers = [threading.Thread(target=lambda n=n: done.append(put(store, {"id": f"k{n}"}))) for n in range(5)]
        for writer in writers:
            writer.start()
        while len(store._writer._waiting) < 5:
            time.sleep(0.001)
        closer = threading.Thread(target=store.close)
        closer.start()
        release()
        closer.join()
        for writer in writers:
            writer.join()
        assert len(done) == 5
        assert opened().count("node", ()) == 5


class TestRehearsal:
    def test_work_runs_twice_and_writes_once(self, opened):
        store, runs = opened(rehearse=True), []

        def work(tx):
            runs.append(tx.load("node", "a"))
            tx.create("node", "a", {})
            tx.append("node", "e", {})

        store.transact(work)
        assert runs == [None, None]
        assert store.load("node", "a").rev == 1 and len(store.read("node", 0, 10)) == 1

    def test_impure_work_shows(self, opened):
        store, ids = opened(rehearse=True), iter("ab")
        store.transact(lambda tx: tx.create("node", next(ids), {}))
        assert store.load("node", "a") is None and store.load("node", "b")


class TestSchema:
    THING = Collection("thing", (Field("name", FieldType.TEXT), Field("received_at", FieldType.INSTANT)))
    WIDER = replace(
        THING,
        fields=(
            *THING.fields,
            Field("colour", FieldType.TEXT, "data.colour"),
            Field("tags", FieldType.TEXTS),
            Field("n", FieldType.INT),
        ),
        shapes=(Shape(("colour",), ("received_at",)), Shape(("tags",), ("received_at",))),
    )

    @pytest.fixture(autouse=True)
    def forget(self, monkeypatch):
        """`promote` remembers collections by name, and here one name has two forms."""
        monkeypatch.setattr(collection, "_SOURCES", {})
        yield

    def fill(self, store, n):
        put(
            store,
            *(
                {"id": f"k{i}", "received_at": at(i), "data": {"colour": "red"}, "tags": ["t", "u"], "n": i}
                for i in range(n)
            ),
            collection="thing",
        )

    def test_new_fields_are_filled_from_the_bodies(self, opened, path, monkeypatch):
        old = opened(collections=[self.THING])
        self.fill(old, 2500)
        old.close()
        monkeypatch.setattr(collection, "_SOURCES", {})
        new = opened(collections=[self.WIDER])
        assert new.count("thing", (Where("colour", "==", "red"),)) == 2500
        scan = Scan((Where("tags", "contains", "t"),), "received_at", limit=2, skip=2498)
        assert keys(new.find("thing", scan)) == ["k2498", "k2499"]
        assert keys(new.find("thing", Scan((Where("n", ">", 2497),), "n"))) == ["k2498", "k2499"]
        new.close()
        monkeypatch.setattr(collection, "_SOURCES", {})
        narrow = opened(collections=[self.THING])
        assert narrow.count("thing", ()) == 2500
        names = {r[0] for r in sqlite3.connect(path).execute("SELECT name FROM sqlite_master")}
        assert "thing_by_name" in names and "thing_by_colour_received_at" not in names and "thing$tags" not in names

    def test_a_field_read_elsewhere_is_filled_anew(self, opened, monkeypatch):
        old = opened(collections=[self.WIDER])
        self.fill(old, 3)
        old.close()
        monkeypatch.setattr(collection, "_SOURCES", {})
        moved = tuple(replace(f, source="tint") if f.name == "colour" else f for f in self.WIDER.fields)
        new = opened(collections=[replace(self.WIDER, fields=moved)])
        assert new.count("thing", (Where("colour", "==", None),)) == 3

    def test_a_new_shape_only_adds_its_index(self, opened, path, monkeypatch):
        opened(collections=[self.WIDER]).close()
        monkeypatch.setattr("lib.store.sqlite.schema._backfill", None)
        wider = replace(self.WIDER, shapes=(*self.WIDER.shapes, Shape(("n",), ("received_at",))))
        opened(collections=[wider])
        names = {r[0] for r in sqlite3.connect(path).execute("SELECT name FROM sqlite_master")}
        assert "thing_by_n_received_at" in names

    def test_a_tally_is_counted_when_it_is_new_and_when_its_fields_change(self, opened, path, monkeypatch):
        red, no_tag = (Where("colour", "==", "red"),), (Where("colour", "==", None),)
        store = opened(collections=[self.WIDER])
        self.fill(store, 3)
        put(store, {"id": "plain"}, collection="thing")
        store.close()
        for tallied in (("colour",), ("name", "colour"), ()):
            store = opened(collections=[replace(self.WIDER, tallied=tallied)])
            assert [store.count("thing", w) for w in (red, no_tag, ())] == [3, 1, 4]
            store.close()
        assert not sqlite3.connect(path).execute("SELECT 1 FROM sqlite_master WHERE name GLOB '*#*'").fetchall()

    def test_opening_a_current_file_changes_nothing(self, opened, path):
        opened().close()
        before = os.stat(path).st_mtime_ns
        opened()
        assert os.stat(path).st_mtime_ns == before

    def test_no_two_indexes_begin_alike(self):
        for layout in adapter.DECLARED.layouts.values():
            columns = [i.columns for i in layout.indexes]
            assert not [(a, b) for a in columns for b in columns if a != b and b[: len(a)] == a]


class TestCost:
    """Work of a statement is counted in steps of SQLite's machine, which do not depend on the hardware."""

    SCANS = (
        Scan((Where("state", "==", "running"), Where("kind", "==", "job")), "received_at"),
        Scan((Where("name", "in", ("few", "none")),), "received_at"),
        Scan((Where("path", "contains", "few"),), "received_at"),
        Scan((Where("path", "contains", "few"), Where("name", "==", "many")), "received_at"),
        Scan((Where("name", "==", "few"),)),
        Scan((Where("ancestors", "contains", "r"), Where("pending", "==", True)), limit=1),
        Scan((Where("ancestors", "contains", "r"), Where("pending", "==", True)), "received_at", limit=1),
        Scan((Where("due_at", "<", at(10**6)),), "due_at"),
        Scan(order="updated"),
        Scan((Where("parent", "==", None), Where("treeid", "==", "few")), "received_at"),
        Scan((Where("received_at", ">", at(10**6)),), "received_at"),
        Scan((Where("state", "==", "done"), Where("received_at", ">", at(10**6))), "received_at"),
        Scan((Where("kind", "==", "job"), Where("treeid", "==", "few")), "received_at", limit=3),
        Scan((Where("name", "==", "many"),), "received_at", limit=3),
        Scan(order="-received_at", limit=3),
        Scan(limit=3),
    )  # fmt: skip

    def steps(self, store, use):
        store.count("user", ())
        count = 0

        def tick():
            nonlocal count
            count += 1

        store._idle[-1].set_progress_handler(tick, 1)
        use()
        store._idle[-1].set_progress_handler(None, 0)
        return count

    def fill(self, store, first, n):
        # Those that nothing above asks for: done, without instants to be due at, in no tree that is named.
        put(store, *(node(first + i, name="many", kind="job", state="done", path=["p"], ancestors=["r"], pending=False)
                     for i in range(n)))  # fmt: skip

    def test_scans_do_not_cost_more_as_unrelated_documents_are_added(self, opened):
        store = opened("")
        put(store, *(node(n, name="few", state="running", kind="job", path=["few"], treeid="few", due_at=at(n),
                          updated=at(n)) for n in range(5)))  # fmt: skip
        self.fill(store, 1000, 600)
        before = [self.steps(store, lambda s=s: store.find("node", s)) for s in self.SCANS]
        self.fill(store, 2000, 3000)
        after = [self.steps(store, lambda s=s: store.find("node", s)) for s in self.SCANS]
        grown = [(s, b, a) for s, b, a in zip(self.SCANS, before, after, strict=True) if a > b * 1.1 + 20]
        assert not grown

    def test_whether_a_descendant_is_pending_costs_the_same_in_any_tree(self, opened):
        store = opened("")
        where = (Where("ancestors", "contains", "r"), Where("pending", "==", True))
        scan = Scan(where, "received_at", limit=1)
        put(store, *(node(n, ancestors=["r"], pending=True) for n in range(3)))
        before = self.steps(store, lambda: store.find("node", scan))
        put(store, *(node(n, ancestors=["r"], pending=bool(n % 2)) for n in range(100, 1500)))
        assert self.steps(store, lambda: store.find("node", scan)) <= before * 1.1 + 20

    def test_a_shape_of_two_equalities_is_one_index(self, opened):
        pair = Collection(
            "pair",
            (Field("a", FieldType.TEXT), Field("b", FieldType.TEXT), Field("n", FieldType.INT)),
            (Shape(("a", "b"), ("n",)),),
        )
        store = opened("", collections=[pair])
        put(store, *({"id": f"k{n}", "a": "xy"[n % 2], "b": "zw"[n // 2 % 2], "n": n} for n in range(40)),
            collection="pair")  # fmt: skip
        where = (Where("a", "==", "x"), Where("b", "==", "w"))
        assert keys(store.find("pair", Scan(where, "n"))) == [f"k{n}" for n in range(2, 40, 4)]
        assert sorted(keys(store.find("pair", Scan(where)))) == sorted(f"k{n}" for n in range(2, 40, 4))
        assert store.count("pair", where) == 10
        assert store.count("pair", (Where("a", "in", ("x", "y")), Where("b", "in", ("w", None)))) == 20
        assert store.count("pair", (Where("b", "==", "w"),)) == 20

    @pytest.mark.parametrize("scan", [
        Scan(order="received_at", limit=10), Scan(order="-received_at", limit=10), Scan(limit=10),
        Scan((Where("name", "==", "many"), Where("received_at", ">", at(1000))), "received_at", limit=10),
        Scan((Where("ancestors", "contains", "r"), Where("received_at", ">", at(1000))), "received_at", limit=10),
    ])  # fmt: skip
    def test_a_late_page_costs_no_more_than_an_early_one(self, opened, scan):
        store = opened("")
        self.fill(store, 1000, 1500)
        costs, page = [], store.find("node", scan)
        while page.next:
            scan = replace(scan, after=page.next)
            costs.append(self.steps(store, lambda scan=scan: store.find("node", scan)))
            page = store.find("node", scan)
        assert len(costs) > 100 and max(costs) <= costs[0] * 1.2 + 20

    def test_the_log_since_an_instant_costs_no_more_when_it_is_long(self, opened):
        store = opened("")

        def grow(n):
            store.transact(lambda tx: [tx.append("node", f"e{n}-{i}", {"data": {"id": "a"}}) for i in range(2000)])

        def poll():
            since = store.find("event", Scan(order="-seq", limit=10)).docs[-1].body["at"]
            scan = Scan((Where("node_id", "==", "a"), Where("at", ">", since)), "seq")
            return self.steps(store, lambda: store.find("event", scan))

        grow(1)
        before = poll()
        grow(2)
        assert poll() <= before * 1.1 + 20

    @pytest.mark.parametrize("where", [
        (), (Where("kind", "==", "job"), Where("state", "in", ("done", None))), (Where("tree", "==", None),),
    ])  # fmt: skip
    def test_totals_by_coarse_fields_cost_the_same_however_many_documents(self, opened, where):
        store = opened("")
        self.fill(store, 1000, 50)
        before = self.steps(store, lambda: store.count("node", where))
        self.fill(store, 2000, 2000)
        assert store.count("node", where) == 2050
        assert self.steps(store, lambda: store.count("node", where)) <= before + 20

    @pytest.mark.parametrize("where", [
        (Where("kind", "==", "job"),), (Where("state", "==", "done"), Where("kind", "==", "job")),
        (Where("ancestors", "contains", "r"), Where("pending", "==", True)), (Where("path", "contains", "p"),),
        (Where("received_at", ">", at(3)),), (Where("kind", "==", "job"), Where("created", ">", at(3))),
    ])  # fmt: skip
    def test_counts_read_indexes_alone(self, opened, where):
        store = opened("")
        statement = scan.count_sql(store._schema.layouts["node"], where, lambda sql, values: 0)
        plan = store._writer.connection.execute(f"EXPLAIN QUERY PLAN {statement.sql}", statement.values).fetchall()
        assert all("COVERING" in step[3] or "PRIMARY KEY" in step[3] for step in plan), plan

    def test_every_choice_of_leader_finds_the_same(self, opened, monkeypatch):
        store = opened("")
        self.fill(store, 0, 60)
        put(store, *(node(900 + n, name="few", kind="job", state="done", ancestors=["r"]) for n in range(3)))
        for where in (
            (Where("kind", "==", "job"), Where("name", "==", "few")),
            (Where("ancestors", "contains", "r"), Where("name", "==", "few"), Where("parent", "==", None)),
            (Where("state", "in", ("done", "x")), Where("name", "in", ("few", None))),
        ):
            for bounds in ((), (2,), (10,), (10, 50), (1000,)):
                monkeypatch.setattr(scan, "PROBED", bounds)
                for order in ("", "received_at"):
                    assert keys(store.find("node", Scan(where, order))) == ["n900", "n901", "n902"]
                assert store.count("node", where) == 3


class TestProcesses:
    def test_two_processes_create_and_write_one_file(self, path):
        children = [start_child(WRITES_50, path, name) for name in ("a", "b")]
        assert [c.wait(30) for c in children] == [0, 0]
        store = SqliteStore(path)
        assert store.load("counter", "c").body == {"n": 100}
        events = store.read("node", 0, 1000)
        assert len(events) == 100 and [e.at for e in events] == sorted({e.at for e in events})
        store.close()

    def test_what_transact_returned_from_survives_kill_9(self, path):
        child = start_child(WRITES_AND_TELLS, path, stdout=subprocess.PIPE)
        told = [int(child.stdout.readline()) for _ in range(30)]
        child.kill()
        child.wait()
        child.stdout.close()
        store = SqliteStore(path)
        assert all(store.load("node", f"k{n}") for n in told)
        kept = store.count("node", ())
        assert len(store.read("node", 0, 1000)) == kept >= 30
        put(store, {"id": "later"})
        store.close()

    def test_a_store_refuses_to_work_in_a_forked_child(self, opened):
        store = opened()
        put(store, {"id": "a"})
        fork = multiprocessing.get_context("fork")
        mine, theirs = fork.Pipe()

        def try_it():
            for use in (lambda: store.load("node", "a"), lambda: put(store, {"id": "b"}), store.generation):
                try:
                    use()
                except RuntimeError as error:
                    theirs.send(str(error))
            os._exit(0)

        child = fork.Process(target=try_it)
        child.start()
        child.join(10)
        assert all("forked" in mine.recv() for _ in range(3))
        put(store, {"id": "c"})

    def test_a_store_in_memory_is_its_own_and_leaves_nothing(self, tmp_path, monkeypatch):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        first, second = SqliteStore(""), SqliteStore("")
        put(first, {"id": "a"})
        assert second.load("node", "a") is None
        first.close()
        second.close()
        assert list(tmp_path.iterdir()) == []


class TestOpening:
    def test_urls(self, tmp_path, monkeypatch):
        monkeypatch.chdir(tmp_path)
        for url in ("sqlite:///var/deep/hub.db", f"sqlite:///{tmp_path}/abs/hub.db", "sqlite://"):
            store = open_store(url)
            put(store, {"id": "a"})
            store.close()
        assert (tmp_path / "var/deep/hub.db").exists() and (tmp_path / "abs/hub.db").exists()

    @pytest.mark.parametrize(
        "url", ["", "hub.db", "mysql://x", "sqlite:/x", "sqlite://host/x.db", "sqlite:///", "sqlite:///x/"]
    )
    def test_other_urls_are_refused(self, url):
        with pytest.raises(Invalid, match="HUB_STORE"):
            open_store(url)

    def test_a_file_that_is_no_store(self, tmp_path):
        (tmp_path / "text.db").write_text("not a database, but long enough to have a header" * 100)
        with pytest.raises(Unavailable):
            SqliteStore(str(tmp_path / "text.db"))
        with pytest.raises(Unavailable):
            SqliteStore(str(tmp_path / "nowhere" / "x.db"))

    def test_only_the_declared_collections_are_known(self, opened):
        assert set(adapter.DECLARED.layouts) == set(COLLECTIONS)
        with pytest.raises(KeyError):
            opened("").load("nothing", "a")

    def test_events_are_dated_by_the_clock_that_was_handed_in(self, opened, ticking):
        store = opened("", clock=ticking)
        store.transact(lambda tx: tx.append("node", "e", {}))
        assert store.read("node", 0, 1)[0].at == stamp(ticking.instant)


PRELUDE = """
import sys
from lib.errors import Unavailable
from lib.store.sqlite.store import SqliteStore
store = SqliteStore(sys.argv[1])
"""

WRITES_50 = (
    PRELUDE
    + """
from lib.errors import Exists
try:
    store.transact(lambda tx: tx.create("counter", "c", {"n": 0}))
except Exists:
    pass
def work(tx):
    doc = tx.load("counter", "c")
    tx.save("counter", "c", {"n": doc.body["n"] + 1})
    tx.append("node", f"{sys.argv[2]}{doc.rev}", {})
for n in range(50):
    store.transact(work)
store.close()
"""
)

WRITES_AND_TELLS = (
    PRELUDE
    + """
n = 0
while True:
    def work(tx):
        tx.create("node", f"k{n}", {})
        tx.append("node", f"e{n}", {})
    store.transact(work)
    sys.stdout.write(f"{n}\\n")
    sys.stdout.flush()
    n += 1
"""
)

FILLS_ITS_DISK = (
    PRELUDE
    + """
import os, resource, signal
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store.transact(lambda tx: tx.create("node", "before", {}))
size = os.path.getsize(sys.argv[1] + "-wal")
resource.setrlimit(resource.RLIMIT_FSIZE, (size + 20_000, resource.RLIM_INFINITY))
try:
    store.transact(lambda tx: tx.create("node", "large", {"x": "x" * 200_000}))
    sys.exit("the disk was not full")
except Unavailable:
    pass
resource.setrlimit(resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
store.transact(lambda tx: tx.create("node", "after", {}))
store.close()
"""
)


def start_child(code, *args, **options):
    return subprocess.Popen([sys.executable, "-c", code, *map(str, args)], cwd=os.getcwd(), **options)


def run_child(code, *args):
    assert start_child(code, *args).wait(30) == 0
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] == resource.RLIM_INFINITY
