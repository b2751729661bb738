"""Which queries are served by which indexes, and the words a query is refused with."""

from __future__ import annotations

import json

import pytest
from google.api_core.exceptions import FailedPrecondition
from google.auth.credentials import AnonymousCredentials
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or

from tests.emulators.firestore.aggregate import fields_of, read_aggregations
from tests.emulators.firestore.index import IndexSet
from tests.emulators.firestore.plan import check
from tests.emulators.firestore.query import read_query
from tests.emulators.rpc import Refused

from .conftest import put
from .test_query import F, found

BUILDER = firestore.Client(project="p", credentials=AnonymousCredentials())
"""Builds queries only; it never connects."""
NODES = BUILDER.collection("node")
GROUP = BUILDER.collection_group("node")
DESC = "DESCENDING"


def declare(*indexes, exempt=(), group=(), whole=()):
    """An index file in short: `a, -b, c[]`; fields without any index; fields indexed for the group; `whole` scope."""
    entries = [
        *({"collectionGroup": "node", "queryScope": "COLLECTION", "fields": parse(index)} for index in indexes),
        *({"collectionGroup": "node", "queryScope": "COLLECTION_GROUP", "fields": parse(index)} for index in whole),
    ]
    by_group = [{"order": "ASCENDING", "queryScope": "COLLECTION_GROUP"}]
    overrides = [
        *({"collectionGroup": "node", "fieldPath": name, "indexes": []} for name in exempt),
        *({"collectionGroup": "node", "fieldPath": name, "indexes": by_group} for name in group),
    ]
    return {"indexes": entries, "fieldOverrides": overrides}


def parse(index):
    return [parse_field(text.strip()) for text in index.split(",")]


def parse_field(text):
    if text.endswith("[]"):
        return {"fieldPath": text[:-2], "arrayConfig": "CONTAINS"}
    return {"fieldPath": text.lstrip("-"), "order": "DESCENDING" if text.startswith("-") else "ASCENDING"}


def where(*filters, order=(), of=NODES):
    query = of.offset(0)
    for f in filters:
        query = query.where(filter=f)
    for name in order:
        query = query.order_by(name.lstrip("-"), direction=DESC if name.startswith("-") else "ASCENDING")
    return query


A, B, C = F("a", "==", 1), F("b", "==", 2), F("c", "==", 3)
HAS_T = F("t", "array_contains", "x")

