"""Whatever is scanned and counted equals a plain filter over the same documents: a property, over every adapter."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.errors import Invalid, Unserved
from lib.store.collection import missing, promote
from lib.store.indexes import EVENT, NODE
from lib.store.port import Scan, Where
from tests.contracts.conftest import STORES, Ticking

RANGES = {"<": str.__lt__, "<=": str.__le__, ">": str.__gt__, ">=": str.__ge__}

words = st.sampled_from(["a", "b", "ab", "é"])
maybe = st.none() | words
instants = st.sampled_from([f"2026-01-0{n}T00:00:00.000000Z" for n in range(1, 6)])
lists = st.lists(words, max_size=3)

bodies = st.fixed_dictionaries(
    {},
    optional={
        "received_at": instants | st.none(), "name": maybe | st.just(7), "group": maybe, "kind": maybe, "state": maybe,
        "result": maybe, "parent": maybe, "treeid": maybe, "owner": maybe, "pending": st.booleans() | st.none(),
        "retry_counter": st.none() | st.integers(0, 2), "processed_by_kcidb_bridge": st.booleans(),
        "ancestors": lists, "path": lists, "artifacts": st.dictionaries(words, words, max_size=2),
        "data": st.fixed_dictionaries({}, optional={"platform": maybe, "kernel_revision": st.just({"tree": "a"})}),
        "created": instants | st.none(), "due_at": instants | st.none(), "timeout": instants, "holdoff": instants,
    },
)  # fmt: skip

TEXTS = ("name", "group", "kind", "state", "result", "parent", "treeid", "owner", "platform", "tree")
values = maybe | st.booleans() | st.integers(0, 2)
equalities = st.one_of(
    st.builds(Where, st.sampled_from(TEXTS), st.just("=="), maybe),
    st.builds(Where, st.sampled_from(TEXTS), st.just("in"), st.lists(maybe, min_size=1, max_size=3).map(tuple)),
    st.builds(Where, st.sampled_from(["pending", "retry_counter", "processed_by_kcidb_bridge"]), st.just("=="), values),
    st.builds(Where, st.sampled_from(["ancestors", "path", "artifact_urls"]), st.just("contains"), words),
)
bounded_fields = st.sampled_from(["received_at", "received_at", "created", "timeout", "due_at"])
ranges = st.builds(Where, bounded_fields, st.sampled_from(sorted(RANGES)), instants)
wheres = st.tuples(st.lists(equalities, max_size=3), st.lists(ranges, max_size=2)).map(lambda p: (*p[0], *p[1]))
orders = st.sampled_from(["", "received_at", "received_at", "received_at", "-received_at", "due_at", "created", "name"])


def holds(promoted, where):
    value = promoted[where.field]
    if where.op == "contains":
        return where.value in value
    if where.op in ("==", "in"):
        asked = where.value if isinstance(where.value, tuple) else (where.value,)
        return any(type(a) is type(value) and a == value for a in asked)
    return value is not None and RANGES[where.op](value, where.value)


def plain(documents, scan):
    """The keys of a scan's whole answer, by the port's words."""
    order = scan.order.lstrip("-")
    found = []
    for key, body in documents.items():
        promoted = dict(zip((f.name for f in NODE.fields), promote(NODE, body), strict=True))
        if all(holds(promoted, w) for w in scan.where) and (not order or promoted[order] is not None):
            found.append((promoted[order] if order else "", key))
    return [key for _, key in sorted(found, reverse=scan.order.startswith("-"))]


@pytest.fixture(scope="module", params=sorted(STORES))
def shared(request, tmp_path_factory):
    """A store that all examples share, and its clock."""
    clock = Ticking()
    store = STORES[request.param](tmp_path_factory.mktemp("scans"), clock)
    yield store, clock
    store.close()


def refill(store, first, second):
    """The store holds `first` and then every document that is in `second` changed to it; the rest is dropped."""

    def fill(tx):
        for n in range(20):
            tx.drop("node", f"k{n}")
        for key, body in first.items():
            tx.create("node", key, body)

    def change(tx):
        tx.load_many("node", list(first))
        for key in first:
            if second.get(key) is None:
                tx.drop("node", key)
            else:
                tx.save("node", key, second[key])

    store.transact(fill)
    store.transact(change)


def named(bodies):
    return {f"k{n}": body for n, body in enumerate(bodies)}


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(
    first=st.lists(bodies, max_size=12).map(named),
    second=st.lists(st.none() | bodies, max_size=12).map(named),
    scans=st.lists(st.builds(Scan, wheres, orders, st.integers(1, 5), skip=st.integers(0, 2)), min_size=8, max_size=8),
)
def test_find_and_count_equal_a_plain_filter(shared, first, second, scans):
    store, _ = shared
    refill(store, first, second)
    documents = {k: body for k, body in second.items() if body is not None and k in first}
    for scan in scans:
        equal = frozenset(w.field for w in scan.where if w.op not in RANGES)
        bounded = frozenset(w.field for w in scan.where if w.op in RANGES)
        if sum(w.op == "contains" for w in scan.where) > 1:
            with pytest.raises(Invalid):
                store.find("node", scan)
            continue
        if missing(NODE, equal, bounded, "") is None:
            assert store.count("node", scan.where) == len(plain(documents, Scan(scan.where)))
        if missing(NODE, equal, bounded, scan.order) is not None or (bounded and not scan.order):
            with pytest.raises(Unserved):
                store.find("node", scan)
            continue
        expected = plain(documents, scan)[scan.skip :]
        found, page = [], store.find("node", scan)
        while True:
            assert all(d.body == documents[d.key] for d in page.docs)
            found += [d.key for d in page.docs]
            if page.next is None:
                break
            assert len(page.docs) == scan.limit
            page = store.find("node", Scan(scan.where, scan.order, scan.limit, page.next))
        assert found == expected


@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    events=st.lists(st.tuples(words, words, st.integers(-2, 3)), max_size=12),
    where=st.lists(st.builds(Where, st.sampled_from(["node_id", "channel"]), st.just("=="), words), max_size=2),
    bounds=st.lists(st.tuples(st.sampled_from(sorted(RANGES)), st.integers(0, 12)), max_size=2),
    limit=st.integers(1, 4),
)
def test_the_log_is_scanned_like_a_plain_filter(shared, events, where, bounds, limit):
    store, clock = shared
    old = store.find("event", Scan(limit=5000)).docs
    store.transact(lambda tx: [tx.drop("event", d.key) for d in old])
    for n, (channel, node, seconds) in enumerate(events):
        clock.move(seconds=seconds)
        store.transact(lambda tx, c=channel, n=n, node=node: tx.append(c, f"e{n}", {"data": {"id": node}}))
    log = store.find("event", Scan(order="seq", limit=5000)).docs
    at = [d.body["at"] for d in log] or ["2026"]
    asked = (*where, *(Where("at", op, at[n % len(at)]) for op, n in bounds))

    def fits(doc):
        promoted = dict(zip((f.name for f in EVENT.fields), promote(EVENT, doc.body), strict=True))
        return all(holds(promoted, w) for w in asked)

    order = "seq" if where or not bounds else "at"
    # Both grow together along a channel only.
    expected = [d.key for d in sorted(log, key=lambda d: (d.body[order], d.key)) if fits(d)]
    assert store.count("event", asked) == len(expected)
    found, page = [], store.find("event", Scan(asked, order, limit))
    while page.next is not None:
        found += [d.key for d in page.docs]
        page = store.find("event", Scan(asked, order, limit, page.next))
    assert [*found, *(d.key for d in page.docs)] == expected
