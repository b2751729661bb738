"""Counts, sums and averages."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument

from .test_order import TEN
from .test_query import DOCS, F

MIXED = {"a": {"v": 1}, "b": {"v": 0.5}, "c": {"v": "x"}, "d": {"v": 2}, "e": {"w": 1}}
LARGE = {"a": {"v": 2**62}, "b": {"v": 2**62}}

AGGREGATIONS = [
    ("count", TEN, lambda c: c.count(alias="n"), {"n": 10}),
    ("count of a filter", TEN, lambda c: c.where(filter=F("m", "==", 0)).count(alias="n"), {"n": 4}),
    ("count of a limit", TEN, lambda c: c.limit(3).count(alias="n"), {"n": 3}),
    ("count of an offset", TEN, lambda c: c.offset(3).count(alias="n"), {"n": 7}),
    ("count inside a map", DOCS, lambda c: c.where(filter=F("n.k", ">", 1)).count(alias="n"), {"n": 2}),
    ("sum and average", TEN, lambda c: c.sum("i", alias="s").avg("i", alias="a"), {"s": 45, "a": 4.5}),
    ("an average of those that have it", DOCS, lambda c: c.avg("i", alias="a"), {"a": 2.5}),
    ("a sum inside a map", DOCS, lambda c: c.sum("n.k", alias="s"), {"s": 6}),
    ("a sum of numbers only", MIXED, lambda c: c.sum("v", alias="s"), {"s": 3.5}),
    ("all fields or none", MIXED, lambda c: c.count(alias="n").sum("v", alias="s"), {"n": 4, "s": 3.5}),
    ("a sum past 64 bits", LARGE, lambda c: c.sum("v", alias="s"), {"s": float(2**63)}),
    ("nothing", {}, lambda c: c.count(alias="n").sum("i", alias="s").avg("i", alias="a"), {"n": 0, "s": 0, "a": 0}),
    ("a name is made", TEN, lambda c: c.count(), {"field_1": 10}),
]  # fmt: skip


@pytest.mark.parametrize(("docs", "query", "want"), [r[1:] for r in AGGREGATIONS], ids=[r[0] for r in AGGREGATIONS])
def test_aggregate(fill, docs, query, want):
    values = {r.alias: r.value for r in query(fill(docs)).get()[0]}
    assert values == want
    assert all(isinstance(values[alias], type(value)) for alias, value in want.items() if value)


def aggregate(client, *aggregations):
    query = {"structured_query": {"from_": [{"collection_id": "node"}]}, "aggregations": list(aggregations)}
    request = {"parent": f"{client._database_string}/documents", "structured_aggregation_query": query}
    (response,) = client._firestore_api.run_aggregation_query(request=request)
    return response.result.aggregate_fields


def test_a_count_up_to(client, fill):
    fill(TEN)
    assert aggregate(client, {"alias": "n", "count": {"up_to": 4}})["n"].integer_value == 4
    assert aggregate(client, {"alias": "n", "count": {"up_to": 40}})["n"].integer_value == 10


def test_an_average_of_nothing_is_null(client):
    found = aggregate(client, {"alias": "a", "avg": {"field": {"field_path": "v"}}})
    assert found["a"]._pb.WhichOneof("value_type") == "null_value"


@pytest.mark.parametrize("aggregations", [
    [], [{"alias": f"a{n}", "count": {}} for n in range(6)], [{"alias": "a", "count": {}}] * 2,
    [{"count": {"up_to": 0}}], [{"alias": "a"}], [{"sum": {"field": {"field_path": "__name__"}}}],
], ids=["none", "six", "one alias twice", "up to zero", "no operator", "a sum of names"])  # fmt: skip
def test_refused(client, aggregations):
    with pytest.raises(InvalidArgument):
        aggregate(client, *aggregations)