# The declared indexes, the query, and the indexes that serve it (as `declare` writes them), or None: refused.
SERVED = [
    # Automatic indexes.
    ("all", [], where(), []),
    ("an equality", [], where(A), ["a"]),
    ("in", [], where(F("a", "in", [1, 2])), ["a"]),
    ("null", [], where(F("a", "==", None)), ["a"]),
    ("an element", [], where(HAS_T), ["t[]"]),
    ("equalities are merged", [], where(A, B, HAS_T), ["a", "b", "t[]"]),
    ("a range", [], where(F("a", ">", 1), F("a", "<", 9)), ["a"]),
    ("a negation", [], where(F("a", "!=", 1)), ["a"]),
    ("one order", [], where(order=["a"]), ["a"]),
    ("one order downwards", [], where(order=["-a"]), ["-a"]),
    ("a range downwards", [], where(F("a", ">", 1), order=["-a"]), ["-a"]),
    ("an order that an equality fixes", [], where(A, order=["a"]), ["a"]),
    ("an order that all equalities fix", [], where(F("a", "in", [1, 2]), B, order=["a", "b"]), ["a", "b"]),
    ("alternatives of equalities", [], where(Or([A, B])), ["a", "b"]),
    ("names upwards", [], where(order=["__name__"]), []),
    ("a range of names", [], where(F("__name__", ">", NODES.document("x"))), []),
    ("an equality and a range of names", [], where(A, F("__name__", ">", NODES.document("x"))), ["a"]),
    ("inside a map", [], where(F("m.k", "==", 1)), ["m.k"]),
    ("names downwards", [], where(order=["-__name__"]), None),
    ("an equality, names downwards", [], where(A, order=["-__name__"]), None),
    ("an order, names against it", [], where(order=["a", "-__name__"]), None),
    ("two orders", [], where(order=["a", "b"]), None),
    ("two ranges", [], where(F("a", ">", 1), F("b", ">", 1)), None),
    ("an equality and an order", [], where(A, order=["b"]), None),
    ("an equality and a range", [], where(A, F("b", ">", 1)), None),
    ("an element and an order", [], where(HAS_T, order=["b"]), None),
    ("one alternative without", [], where(Or([A, And([B, F("c", ">", 1)])])), None),
    # Composite indexes.
    ("equality, then order", ["a, -b"], where(A, order=["-b"]), ["a, -b"]),
    ("in, then order", ["a, -b"], where(F("a", "in", [1, 2]), order=["-b"]), ["a, -b"]),
    ("equality, then range", ["a, b"], where(A, F("b", ">", 1)), ["a, b"]),
    ("the direction of an equality is nothing", ["-a, b"], where(A, order=["b"]), ["-a, b"]),
    ("never read backwards", ["a, b"], where(A, order=["-b"]), None),
    ("nor both of them", ["a, b"], where(order=["-a", "-b"]), None),
    ("both downwards", ["-a, -b"], where(order=["-a", "-b"]), ["-a, -b"]),
    ("equalities in any order", ["b, a, c"], where(A, B, order=["c"]), ["b, a, c"]),
    ("an element, then order", ["t[], b"], where(HAS_T, order=["b"]), ["t[], b"]),
    ("an element is no equality", ["t, b"], where(HAS_T, order=["b"]), None),
    ("an equality is no element", ["a[], b"], where(A, order=["b"]), None),
    ("too few equalities", ["a, c"], where(A, B, order=["c"]), None),
    ("too many fields", ["a, b, c"], where(A, order=["c"]), None),
    ("a field behind", ["a, b, c"], where(A, order=["b"]), None),
    ("the order in another place", ["b, a"], where(A, order=["b"]), None),
    ("names against the last order", ["a, b, -__name__"], where(A, order=["b", "-__name__"]), ["a, b, -__name__"]),
    ("names are part of it", ["a, b"], where(A, order=["b", "-__name__"]), None),
    ("names downwards, declared", ["a, -__name__"], where(A, order=["-__name__"]), ["a, -__name__"]),
    ("all names downwards, declared", ["-__name__"], where(order=["-__name__"]), ["-__name__"]),
    ("two ranges, by their names", ["a, b"], where(F("b", ">", 1), F("a", ">", 1)), ["a, b"]),
    ("two ranges, in another order", ["b, a"], where(F("b", ">", 1), F("a", ">", 1)), None),
    ("two ranges, as ordered", ["b, a"], where(F("b", ">", 1), F("a", ">", 1), order=["b"]), ["b, a"]),
    ("two ranges, downwards", ["-b, -a"], where(F("b", ">", 1), F("a", ">", 1), order=["-b"]), ["-b, -a"]),
    # Merged composite indexes.
    ("merged by one order", ["a, -c", "b, -c"], where(A, B, order=["-c"]), ["a, -c", "b, -c"]),
    ("merged, one element", ["a, c", "t[], c"], where(A, HAS_T, F("c", ">", 1)), ["a, c", "t[], c"]),
    ("not merged by other orders", ["a, -c", "b, c"], where(A, B, order=["-c"]), None),
    ("not merged with automatic ones", ["a, c"], where(A, B, order=["c"]), None),
    ("merged with automatic ones, no order", ["a, b"], where(A, B, C), ["a, b", "c"]),
    ("merged of three", ["a, d", "b, d", "c, d"], where(A, B, C, order=["d"]), ["a, d", "b, d", "c, d"]),
    ("merged with an overlap", ["a, b, d", "b, c, d"], where(A, B, C, order=["d"]), ["a, b, d", "b, c, d"]),
]  # fmt: skip


def plan(indexes, query, *aggregations):
    """The indexes that serve a query, written in short."""
    message = query._to_protobuf()._pb
    plans = check(IndexSet(indexes), read_query("", message), fields_of(read_aggregations(aggregations or [COUNT])))
    return list(dict.fromkeys(write(index) for plan in plans for index in plan))


def write(index):
    fields = [f"{p.path[0]}[]" if p.kind == "CONTAINS" else sign(p.kind) + ".".join(p.path) for p in index.parts]
    last = index.parts[-1].kind if index.parts else "ASCENDING"
    natural = DESC if last == DESC else "ASCENDING"
    return ", ".join([*fields, *([] if index.name == natural else [f"{sign(index.name)}__name__"])])


def sign(kind):
    return "-" if kind == DESC else ""


def message_of(query):
    return query._to_protobuf()._pb.aggregations[0]


COUNT = message_of(NODES.count(alias="n"))
SUM, AVG = message_of(NODES.sum("s", alias="s")), message_of(NODES.avg("r", alias="r"))


@pytest.mark.parametrize(("indexes", "query", "want"), [row[1:] for row in SERVED], ids=[row[0] for row in SERVED])
def test_served(indexes, query, want):
    if want is None:
        with pytest.raises(Refused, match=r"^The query requires an index\."):
            plan(declare(*indexes), query)
    else:
        assert sorted(plan(declare(*indexes), query)) == sorted(want)


