"""Whatever nodes there are and whatever is asked: the indexes answer as a plain filter over everything would."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import orjson
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.clock import stamp, to_milliseconds
from lib.dialects.kernelci.codec import NODE_KEYS, decode_node, encode_created, encode_node
from lib.dialects.kernelci.codec_query import NODE_FIELDS, OPERATORS, WireType, decode_filters
from lib.domain.node.node import KINDS, RESULTS, STATES, Node, from_body, to_body
from lib.domain.query.pattern import regex
from lib.domain.query.query import Filter, Query, matches
from lib.domain.query.search import Searcher
from lib.errors import Invalid
from lib.store.port import Scan
from lib.store.sqlite.store import SqliteStore

START = datetime(2024, 2, 1, tzinfo=UTC)
# `…` stands for nearly as many characters as an index entry holds.
LONG = "x" * 998


def lengthen(text):
    return text.replace("…", LONG)


# Few values, so that filters meet what they ask for; the odd ones stand at the edges of an index entry.
TEXTS = st.sampled_from(["a", "ab", "b", "", "true", "null", "6", "é", "a,b", "…", "…a", "…b", "…xxx"]).map(lengthen)
MAYBE = st.none() | TEXTS
MOMENTS = st.integers(0, 5).map(lambda n: START + timedelta(milliseconds=n * 1500))
IDS = st.integers(1, 12).map(lambda n: f"{n:024x}")
URLS = st.sampled_from(["http://h/", "http://h/a", "http://h/…", "http://h/…b"]).map(lengthen)
SCALARS = st.none() | st.booleans() | st.integers(-2, 7) | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=5
)
DATA = st.none() | st.fixed_dictionaries(
    {},
    optional={
        "x": JSON, "a.b": SCALARS, "a": st.dictionaries(st.sampled_from(["b", "c"]), JSON, max_size=2),
        "platform": MAYBE, "runtime": MAYBE,
        "kernel_revision": st.none() | st.fixed_dictionaries({"tree": MAYBE, "commit": MAYBE, "extra": JSON}),
    },
)  # fmt: skip
ARTIFACTS = st.none() | st.dictionaries(st.sampled_from(["log", "dtbs/x.dtb"]), URLS)


def nodes(id=IDS, data=DATA):
    return st.builds(
        Node,
        id=id, kind=st.sampled_from(KINDS), name=TEXTS, path=st.lists(TEXTS, max_size=3), created=MOMENTS,
        updated=MOMENTS, timeout=MOMENTS, received_at=MOMENTS, group=MAYBE, parent=st.none() | IDS,
        state=st.sampled_from(STATES), result=st.none() | st.sampled_from(RESULTS), artifacts=ARTIFACTS, data=data,
        debug=st.none() | st.dictionaries(TEXTS, SCALARS, max_size=2),
        jobfilter=st.none() | st.lists(TEXTS, max_size=2),
        platform_filter=st.none() | st.lists(TEXTS, max_size=2), holdoff=st.none() | MOMENTS, owner=MAYBE,
        submitter=MAYBE, treeid=MAYBE, user_groups=st.lists(TEXTS, max_size=2, unique=True),
        retry_counter=st.integers(0, 7),
        processed_by_kcidb_bridge=st.booleans(),
    )  # fmt: skip


PATHS = st.sampled_from([
    "kind", "name", "path", "path.0", "path.x", "group", "parent", "state", "result", "created", "timeout",
    "holdoff", "artifacts", "artifacts.log", "artifacts.dtbs/x.dtb", "data", "data.x", "data.x.0", "data.x.a",
    "data.a.b", "data.platform", "data.kernel_revision.tree", "data.kernel_revision.commit",
    "data.kernel_revision.extra.a",
    "owner", "submitter", "treeid", "jobfilter", "retry_counter", "processed_by_kcidb_bridge", "nothing",
])  # fmt: skip
VALUES = SCALARS | IDS | MOMENTS.map(stamp) | URLS | st.sampled_from([*KINDS, *STATES, *RESULTS])
FILTERS = st.one_of(
    st.builds(Filter, PATHS, st.sampled_from(["eq", "ne"]), VALUES),
    st.builds(Filter, PATHS, st.sampled_from(["lt", "lte", "gt", "gte"]), VALUES.filter(lambda v: v is not None)),
    st.builds(Filter, PATHS, st.sampled_from(["in", "nin"]), st.lists(VALUES, max_size=4).map(tuple)),
    # Ids are loaded by their keys: the codec lets none through that could not be one.
    st.builds(Filter, st.just("id"), st.sampled_from(["eq", "ne", "lt", "gte"]), IDS),
    st.builds(Filter, st.just("id"), st.sampled_from(["in", "nin"]), st.lists(IDS, max_size=4).map(tuple)),
    st.builds(Filter, PATHS, st.just("re"), st.sampled_from(["a", "^x+$", "b|6", ""]).map(lambda p: regex(p, "p"))),
)
QUERIES = st.builds(
    Query, st.lists(FILTERS, max_size=4).map(tuple), st.none() | st.integers(1, 5), st.sampled_from([0, 0, 1, 3, 20])
)
SOME_NODES = st.lists(nodes(), max_size=12, unique_by=lambda n: n.id)
SLOW = settings(max_examples=50, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])


def filled(some):
    store = SqliteStore("")

    def work(tx):
        for node in some:
            tx.create("node", node.id, to_body(node))

    store.transact(work)
    return store


def plainly(store, query, order):
    """The records by a look at every one of them."""
    docs = [d for d in store.find("node", Scan((), order, 1000)).docs if matches(d.body, query.filters)]
    return docs[query.offset :][: query.limit]


@SLOW
@given(SOME_NODES, st.lists(QUERIES, min_size=3, max_size=8), st.sampled_from(["received_at", "-received_at"]))
def test_a_search_finds_what_a_look_at_everything_finds(some, queries, order):
    store = filled(some)
    try:
        searcher = Searcher(store, 10_000)
        for query in [*queries, *queries]:
            found = [d.key for d in searcher.find("node", query, order)]
            assert found == [d.key for d in plainly(store, query, order)], query
            assert searcher.count("node", query.filters) == len(plainly(store, Query(query.filters), order)), query
    finally:
        store.close()


@SLOW
@given(SOME_NODES)
def test_everything_comes_in_the_order_it_was_received(some):
    store = filled(some)
    try:
        found = [d.key for d in Searcher(store, 10_000).find("node", Query())]
        assert found == [n.id for n in sorted(some, key=lambda n: (n.received_at, n.id))]
    finally:
        store.close()


@given(nodes())
def test_a_stored_node_reads_back(node):
    assert from_body(orjson.loads(orjson.dumps(to_body(node))), node.rev) == node


SENT = {kind: st.dictionaries(st.sampled_from(["x", "a.b", "odd"]), JSON, max_size=3) for kind in KINDS}


@given(st.sampled_from(KINDS).flatmap(lambda kind: st.tuples(st.just(kind), nodes(data=SENT[kind]))), st.booleans())
def test_what_is_written_for_a_client_reads_back(kind_and_node, as_created):
    kind, node = kind_and_node
    node.kind = kind
    wire = orjson.loads(orjson.dumps(encode_created(node) if as_created else encode_node(node)))
    id, draft = decode_node(wire)
    assert id == node.id
    assert draft == {k: _cut(getattr(node, k)) for k in NODE_KEYS if k != "id"}


def _cut(value):
    return to_milliseconds(value) if isinstance(value, datetime) else value


KEYS = st.builds(
    lambda name, rest, op: name + rest + op,
    st.sampled_from([*NODE_FIELDS.by_name, "zoo", "$x", ""]) | st.text(max_size=4),
    st.sampled_from(["", "", ".a", ".0", "..", ".a.b"]),
    st.sampled_from(["", *(f"__{op}" for op in OPERATORS), "__zoo", "__a__b"]),
)
WIRE_VALUES = (
    TEXTS | st.text(max_size=6) | st.sampled_from(["null", "true", "False", "2024-01-01", "9" * 30, "(", "1,2"])
)
A_BODY = to_body(
    Node(
        "0" * 24,
        "job",
        "a",
        ["a"],
        START,
        START,
        START,
        START,
        data={"a": {"b": [1, "x"]}},
        artifacts={"a": "http://h/"},
    )
)


@given(st.lists(st.tuples(KEYS, WIRE_VALUES), max_size=5))
def test_any_query_string_is_filters_or_a_refusal_with_a_name(pairs):
    try:
        filters = decode_filters(dict(pairs), NODE_FIELDS)
    except Invalid as error:
        assert error.message
        return
    assert matches(A_BODY, filters) in (True, False)
    assert len(filters) == len(dict(pairs))


def test_every_type_of_field_is_met():
    assert {field.type for field in NODE_FIELDS.by_name.values()} == set(WireType)
