"""Field transforms: what the server works out."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import pytest
from google.api_core.exceptions import InvalidArgument
from google.cloud.firestore import SERVER_TIMESTAMP, ArrayRemove, ArrayUnion, Increment, Maximum, Minimum

# What a document is, the update, what it is then.
UPDATES = [
    ("increments", {"i": 1, "f": 1.5}, {"i": Increment(2), "f": Increment(1), "m": Increment(-4)},
     {"i": 3, "f": 2.5, "m": -4}),
    ("an increment inside a map", {"n": {"i": 1, "k": 9}}, {"n.i": Increment(2)}, {"n": {"i": 3, "k": 9}}),
    ("an increment of a text", {"i": "s"}, {"i": Increment(2)}, {"i": 2}),
    ("an increment by a fraction", {"i": 1}, {"i": Increment(0.5)}, {"i": 1.5}),
    ("an increment past 64 bits", {"i": 2**63 - 2, "j": -(2**63)}, {"i": Increment(5), "j": Increment(-1)},
     {"i": 2**63 - 1, "j": -(2**63)}),
    ("a union", {"l": [1, 2]}, {"l": ArrayUnion([2, 3, 3])}, {"l": [1, 2, 3]}),
    ("a union of equal numbers", {"l": [1]}, {"l": ArrayUnion([1.0])}, {"l": [1]}),
    ("a union with what is not there", {"x": 1}, {"l": ArrayUnion(["a"])}, {"x": 1, "l": ["a"]}),
    ("a union with what is no array", {"l": "s"}, {"l": ArrayUnion(["a"])}, {"l": ["a"]}),
    ("a removal", {"l": [1, 2, 1, 1.0]}, {"l": ArrayRemove([1])}, {"l": [2]}),
    ("a removal from what is not there", {}, {"l": ArrayRemove([1])}, {"l": []}),
    ("a union and an increment", {"l": [1], "i": 1}, {"l": ArrayUnion([2]), "i": Increment(1)}, {"l": [1, 2], "i": 2}),
    ("bounds", {"a": 5, "b": 5, "c": 5}, {"a": Maximum(9), "b": Minimum(2), "c": Maximum(3)}, {"a": 9, "b": 2, "c": 5}),
    ("bounds of other types", {"a": 5, "b": "s"}, {"a": Maximum(5.5), "b": Minimum(2)}, {"a": 5.5, "b": 2}),
    ("transforms beside values", {"i": 1, "x": 1}, {"i": Increment(1), "x": 2}, {"i": 2, "x": 2}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "update", "want"), [row[1:] for row in UPDATES], ids=[row[0] for row in UPDATES])
def test_update(node, given, update, want):
    node.set(given)
    node.update(update)
    found = node.get().to_dict()
    assert found == want
    assert [type(v) for v in found.values()] == [type(found[k]) for k in found]


def test_server_time(node):
    now = datetime.now(UTC)
    node.set({"x": 1})
    node.set({"t": SERVER_TIMESTAMP, "u": SERVER_TIMESTAMP}, merge=True)
    found = node.get().to_dict()
    assert found["x"] == 1 and found["t"] == found["u"]
    assert abs(found["t"] - now) < timedelta(seconds=10) and found["t"].microsecond % 1000 == 0


def test_the_results_of_transforms(node):
    node.set({"i": 1})
    result = node.update({"i": Increment(2), "l": ArrayUnion([1])})
    by_kind = {v._pb.WhichOneof("value_type"): v for v in result.transform_results}
    assert by_kind["integer_value"].integer_value == 3 and "null_value" in by_kind


def test_equal_numbers_stay_as_they_are(node):
    node.set({"a": 3})
    node.update({"a": Maximum(3.0)})
    assert isinstance(node.get().get("a"), int)


def test_nan_is_the_outcome_of_bounds(node):
    node.set({"a": 1, "b": 1})
    node.update({"a": Maximum(float("nan")), "b": Minimum(float("nan"))})
    assert all(math.isnan(v) for v in node.get().to_dict().values())


def test_an_operand_that_is_no_number(client, node):
    transform = {"field_path": "a", "increment": {"string_value": "x"}}
    write = {"update": {"name": node._document_path}, "update_transforms": [transform]}
    with pytest.raises(InvalidArgument, match="not a number"):
        client._firestore_api.commit(request={"database": client._database_string, "writes": [write]})
