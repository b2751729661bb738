"""What a field may hold, and how values come back."""

from __future__ import annotations

import math
from datetime import UTC, datetime

import pytest
from google.api_core.datetime_helpers import DatetimeWithNanoseconds
from google.cloud.firestore_v1 import GeoPoint
from google.cloud.firestore_v1.vector import Vector

VALUES = [
    None, True, False, 0, -1, 2**53 + 1, 2**63 - 1, -(2**63), 1.5, 3.0, float("inf"), "", "é", "\U0001f600", b"",
    bytes(range(256)), [], {}, [{"a": [1, 2]}, {"b": None}], {"a": {"b": {"c": [True]}}}, [1, 2.0, "x", None],
    datetime(2024, 5, 6, 7, 8, 9, 123456, tzinfo=UTC), datetime(1955, 1, 2, 3, 4, 5, 678000, tzinfo=UTC),
    GeoPoint(1.5, -2.25), Vector([1.0, 2.0]), "y" * 5000,
]  # fmt: skip


@pytest.mark.parametrize("value", VALUES, ids=lambda v: f"{type(v).__name__} {v!r:.20}")
def test_comes_back(node, value):
    node.set({"v": value})
    found = node.get().to_dict()["v"]
    assert found == value and isinstance(found, type(value))


def test_nan(node):
    node.set({"v": float("nan")})
    assert math.isnan(node.get().get("v"))


def test_a_reference(client, node):
    node.set({"r": client.document("x/y/z/w")})
    assert node.get().get("r").path == "x/y/z/w"


def test_times_are_cut_to_microseconds(client, node):
    node.set({"t": DatetimeWithNanoseconds(2024, 5, 6, 7, 8, 9, nanosecond=123456789, tzinfo=UTC)})
    request = {"database": client._database_string, "documents": [node._document_path]}
    (response,) = client._firestore_api.batch_get_documents(request=request)
    assert response.found.fields["t"].timestamp_value.nanosecond == 123456000
