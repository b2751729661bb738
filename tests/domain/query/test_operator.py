"""Operators: what each asks of the values found at a path, types told apart."""

from __future__ import annotations

import pytest

from lib.domain.query.operator import RANGES, holds
from lib.domain.query.pattern import regex


@pytest.mark.parametrize(("op", "found", "wanted", "met"), [
    ("eq", ["a", 1], 1, True), ("eq", [True], 1, False), ("eq", [1.0], 1, True), ("eq", [], None, True),
    ("eq", [[1], {"a": 1}], 1, False), ("eq", ["a"], None, False), ("ne", ["a", 1], "a", False), ("ne", [], "a", True),
    ("in", ["b"], ("a", "b"), True), ("in", [], ("a", None), True), ("in", [], ("a",), False),
    ("in", [("i", 1), ("i", None)], (("i", None),), True), ("nin", [None], (None, "a"), False),
    ("lt", [1, 9], 2, True), ("gte", ["a"], 1, False), ("gt", [True], 0, False), ("lte", [None], None, False),
    ("re", ["abc", None], regex("b", ""), True), ("like", [7, "boot.x"], "boot%", True), ("like", [], "%", False),
])  # fmt: skip
def test_an_operator(op, found, wanted, met):
    assert holds(op, found, wanted) is met


def test_no_value_is_in_no_order():
    assert not any(holds(op, [], 1) for op in RANGES)
