"""What queries match, by operator and type, and the order they come in."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.base_query import And, FieldFilter, Or
from google.cloud.firestore_v1.vector import Vector

F = FieldFilter
DOCS = {
    "a": {"i": 1, "s": "x", "t": ["r", "g"], "n": {"k": 1}},
    "b": {"i": 2, "s": "y", "t": ["g"], "n": {"k": 2}},
    "c": {"i": 3, "s": "x", "t": [], "n": {"k": 3}},
    "d": {"i": 4, "s": None, "t": ["b", "r"]},
    "e": {"s": "z"},
}

# The filters of a query over DOCS (all must hold), and the ids it finds.
FILTERS = [
    ([F("s", "==", "x")], "ac"),
    ([F("s", "==", "nope")], ""),
    ([F("i", "!=", 1)], "bcd"),
    ([F("s", "!=", "x")], "be"),
    ([F("s", "==", None)], "d"),
    ([F("s", "!=", None)], "abce"),
    ([F("i", "<=", 2)], "ab"),
    ([F("i", "<", 2)], "a"),
    ([F("i", ">", 2)], "cd"),
    ([F("i", ">=", 2), F("i", "<", 4)], "bc"),
    ([F("i", ">", "")], ""),
    ([F("s", ">", "x")], "be"),
    ([F("s", "in", ["x", "z"])], "ace"),
    ([F("s", "not-in", ["x"])], "be"),
    ([F("s", "not-in", ["x", None])], ""),
    ([F("t", "array_contains", "r")], "ad"),
    ([F("t", "array_contains_any", ["g", "b"])], "abd"),
    ([F("s", "array_contains", "x")], ""),
    ([F("n.k", "==", 2)], "b"),
    ([F("n.k", ">", 1)], "bc"),
    ([F("s.k", "==", "x")], ""),
    ([F("s", "==", "x"), F("i", "<", 3)], "a"),
    ([And([F("s", "==", "x"), F("i", "==", 1)])], "a"),
    ([Or([F("i", "==", 1), F("s", "==", "y")])], "ab"),
    ([And([Or([F("i", "==", 1), F("i", "==", 2)]), F("s", "==", "x")])], "a"),
    ([Or([And([F("i", "==", 1), F("s", "==", "x")]), F("s", "==", "z")])], "ae"),
    ([F("i", ">", 1), F("n.k", ">=", 3)], "c"),
    ([F("s", "==", "x"), F("t", "array_contains", "r"), F("i", "<", 3)], "a"),
    ([F("i", "in", [1, 2]), F("s", "in", ["y", "z"])], "b"),
    ([F("i", "!=", 2), F("i", "!=", 3)], "ad"),
]  # fmt: skip


def name_filter(f):
    return f"{f.field_path} {f.op_string} {f.value}" if isinstance(f, FieldFilter) else type(f).__name__


@pytest.mark.parametrize(("filters", "want"), FILTERS, ids=[" & ".join(map(name_filter, row[0])) for row in FILTERS])
def test_filter(fill, filters, want):
    query = fill(DOCS)
    for f in filters:
        query = query.where(filter=f)
    assert sorted(found(query)) == list(want)


def found(query):
    return [s.id for s in query.stream()]


AT = datetime(2024, 1, 1, tzinfo=UTC)

# A value, other values that are equal to it, and some that are not.
EQUALS = [
    (1, [1, 1.0], [1.5, "1", True, None]),
    (float("nan"), [float("nan")], [0, None]),
    (0.0, [0, -0.0], [False]),
    ({"x": 1}, [{"x": 1.0}], [{"x": 1, "y": 2}, {"y": 1}, {}]),
    ([1, 2], [[1.0, 2]], [[2, 1], [1], [1, 2, 3]]),
    (b"a", [b"a"], ["a"]),
    (AT, [AT], [AT.replace(microsecond=1)]),
    (GeoPoint(1, 2), [GeoPoint(1, 2)], [GeoPoint(2, 1)]),
    (Vector([1.0]), [Vector([1.0])], [Vector([1.0, 2.0]), [1.0]]),
]


@pytest.mark.parametrize(("value", "equal", "other"), EQUALS, ids=[repr(row[0])[:20] for row in EQUALS])
def test_equality(fill, value, equal, other):
    nodes = fill({f"{n}": {"v": v} for n, v in enumerate([*equal, *other])})
    assert found(nodes.where(filter=F("v", "==", value))) == [str(n) for n in range(len(equal))]


def test_equality_of_references(client, nodes):
    nodes.document("a").set({"r": nodes.document("q")})
    nodes.document("b").set({"r": nodes.document("p")})
    assert found(nodes.where(filter=F("r", "==", nodes.document("q")))) == ["a"]


def test_not_a_number(fill):
    nodes = fill({"a": {"v": 1}, "n": {"v": float("nan")}, "z": {"v": None}})
    assert found(nodes.where(filter=F("v", "!=", float("nan")))) == ["a"]
    assert found(nodes.where(filter=F("v", "<", 5))) == ["n", "a"]


def test_ranges_stay_within_a_type(fill):
    nodes = fill({"a": {"v": 1}, "b": {"v": 1.5}, "c": {"v": 2}, "d": {"v": "2"}, "e": {"v": AT}, "f": {"v": True}})
    assert found(nodes.where(filter=F("v", ">", 1))) == ["b", "c"]
    assert found(nodes.where(filter=F("v", ">=", ""))) == ["d"]
    assert found(nodes.where(filter=F("v", "<=", AT))) == ["e"]


def test_names(nodes, fill):
    fill({f"{n:02}": {"n": n} for n in range(10)})
    assert found(nodes.where(filter=F("__name__", ">=", nodes.document("08")))) == ["08", "09"]
    assert found(nodes.where(filter=F("__name__", "in", [nodes.document("05"), nodes.document("01")]))) == ["01", "05"]
    assert found(nodes.where(filter=F("__name__", "==", nodes.document("05")))) == ["05"]


def request(client, **query):
    """A query as it goes over the wire, past the client's own checks."""
    query = {"from_": [{"collection_id": "node"}], **query}
    return client._firestore_api.run_query(
        request={"parent": f"{client._database_string}/documents", "structured_query": query}
    )


