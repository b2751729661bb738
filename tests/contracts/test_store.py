"""The store port's promises, over every adapter: each line of its docstrings is a test here."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest

from lib.clock import stamp
from lib.errors import Exists, Invalid, Unserved
from lib.store.collection import TEXT_BYTES_MAX
from lib.store.port import (
    BODY_BYTES_MAX,
    IN_VALUES_MAX,
    KEY_BYTES_MAX,
    PAGE_DOCS_MAX,
    WRITES_MAX,
    Doc,
    Scan,
    Where,
    encode_cursor,
)

START = datetime(2026, 1, 1, tzinfo=UTC)


def at(n):
    """The canonical text of a numbered instant."""
    return stamp(START + timedelta(seconds=n))


def node(n, **fields):
    return {"id": f"n{n}", "received_at": at(n), **fields}


def put(store, *bodies, collection="node"):
    def work(tx):
        for body in bodies:
            tx.create(collection, body["id"], body)

    store.transact(work)


def change(store, key, **fields):
    def work(tx):
        doc = tx.load("node", key)
        return tx.save("node", key, doc.body | fields)

    return store.transact(work)


def append(store, *keys, channel="node", **data):
    def work(tx):
        for key in keys:
            tx.append(channel, key, {"data": data})

    store.transact(work)


def keys(page):
    return [d.key for d in page.docs]


def pages(store, collection, scan):
    """The keys of each page of a scan."""
    found = []
    while True:
        page = store.find(collection, scan)
        found.append(keys(page))
        if page.next is None:
            return found
        scan = Scan(scan.where, scan.order, scan.limit, page.next)


def walk(store, collection, scan):
    """All keys of a scan, read page by page."""
    return [key for page in pages(store, collection, scan) for key in page]


class TestDocuments:
    def test_what_was_created_is_loaded_with_rev_1(self, store):
        put(store, {"id": "a", "x": [1, [2, {"": None}]], "ä/b": 1.5})
        assert store.load("node", "a") == Doc("a", 1, {"id": "a", "x": [1, [2, {"": None}]], "ä/b": 1.5})

    def test_a_body_comes_back_exactly(self, store):
        deep = []
        for _ in range(600):
            deep = [deep]
        body = {"id": "a", "big": 2**70, "deep": deep, "lone": "\ud800", "text": "\x00é\U0001f600", "float": 1e300}
        put(store, body)
        assert store.load("node", "a").body == body

    def test_the_body_is_the_callers_own_copy(self, store):
        body = {"id": "a", "list": [1]}

        def work(tx):
            tx.create("node", "a", body)
            body["list"].append(2)

        store.transact(work)
        store.load("node", "a").body["list"].append(3)
        assert store.load("node", "a").body == {"id": "a", "list": [1]}

    def test_no_document_is_none(self, store):
        assert store.load("node", "a") is None

    def test_collections_are_apart(self, store):
        put(store, {"id": "a"})
        assert store.load("user", "a") is None

    def test_load_many_keeps_the_order_of_the_keys(self, store):
        put(store, {"id": "a"}, {"id": "b"})
        docs = store.load_many("node", ["b", "nothing", "a", "b"])
        assert [d and d.key for d in docs] == ["b", None, "a", "b"]
        assert docs[0].body is not docs[3].body
        assert store.load_many("node", []) == []

    def test_load_many_takes_thousands(self, store):
        for start in range(0, 3000, WRITES_MAX):
            put(store, *({"id": f"k{n}"} for n in range(start, start + WRITES_MAX)))
        assert [d.key for d in store.load_many("node", [f"k{n}" for n in range(3000)])] == [
            f"k{n}" for n in range(3000)
        ]

    def test_create_of_a_taken_key_is_refused(self, store):
        put(store, {"id": "a"})
        with pytest.raises(Exists):
            put(store, {"id": "a", "other": 1})
        assert store.load("node", "a").body == {"id": "a"}

    def test_create_twice_in_one_transaction_is_refused(self, store):
        with pytest.raises(Exists):
            put(store, {"id": "b"}, {"id": "a"}, {"id": "a"})
        assert store.load("node", "b") is None

    def test_save_counts_rev_and_replaces_the_body(self, store):
        put(store, node(1, name="x", gone=1))

        def work(tx):
            tx.load("node", "n1")
            return tx.save("node", "n1", {"id": "n1", "name": "y"})

        assert store.transact(work) == 2
        assert store.load("node", "n1") == Doc("n1", 2, {"id": "n1", "name": "y"})
        assert change(store, "n1", z=1) == 3

    def test_a_document_found_may_be_saved(self, store):
        put(store, node(1, name="x"))

        def work(tx):
            (doc,) = tx.find("node", Scan((Where("name", "==", "x"),), "received_at")).docs
            return tx.save("node", doc.key, doc.body | {"seen": True})

        assert store.transact(work) == 2

    def test_save_twice_in_one_transaction_counts_twice(self, store):
        put(store, node(1, path=["a"]))

        def work(tx):
            tx.load("node", "n1")
            return tx.save("node", "n1", node(1, path=["b"])), tx.save("node", "n1", node(1, path=["c"]))

        assert store.transact(work) == (2, 3)
        assert store.load("node", "n1").rev == 3
        for name, count in (("a", 0), ("b", 0), ("c", 1)):
            assert store.count("node", (Where("path", "contains", name),)) == count

    def test_drop_removes_it_from_every_scan_and_frees_the_key(self, store):
        put(store, node(1, name="x", path=["p"], ancestors=["r"]))
        store.transact(lambda tx: tx.drop("node", "n1"))
        assert store.load("node", "n1") is None
        for where in (Where("name", "==", "x"), Where("path", "contains", "p"), Where("ancestors", "contains", "r")):
            assert store.count("node", (where,)) == 0
        put(store, node(1, name="x", path=["p"]))
        assert store.load("node", "n1").rev == 1

    def test_drop_of_nothing_is_nothing(self, store):
        store.transact(lambda tx: tx.drop("node", "a"))
        store.transact(lambda tx: tx.drop("unique", "a"))

    def test_drop_and_create_in_one_transaction_replace(self, store):
        put(store, node(1, path=["p"]))

        def work(tx):
            tx.drop("node", "n1")
            tx.create("node", "n1", node(1, path=["q"]))

        store.transact(work)
        assert store.load("node", "n1").body["path"] == ["q"]
        assert store.count("node", (Where("path", "contains", "p"),)) == 0

    @pytest.mark.parametrize("ts", ["0001-01-01T00:00:00.000000Z", "9999-12-31T23:59:59.999999Z"])
    def test_what_expires_may_be_dated_at_either_end_of_time(self, store, ts):
        put(store, {"id": "t", "ts": ts, "text": "x" * 1_000_000}, collection="telemetry")
        assert store.load("telemetry", "t").body["ts"] == ts


class TestTransactions:
    def test_gives_what_the_work_returned(self, store):
        assert store.transact(lambda tx: 42) == 42

    def test_what_the_work_raises_rolls_back(self, store):
        def work(tx):
            tx.create("node", "a", {})
            tx.append("node", "e", {})
            raise KeyError("mine")

        with pytest.raises(KeyError, match="mine"):
            store.transact(work)
        assert store.load("node", "a") is None
        assert store.last("node") == 0

    def test_a_refused_create_rolls_back_the_rest(self, store):
        put(store, {"id": "taken"})

        def work(tx):
            tx.create("node", "a", {})
            tx.append("node", "e", {})
            tx.create("node", "taken", {})

        with pytest.raises(Exists):
            store.transact(work)
        assert store.load("node", "a") is None
        assert store.last("node") == 0

    @pytest.mark.parametrize("read", [
        lambda tx: tx.load("node", "a"),
        lambda tx: tx.load_many("node", ["a"]),
        lambda tx: tx.find("node", Scan()),
    ])  # fmt: skip
    def test_a_read_after_a_write_is_a_mistake(self, store, read):
        def work(tx):
            tx.create("node", "b", {})
            read(tx)

        with pytest.raises(RuntimeError):
            store.transact(work)
        assert store.load("node", "b") is None

    def test_a_save_of_what_was_not_read_is_a_mistake(self, store):
        put(store, {"id": "a"})
        with pytest.raises(RuntimeError):
            store.transact(lambda tx: tx.save("node", "a", {}))

    def test_a_transaction_inside_one_is_a_mistake(self, store):
        with pytest.raises(RuntimeError):
            store.transact(lambda tx: store.transact(lambda inner: None))

    def test_writes_show_only_after_the_commit(self, store, open_here):
        other = open_here()
        inside, go = threading.Event(), threading.Event()

        def work(tx):
            tx.create("node", "a", {})
            inside.set()
            go.wait(10)

        thread = threading.Thread(target=lambda: store.transact(work))
        thread.start()
        assert inside.wait(10)
        assert store.load("node", "a") is None and other.load("node", "a") is None
        go.set()
        thread.join()
        assert store.load("node", "a") and other.load("node", "a")

    def test_racing_increments_all_count(self, store, open_here):
        put(store, {"id": "c", "n": 0}, collection="counter")
        stores = [store, open_here()]

        def work(tx):
            doc = tx.load("counter", "c")
            return tx.save("counter", "c", doc.body | {"n": doc.body["n"] + 1})

        revs, threads = [], []
        for i in range(6):
            mine = stores[i % 2]
            threads.append(threading.Thread(target=lambda s=mine: revs.extend(s.transact(work) for _ in range(25))))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.load("counter", "c") == Doc("c", 151, {"id": "c", "n": 150})
        assert sorted(revs) == list(range(2, 152))

    def test_racing_creates_have_one_winner(self, store, open_here):
        stores, won, lost = [store, open_here()], [], []

        def race(i):
            def work(tx):
                tx.create("node", f"mine{i}", {})
                tx.create("unique", "name", {"holder": i})

            try:
                stores[i % 2].transact(work)
                won.append(i)
            except Exists:
                lost.append(i)

        threads = [threading.Thread(target=race, args=(i,)) for i in range(12)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert len(won) == 1 and len(lost) == 11
        assert store.load("unique", "name").body == {"holder": won[0]}
        assert [i for i in range(12) if store.load("node", f"mine{i}")] == won

    def test_a_check_by_scan_holds_against_racers(self, store, open_here):
        """Each adds a node while it finds fewer than five."""
        stores = [store, open_here()]

        def race(i):
            for n in range(4):

                def work(tx, key=f"k{i}-{n}"):
                    if len(tx.find("node", Scan((Where("name", "==", "x"),), "received_at")).docs) < 5:
                        tx.create("node", key, {"name": "x", "received_at": at(1)})

                stores[i % 2].transact(work)

        threads = [threading.Thread(target=race, args=(i,)) for i in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert store.count("node", (Where("name", "==", "x"),)) == 5

    def test_another_instance_sees_the_commit(self, store, open_here):
        other = open_here()
        put(store, node(1, name="x"))
        assert other.load("node", "n1").rev == 1
        assert other.count("node", (Where("name", "==", "x"),)) == 1

    def test_what_was_committed_is_there_after_reopening(self, store, open_here):
        put(store, node(1))
        append(store, "e1")
        store.close()
        again = open_here()
        assert again.load("node", "n1").body == node(1)
        assert [e.key for e in again.read("node", 0, 10)] == ["e1"]


class TestLimits:
    @pytest.mark.parametrize("key", ["", "a/b", ".", "..", "__x__", "k" * (KEY_BYTES_MAX + 1), "é" * 751, "\ud800"])
    def test_keys(self, store, key):
        with pytest.raises(Invalid):
            store.transact(lambda tx: tx.create("node", key, {}))
        with pytest.raises(Invalid):
            store.load("node", key)
        with pytest.raises(Invalid):
            store.load_many("node", ["fine", key])
        with pytest.raises(Invalid):
            append(store, key)

    def test_the_longest_key(self, store):
        put(store, {"id": "k" * KEY_BYTES_MAX})
        assert store.load("node", "k" * KEY_BYTES_MAX)

    def test_bodies(self, store):
        with pytest.raises(Invalid):
            put(store, {"id": "a", "x": "x" * BODY_BYTES_MAX})
        put(store, {"id": "a", "x": "x" * (BODY_BYTES_MAX - 100)})

    def test_writes(self, store, monkeypatch):
        monkeypatch.setattr(store, "writes_max", 3)
        with pytest.raises(Invalid, match="writes"):
            append(store, "a", "b", "c", "d")
        append(store, "a", "b", "c")

    @pytest.mark.parametrize("scan", [
        Scan(limit=0),
        Scan(limit=PAGE_DOCS_MAX + 1),
        Scan(skip=-1),
        Scan((Where("name", "in", ()),)),
        Scan((Where("name", "in", tuple(map(str, range(IN_VALUES_MAX + 1)))),)),
        Scan((Where("path", "contains", "a"), Where("ancestors", "contains", "b"))),
        Scan((Where("name", "in", tuple("abcdef")), Where("group", "in", tuple("abcdef")))),
        Scan((Where("path", "==", "a"),)),
        Scan((Where("name", "contains", "a"),)),
        Scan(order="path"),
        Scan((Where("name", "==", 1.5),)),
        Scan((Where("name", "==", ("a",)),)),
        Scan((Where("name", "==", "\ud800"),)),
        Scan((Where("retry_counter", "==", 2**63),)),
    ])  # fmt: skip
    def test_scans(self, store, scan):
        with pytest.raises(Invalid):
            store.find("node", scan)

    @pytest.mark.parametrize("limit", [0, PAGE_DOCS_MAX + 1])
    def test_reads(self, store, limit):
        with pytest.raises(Invalid):
            store.read("node", 0, limit)

    @pytest.mark.parametrize("after", [
        "", "x", "!!", "ä", "e30", "W10", encode_cursor(5, "a"), encode_cursor(None, "a"), "\ud800",
    ])  # fmt: skip
    def test_cursors(self, store, after):
        with pytest.raises(Invalid, match="after"):
            store.find("node", Scan(order="received_at", after=after))

    def test_values_past_64_bits_are_not_indexed(self, store):
        put(store, node(1, retry_counter=2**63))
        assert store.count("node", (Where("retry_counter", "==", None),)) == 1

    def test_indexed_text_must_be_unicode(self, store):
        with pytest.raises(Invalid):
            put(store, node(1, name="\ud800"))


class TestScans:
    @pytest.fixture
    def filled(self, store):
        put(
            store,
            node(1, name="a", state="done", retry_counter=1, pending=False, path=["x"], ancestors=["r"]),
            node(2, name="b", state="done", retry_counter=2, pending=True, path=["x", "y"], ancestors=["r", "s"]),
            node(3, name="a", state=None, pending=None, path=["y", "y"], created=at(3)),
            node(4, state="running", retry_counter=True, path=["x", 5, None], ancestors=["s"], created=at(9)),
            node(5, name="a", state="running", retry_counter="1", path="x", created=at(5)),
            {"id": "n6", "name": "a", "state": "done", "path": ["x"], "ancestors": ["r"]},
        )
        return store

    @pytest.mark.parametrize(("where", "found"), [
        (Where("name", "==", "a"), "1356"),
        (Where("name", "==", "A"), ""),
        (Where("name", "==", None), "24"[1:]),
        (Where("name", "==", 1), ""),
        (Where("name", "in", ("a", "b", "nothing")), "12356"),
        (Where("name", "in", ("b", None)), "24"),
        (Where("name", "in", ("a", "a")), "1356"),
        (Where("name", "in", (1, True)), ""),
        (Where("state", "==", None), "3"),
        (Where("retry_counter", "==", 1), "1"),
        (Where("retry_counter", "==", True), ""),
        (Where("retry_counter", "==", "1"), ""),
        (Where("retry_counter", "==", None), "3456"),
        (Where("pending", "==", True), "2"),
        (Where("pending", "==", 1), ""),
        (Where("pending", "==", None), "3456"),
        (Where("path", "contains", "x"), "1246"),
        (Where("path", "contains", "y"), "23"),
        (Where("path", "contains", None), ""),
        (Where("path", "contains", 5), ""),
        (Where("ancestors", "contains", "r"), "126"),
    ])  # fmt: skip
    def test_equality(self, filled, where, found):
        in_key_order = [f"n{c}" for c in found]
        assert keys(filled.find("node", Scan((where,)))) == in_key_order
        ordered = [k for k in in_key_order if k != "n6"]
        assert keys(filled.find("node", Scan((where,), "received_at"))) == ordered
        assert filled.count("node", (where,)) == len(found)

    @pytest.mark.parametrize(("op", "n", "found"), [("<", 5, "3"), ("<=", 5, "35"), (">", 5, "4"), (">=", 5, "45")])
    def test_order_comparisons_never_match_null(self, filled, op, n, found):
        where = (Where("created", op, at(n)),)
        assert sorted(keys(filled.find("node", Scan(where, "created")))) == [f"n{c}" for c in found]
        assert keys(filled.find("node", Scan(where, "received_at"))) == [f"n{c}" for c in found]
        assert filled.count("node", where) == len(found)

    def test_a_comparison_with_null_or_another_type_matches_nothing(self, filled):
        for value in (None, 5, True):
            assert filled.count("node", (Where("created", ">", value),)) == 0

    def test_several_conditions_all_hold(self, filled):
        where = (Where("state", "==", "done"), Where("name", "==", "a"))
        assert keys(filled.find("node", Scan(where, "received_at"))) == ["n1"]
        assert filled.count("node", where) == 2
        where += (Where("path", "contains", "x"), Where("received_at", ">=", at(0)))
        assert filled.count("node", where) == 1

    def test_containment_beside_a_more_selective_field(self, filled):
        where = (Where("name", "==", "a"), Where("path", "contains", "x"))
        assert keys(filled.find("node", Scan(where))) == ["n1", "n6"]
        assert keys(filled.find("node", Scan(where, "received_at"))) == ["n1"]
        assert filled.count("node", where) == 2

    def test_containment_and_pending(self, filled):
        where = (Where("ancestors", "contains", "r"), Where("pending", "==", True))
        assert keys(filled.find("node", Scan(where, limit=1))) == ["n2"]
        assert keys(filled.find("node", Scan(where, "received_at"))) == ["n2"]
        assert filled.count("node", where) == 1
        either = (Where("ancestors", "contains", "r"), Where("pending", "in", (False, True)))
        assert keys(filled.find("node", Scan(either, "received_at"))) == ["n1", "n2"]

    def test_an_index_follows_every_change(self, filled):
        change(filled, "n1", name="b", pending=True, ancestors=["s", "t"], path=[])
        assert keys(filled.find("node", Scan((Where("name", "==", "b"),), "received_at"))) == ["n1", "n2"]
        where = (Where("ancestors", "contains", "s"), Where("pending", "==", True))
        assert keys(filled.find("node", Scan(where, "received_at"))) == ["n1", "n2"]
        assert filled.count("node", (Where("ancestors", "contains", "r"),)) == 2
        change(filled, "n1", received_at=at(7))
        assert keys(filled.find("node", Scan(where, "received_at"))) == ["n2", "n1"]

    def test_order_by_key(self, filled):
        assert keys(filled.find("node", Scan())) == ["n1", "n2", "n3", "n4", "n5", "n6"]

    def test_documents_whose_order_field_is_null_are_left_out(self, filled):
        assert keys(filled.find("node", Scan(order="received_at"))) == ["n1", "n2", "n3", "n4", "n5"]
        assert keys(filled.find("node", Scan(order="-received_at"))) == ["n5", "n4", "n3", "n2", "n1"]
        assert keys(filled.find("node", Scan(order="retry_counter"))) == ["n1", "n2"]

    def test_ties_are_broken_by_key_in_the_direction_of_the_order(self, store):
        put(store, *({"id": k, "received_at": at(i // 2), "name": "x", "path": ["p"]} for i, k in enumerate("badc")))
        for where in (
            (),
            (Where("name", "==", "x"),),
            (Where("path", "contains", "p"),),
            (Where("name", "in", ("x", "y")),),
        ):
            assert keys(store.find("node", Scan(where, "received_at"))) == ["a", "b", "c", "d"]
        assert keys(store.find("node", Scan(order="-received_at"))) == ["d", "c", "b", "a"]

    def test_texts_are_in_the_order_of_their_code_points(self, store):
        names = ["B", "a", "b", "ab", "é", "z", "\U0001f600", "\uffff"]
        put(store, *({"id": n, "created": n} for n in names))
        assert keys(store.find("node", Scan())) == keys(store.find("node", Scan(order="created"))) == sorted(names)

    @pytest.mark.parametrize("limit", [1, 2, 3, 4, 100])
    @pytest.mark.parametrize("order", ["", "received_at", "-received_at"])
    def test_cursors_walk_the_whole_scan_once(self, store, order, limit):
        put(store, *({"id": f"k{n % 7}-{n}", "received_at": at(n // 3), "name": "x"} for n in range(14)))
        whole = keys(store.find("node", Scan(order=order)))
        found = pages(store, "node", Scan(order=order, limit=limit))
        assert [key for page in found for key in page] == whole and len(whole) == 14
        assert all(len(p) == limit for p in found[:-1]) and found[-1]

    @pytest.mark.parametrize("where", [
        Where("name", "==", "x"), Where("name", "in", ("x", "y", None)), Where("path", "contains", "p"),
    ])  # fmt: skip
    def test_cursors_of_filtered_scans(self, store, where):
        put(store, *(node(n, name="xy"[n % 2], path=["p"]) for n in range(9)))
        for order in ("received_at", ""):
            whole = keys(store.find("node", Scan((where,), order)))
            assert walk(store, "node", Scan((where,), order, limit=2)) == whole

    def test_next_is_none_when_exhausted(self, store):
        put(store, node(1), node(2))
        assert store.find("node", Scan(order="received_at", limit=2)).next is None
        assert store.find("node", Scan(order="received_at", limit=1)).next is not None
        assert store.find("node", Scan((Where("name", "==", 5),))) == ([], None)

    def test_a_cursor_is_stable_under_inserts_and_drops(self, store):
        put(store, node(2), node(4), node(6), node(8))
        first = store.find("node", Scan(order="received_at", limit=2))
        put(store, node(1), node(3), node(5))
        store.transact(lambda tx: tx.drop("node", "n4"))
        rest = store.find("node", Scan(order="received_at", after=first.next))
        assert keys(first) == ["n2", "n4"] and keys(rest) == ["n5", "n6", "n8"]

    def test_cursors_are_url_safe(self, store):
        put(store, *({"id": f"ü?&+{n}", "received_at": at(n)} for n in range(3)))
        cursor = store.find("node", Scan(order="received_at", limit=1)).next
        assert cursor.replace("-", "").replace("_", "").isalnum() and cursor.isascii()

    def test_a_range_and_a_cursor_together(self, store):
        put(store, *(node(n, name="x") for n in range(10)))
        where = (Where("name", "==", "x"), Where("received_at", ">", at(1)), Where("received_at", "<=", at(7)))
        assert walk(store, "node", Scan(where, "received_at", limit=2)) == [f"n{n}" for n in range(2, 8)]
        back = Scan(where[1:], "-received_at", limit=2)
        assert walk(store, "node", back) == [f"n{n}" for n in range(7, 1, -1)]

    @pytest.mark.parametrize("where", [(), (Where("name", "==", "x"),), (Where("path", "contains", "p"),)])
    def test_skip_passes_over_documents_first(self, store, where):
        put(store, *(node(n, name="x", path=["p"]) for n in range(6)))
        for order in ("received_at", ""):
            page = store.find("node", Scan(where, order, limit=2, skip=3))
            assert keys(page) == ["n3", "n4"]
            assert keys(store.find("node", Scan(where, order, limit=2, after=page.next))) == ["n5"]
        assert keys(store.find("node", Scan(where, "received_at", skip=9))) == []

    def test_long_texts_match_by_their_beginning(self, store):
        text = "é" * TEXT_BYTES_MAX
        put(
            store,
            node(1, name=text + "1", path=[text + "1"]),
            node(2, name=text + "2", path=[text + "2"]),
            node(3, name="é"),
        )
        assert keys(store.find("node", Scan((Where("name", "==", text + "1"),), "received_at"))) == ["n1", "n2"]
        assert store.count("node", (Where("path", "contains", text + "1"),)) == 2
        assert store.count("node", (Where("name", ">", text + "0"),)) == 2
        assert store.count("node", (Where("name", "<", text + "9"),)) == 3

    def test_what_no_shape_serves_is_refused_by_name(self, store):
        for scan, lack in (
            (Scan((Where("colour", "==", "red"),)), "colour"),
            (Scan((Where("name", "==", "x"),), "updated"), "name"),
            (Scan((Where("owner", "==", "x"), Where("created", ">", at(1))), "received_at"), "owner"),
            (Scan((Where("created", ">", at(1)),)), "order"),
        ):
            with pytest.raises(Unserved, match=lack):
                store.find("node", scan)
            with pytest.raises(Unserved, match=lack):
                store.transact(lambda tx, scan=scan: tx.find("node", scan))
        with pytest.raises(Unserved, match="colour"):
            store.count("node", (Where("colour", "==", "red"),))

    def test_every_field_is_served_alone(self, store):
        put(store, node(1, created=at(1), updated=at(2), timeout=at(3), holdoff=at(4), due_at=at(5)))
        for field in ("created", "updated", "timeout", "holdoff", "due_at"):
            assert keys(store.find("node", Scan((Where(field, "<", at(9)),), field))) == ["n1"]
            assert keys(store.find("node", Scan((Where(field, "==", None),)))) == []

    def test_count_of_all(self, filled):
        assert filled.count("node", ()) == 6
        assert filled.count("user", ()) == 0

    def test_a_transaction_finds_the_same(self, filled):
        scan = Scan((Where("name", "==", "a"),), "received_at", limit=2)
        assert filled.transact(lambda tx: tx.find("node", scan)) == filled.find("node", scan)


class TestLog:
    def test_events_come_back_in_order_with_the_logs_own_fields(self, store):
        append(store, "e1", "e2", op="created")
        first, second = store.read("node", 0, 10)
        assert (first.key, first.channel, second.key) == ("e1", "node", "e2")
        assert first.seq < second.seq
        own = {"seq": first.seq, "channel": "node", "at": first.at}
        assert first.body == {"data": {"op": "created"}, **own}
        assert store.load("event", "e1") == Doc("e1", 1, first.body)

    def test_the_log_alone_fills_its_own_fields(self, store):
        store.transact(lambda tx: tx.append("node", "e1", {"seq": 99, "at": "never", "channel": "other"}))
        (event,) = store.read("node", 0, 10)
        assert event.body == {"seq": event.seq, "at": event.at, "channel": "node"} and event.seq != 99

    def test_channels_are_apart(self, store):
        append(store, "a1")
        append(store, "b1", "b2", channel="retry")
        append(store, "a2")
        assert [e.key for e in store.read("node", 0, 10)] == ["a1", "a2"]
        assert [e.key for e in store.read("retry", 0, 10)] == ["b1", "b2"]
        assert store.last("node") == store.read("node", 0, 10)[-1].seq
        assert store.last("retry") == store.read("retry", 0, 10)[-1].seq

    def test_an_empty_channel(self, store):
        assert store.read("node", 0, 10) == [] and store.last("node") == 0

    def test_a_read_resumes_behind_a_seq(self, store):
        append(store, *(f"e{n}" for n in range(5)))
        found, after = [], 0
        while events := store.read("node", after, 2):
            found += [e.key for e in events]
            after = events[-1].seq
        assert found == ["e0", "e1", "e2", "e3", "e4"]

    def test_a_taken_key_is_refused(self, store):
        append(store, "e1")
        with pytest.raises(Exists):
            append(store, "e2", "e1")
        assert [e.key for e in store.read("node", 0, 10)] == ["e1"]

    def test_at_grows_strictly_though_the_clock_stands_or_goes_back(self, store, open_here, ticking):
        append(store, "e1", "e2")
        append(open_here(), "e3")
        ticking.move(hours=-1)
        append(store, "e4")
        ticking.move(hours=2)
        append(store, "e5")
        events = store.read("node", 0, 10)
        assert [e.at for e in events] == sorted({e.at for e in events})
        assert events[0].at == "2026-01-01T12:00:00.000000Z"
        assert events[3].at == "2026-01-01T12:00:00.000003Z"
        assert events[4].at == stamp(ticking.instant)

    def test_seqs_are_not_used_again(self, store, open_here):
        append(store, "e1", "e2")
        last = store.last("node")
        store.transact(lambda tx: [tx.drop("event", "e1"), tx.drop("event", "e2")])
        assert store.read("node", 0, 10) == [] and store.last("node") == 0
        store.close()
        again = open_here()
        append(again, "e3")
        assert again.last("node") > last

    def test_events_are_written_by_append_alone(self, store):
        with pytest.raises(RuntimeError):
            store.transact(lambda tx: tx.create("event", "e", {}))
        append(store, "e1")
        with pytest.raises(RuntimeError):
            store.transact(lambda tx: tx.load("event", "e1") and tx.save("event", "e1", {}))

    def test_scans_of_the_log(self, store, ticking):
        for n in range(8):
            append(store, f"e{n}", id="ab"[n % 2], kind="job", op="updated" if n else "created")
            ticking.move(seconds=1)
        append(store, "r1", channel="retry", id="a", kind="job")
        here, since = Where("channel", "==", "node"), Where("at", ">", stamp(ticking.instant - timedelta(seconds=5)))
        of_a = Where("node_id", "==", "a")
        assert keys(store.find("event", Scan((here, since), "seq"))) == ["e4", "e5", "e6", "e7"]
        assert keys(store.find("event", Scan((here, since, of_a), "seq", limit=2))) == ["e4", "e6"]
        assert walk(store, "event", Scan((of_a, since), "seq", limit=2)) == ["e4", "e6", "r1"]
        assert store.count("event", (of_a, since)) == 3
        assert store.count("event", (since,)) == 5
        first = store.read("node", 0, 1)[0]
        assert keys(store.find("event", Scan((Where("at", "==", first.at),)))) == ["e0"]
        assert keys(store.find("event", Scan((Where("at", "<=", first.at),), "at"))) == ["e0"]
        assert keys(store.find("event", Scan((of_a, Where("at", "<", first.at)), "seq"))) == []
        assert keys(store.find("event", Scan((of_a,), "seq"))) == ["e0", "e2", "e4", "e6", "r1"]
        assert keys(store.find("event", Scan(order="-seq", limit=2))) == ["r1", "e7"]
        assert keys(store.find("event", Scan((Where("seq", "<=", first.seq),), "seq"))) == ["e0"]

    def test_a_reader_never_misses_an_event(self, store, open_here):
        """Two writers, one of which dawdles inside its transaction, and a reader that resumes all the while."""
        other, reader = open_here(), open_here()
        inside, seen, is_over = threading.Event(), [], threading.Event()

        def dawdle(tx):
            tx.append("node", "slow", {})
            inside.set()
            is_over.wait(0.2)

        def follow():
            after = 0
            while len(seen) < 21:
                for event in reader.read("node", after, 3):
                    assert event.seq > after
                    after = event.seq
                    seen.append(event.key)

        threads = [threading.Thread(target=follow), threading.Thread(target=lambda: store.transact(dawdle))]
        for thread in threads:
            thread.start()
        inside.wait(10)
        for n in range(20):
            append((other, store)[n % 2], f"fast{n}")
        for thread in threads:
            thread.join(60)
        assert sorted(seen) == sorted(["slow", *(f"fast{n}" for n in range(20))])
        assert seen == [e.key for e in store.read("node", 0, 100)]


class TestLife:
    def test_generation_changes_with_every_commit(self, store, open_here):
        other = open_here()
        before = store.generation()
        put(store, {"id": "a"})
        after = store.generation()
        assert after != before == before
        put(other, {"id": "b"})
        assert store.generation() not in (before, after)

    def test_close_twice_and_use_after(self, store):
        put(store, {"id": "a"})
        store.close()
        store.close()
        for use in (
            lambda: store.load("node", "a"),
            lambda: store.transact(lambda tx: None),
            lambda: store.read("node", 0, 1),
            store.generation,
        ):
            with pytest.raises(Exception, match="closed"):
                use()