@pytest.mark.parametrize(("file", "query", "is_served"), [
    (declare(exempt=["a"]), where(A), False),
    (declare(exempt=["a"]), where(order=["a"]), False),
    (declare(exempt=["a"]), where(B), True),
    (declare("a, b", exempt=["a", "b"]), where(A, order=["b"]), True),
    (declare("a, b", exempt=["a", "b"]), where(A, B), True),
    (declare(exempt=["t"]), where(HAS_T), False),
    (declare(exempt=["m"]), where(F("m.k", "==", 1)), False),
    (declare(exempt=["*"]), where(A), False),
    (declare(group=["m.k"], exempt=["m"]), where(F("m.k", "==", 1), of=GROUP), True),
    (declare(), where(of=GROUP), True),
    (declare(), where(A, of=GROUP), False),
    (declare(group=["a"]), where(A, of=GROUP), True),
    (declare(group=["a"]), where(A), False),
    (declare("a, b"), where(A, order=["b"], of=GROUP), False),
    (declare(whole=["a, b"]), where(A, order=["b"], of=GROUP), True),
    (declare(whole=["a, b"]), where(A, order=["b"]), False),
])  # fmt: skip
def test_exemptions_and_scopes(file, query, is_served):
    if is_served:
        plan(file, query)
    else:
        with pytest.raises(Refused, match="requires an index"):
            plan(file, query)


@pytest.mark.parametrize(("indexes", "query", "aggregations", "want"), [
    ([], where(A), [COUNT], ["a"]),
    ([], where(A), [SUM], None),
    ([], where(), [SUM], ["s"]),
    ([], where(), [SUM, AVG], None),
    (["a, s"], where(A), [SUM], ["a, s"]),
    (["a, s, r"], where(A), [SUM, AVG], ["a, s, r"]),
    (["a, r, s"], where(A), [SUM, AVG, COUNT], ["a, r, s"]),
    (["a, b, s"], where(A, F("b", ">", 1)), [SUM], ["a, b, s"]),
])  # fmt: skip
def test_aggregations(indexes, query, aggregations, want):
    if want is None:
        with pytest.raises(Refused, match="requires an index"):
            plan(declare(*indexes), query, *aggregations)
    else:
        assert plan(declare(*indexes), query, *aggregations) == want


@pytest.mark.parametrize("row", [row for row in SERVED if row[3] is None], ids=lambda row: row[0])
def test_the_indexes_that_refusals_name_serve(row):
    """One for each alternative of the query."""
    _, indexes, query, _ = row
    file, refusals = declare(*indexes), 0
    while refusals < 3:
        try:
            assert plan(file, query)
            break
        except Refused as refused:
            refusals += 1
            file["indexes"].append(json.loads(refused.message.partition("): ")[2]))
    assert 1 <= refusals < 3


def test_over_the_wire(start_with, tmp_path):
    file = tmp_path / "firestore.indexes.json"
    file.write_text(json.dumps(declare("state, -created", exempt=["body"])))
    client = start_with(file)
    nodes = put(client.collection("node"), {str(n): {"state": "done", "created": n, "body": "b"} for n in range(3)})
    done = nodes.where(filter=FieldFilter("state", "==", "done"))
    assert found(done.order_by("created", direction=DESC)) == ["2", "1", "0"]
    words = r"requires an index.*'node', scope COLLECTION, on \(state ASCENDING, created ASCENDING\)"
    refused = [
        lambda: found(done.order_by("created")),
        lambda: done.order_by("created").count().get(),
        lambda: found(nodes.where(filter=FieldFilter("body", "==", "b"))),
    ]
    for query, text in zip(refused, (words, words, "body ASCENDING"), strict=True):
        with pytest.raises(FailedPrecondition, match=text):
            query()


@pytest.mark.parametrize(("file", "word"), [
    ({"indexes": [{"collectionGroup": "n", "fields": [{"fieldPath": "a"}, {"fieldPath": "b"}]}]}, "has an order"),
    ({"indexes": [{"collectionGroup": "n", "fields": [{"fieldPath": "a", "order": "UP"}]}]}, "has an order"),
    ({"indexes": [{"collectionGroup": "n", "queryScope": "ALL", "fields": parse("a, b")}]}, "query scope"),
    (declare("a"), "no composite index"),
    (declare("-a, -__name__"), "no composite index"),
    (declare("a, a"), "holds a field twice"),
    (declare("a, __name__, b"), "before its end"),
    (declare("a[], b[]"), "two arrays"),
    (declare("a, b", "c, d", "a, b, __name__"), "declared twice"),
    (declare(", ".join(f"f{n}" for n in range(100))), "more than 100 fields"),
    (declare(*(f"a, f{n}" for n in range(1001))), "the most is 1000"),
    (declare(exempt=[f"f{n}" for n in range(201)]), "the most is 200"),
    (declare(exempt=["a", "a"]), "overridden twice"),
    ({"fieldOverrides": [{"collectionGroup": "n", "fieldPath": name, "ttl": True} for name in "ab"]}, "two TTL"),
])  # fmt: skip
def test_a_file_the_service_would_not_take(file, word):
    with pytest.raises(ValueError, match=word):
        IndexSet(file)


def test_a_policy_alone_leaves_the_automatic_indexes():
    file = {"fieldOverrides": [{"collectionGroup": "node", "fieldPath": "a", "ttl": True}]}
    assert plan(file, where(A)) == ["a"]