def field(name, op, value):
    return {"field_filter": {"field": {"field_path": name}, "op": op, "value": value}}


def numbers(count):
    return {"array_value": {"values": [{"integer_value": n} for n in range(count)]}}


def both(*filters):
    return {"composite_filter": {"op": "AND", "filters": list(filters)}}


def either(*filters):
    return {"composite_filter": {"op": "OR", "filters": list(filters)}}


ONE = {"integer_value": 1}
REFUSED = [
    ("31 values", {"where": field("i", "IN", numbers(31))}),
    ("31 values of arrays", {"where": field("i", "ARRAY_CONTAINS_ANY", numbers(31))}),
    ("11 values not to be", {"where": field("i", "NOT_IN", numbers(11))}),
    ("no values", {"where": field("i", "IN", numbers(0))}),
    ("a list that is none", {"where": field("i", "IN", ONE)}),
    ("36 disjunctions", {"where": both(field("i", "IN", numbers(6)), field("j", "IN", numbers(6)))}),
    ("two array-contains", {"where": both(field("t", "ARRAY_CONTAINS", ONE), field("u", "ARRAY_CONTAINS", ONE))}),
    ("not-in and !=", {"where": both(field("i", "NOT_IN", numbers(2)), field("j", "NOT_EQUAL", ONE))}),
    ("not-in and or", {"where": either(field("i", "NOT_IN", numbers(2)), field("j", "EQUAL", ONE))}),
    ("not-in and in", {"where": both(field("i", "NOT_IN", numbers(2)), field("j", "IN", numbers(2)))}),
    ("a name that is no reference", {"where": field("__name__", "EQUAL", {"string_value": "a"})}),
    ("11 inequalities", {"where": both(*(field(f"i{n}", "GREATER_THAN", ONE) for n in range(11)))}),
    ("101 parts", {"where": both(*(field(f"i{n}", "EQUAL", ONE) for n in range(100)))}),
    ("no operator", {"where": field("i", 0, ONE)}),
    ("an empty filter", {"where": {"composite_filter": {"op": "AND"}}}),
    ("a path that is none", {"where": field("a..b", "EQUAL", ONE)}),
    ("two collections", {"from_": [{"collection_id": "a"}, {"collection_id": "b"}]}),
    ("a field ordered by twice", {"order_by": [{"field": {"field_path": "i"}}, {"field": {"field_path": "i"}}]}),
    ("a cursor longer than the order", {"start_at": {"values": [ONE, ONE]}}),
    ("a cursor that is no reference", {"start_at": {"values": [ONE]}}),
    ("a negative limit", {"limit": -1}),
    ("a negative offset", {"offset": -1}),
]  # fmt: skip


@pytest.mark.parametrize("query", [row[1] for row in REFUSED], ids=[row[0] for row in REFUSED])
def test_refused(client, query):
    with pytest.raises(InvalidArgument):
        list(request(client, **query))
