"""The order of results, cursors, limits, projections."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.base_query import FieldFilter
from google.cloud.firestore_v1.vector import Vector

from .test_query import DOCS, F, found

TEN = {f"{n:02}": {"i": n, "m": n % 3} for n in range(10)}
DESC = "DESCENDING"


@pytest.mark.parametrize(("docs", "orders", "want"), [
    (DOCS, [("i",)], "abcd"),
    (DOCS, [("i", DESC)], "dcba"),
    (DOCS, [("n.k", DESC)], "cba"),
    (DOCS, [("__name__",)], "abcde"),
    (DOCS, [("__name__", DESC)], "edcba"),
    (DOCS, [("s",), ("i", DESC)], "dcab"),
    (DOCS, [("s", DESC), ("__name__",)], "ebacd"),
    ({k: {"v": 1} for k in "bac"}, [], "abc"),
    ({k: {"v": 1} for k in "bac"}, [("v",)], "abc"),
    ({k: {"v": 1} for k in "bac"}, [("v", DESC)], "cba"),
    ({k: {"v": 1} for k in ["é", "a", "Z", "1"]}, [], "1Zaé"),
    ({"d": {"a": 1, "b": 1}, "c": {"a": 1, "b": 1}, "b": {"a": 0, "b": 9}, "a": {"a": 1, "b": 2}}, [("a",), ("b",)],
     "bcda"),
    ({"a": {"v": "\U0001f600"}, "b": {"v": "\uff21"}, "c": {"v": "z"}}, [("v",)], "cba"),
    ({"a": {"v": {"b": 1}}, "b": {"v": {"a": 2}}, "c": {"v": {"a": 1, "z": 0}}, "d": {"v": {"a": 1}}}, [("v",)],
     "dcba"),
    ({"a": {"v": [1, 2]}, "b": {"v": [1]}, "c": {"v": []}, "d": {"v": [0, 9]}}, [("v",)], "cdba"),
])  # fmt: skip
def test_order(fill, docs, orders, want):
    query = fill(docs)
    for order in orders:
        query = query.order_by(order[0], direction=order[1] if len(order) > 1 else "ASCENDING")
    assert "".join(found(query)) == want


def test_types_in_their_order(client, nodes, fill):
    values = [
        None, False, True, float("nan"), float("-inf"), -1, 0.5, 1, 2**53 + 1, datetime(2020, 1, 1, tzinfo=UTC), "",
        "a", b"", b"x", client.document("a/r"), client.document("a/r/b/a"), client.document("b/a"), GeoPoint(0, 0),
        GeoPoint(0, 1), [], [1], Vector([9.0]), Vector([1.0, 2.0]), {}, {"a": 1},
    ]  # fmt: skip
    fill({f"{n:02}": {"v": v} for n, v in reversed(list(enumerate(values)))})
    assert found(nodes.order_by("v")) == sorted(s.id for s in nodes.stream())
    assert found(nodes.order_by("v", direction=DESC)) == [f"{n:02}" for n in reversed(range(len(values)))]


def test_an_inequality_orders_by_its_field(fill):
    nodes = fill({"a": {"v": 3, "w": 1}, "b": {"v": 2, "w": 1}, "c": {"v": 1, "w": 2}})
    assert found(nodes.where(filter=F("v", ">", 0))) == ["c", "b", "a"]
    assert found(nodes.where(filter=F("w", ">", 0)).where(filter=F("v", ">", 0))) == ["c", "b", "a"]
    both = nodes.where(filter=F("v", ">", 0)).where(filter=F("w", ">", 0))
    assert found(both.order_by("w", direction=DESC)) == ["c", "a", "b"]


# A query over TEN, and the ids it gives.
BOUNDS = [
    ("limit", lambda c: c.order_by("i").limit(3), "00 01 02"),
    ("limit alone", lambda c: c.limit(2), "00 01"),
    ("offset", lambda c: c.order_by("i").offset(7), "07 08 09"),
    ("offset and limit", lambda c: c.order_by("i").offset(7).limit(2), "07 08"),
    ("offset past the end", lambda c: c.order_by("i").offset(12), ""),
    ("start after", lambda c: c.order_by("i").start_after({"i": 6}), "07 08 09"),
    ("start at", lambda c: c.order_by("i").start_at({"i": 7}), "07 08 09"),
    ("end before", lambda c: c.order_by("i").end_before({"i": 2}), "00 01"),
    ("end at", lambda c: c.order_by("i").end_at({"i": 1}), "00 01"),
    ("between, downwards", lambda c: c.order_by("i", direction=DESC).start_after({"i": 5}).end_at({"i": 3}), "04 03"),
    ("by the first of two", lambda c: c.order_by("m").order_by("i", direction=DESC).start_at({"m": 2}), "08 05 02"),
    ("by both", lambda c: c.order_by("m").order_by("i").start_after({"m": 2, "i": 2}), "05 08"),
    ("after a document", lambda c: c.order_by("m").start_after(c.document("04").get()).limit(3), "07 02 05"),
    ("by name", lambda c: c.order_by("__name__").start_at({"__name__": c.document("08")}), "08 09"),
    ("range and cursor", lambda c: c.where(filter=F("i", ">", 2)).order_by("i").start_after({"i": 7}), "08 09"),
]  # fmt: skip


@pytest.mark.parametrize(("query", "want"), [row[1:] for row in BOUNDS], ids=[row[0] for row in BOUNDS])
def test_bounds(fill, query, want):
    assert found(query(fill(TEN))) == want.split()


def test_the_last_ones(fill):
    assert [s.id for s in fill(TEN).order_by("i").limit_to_last(3).get()] == ["07", "08", "09"]


def test_page_by_page(fill):
    query, pages = fill(TEN).order_by("m").limit(3), []
    page = list(query.stream())
    while page:
        pages.append([s.id for s in page])
        page = list(query.start_after(page[-1]).stream())
    assert pages == [["00", "03", "06"], ["09", "01", "04"], ["07", "02", "05"], ["08"]]


def test_projection(fill):
    nodes = fill(DOCS)
    assert next(nodes.select(["i"]).stream()).to_dict() == {"i": 1}
    assert next(nodes.select(["n.k", "none"]).stream()).to_dict() == {"n": {"k": 1}}
    assert [s.to_dict() for s in nodes.select([]).stream()] == [{}] * 5


def test_reading_the_past(fill, nodes):
    fill(DOCS)
    before = nodes.document("a").get()
    nodes.document("a").set({"i": 7})
    nodes.document("b").delete()
    nodes.document("new").set({"i": 0})
    assert nodes.document("a").get(read_time=before.read_time).to_dict() == DOCS["a"]
    query = nodes.where(filter=FieldFilter("i", "<", 9))
    assert [s.id for s in query.stream(read_time=before.read_time)] == ["a", "b", "c", "d"]
    assert found(query) == ["new", "c", "d", "a"]
