"""What is wanted against what is there."""

from __future__ import annotations

import pytest

from infra.compare import differences, fits, items, judge


@pytest.mark.parametrize(("wanted", "found", "paths"), [
    ({"a": 1}, {"a": 1, "b": 2}, []),
    ({"a": {"b": 1}}, {"a": {"b": 2}}, ["a.b"]),
    ({"a": {"b": 1}}, {}, ["a.b"]),
    ({"a": 60}, {"a": "60"}, []),  # int64 is a text in Google's JSON
    ({"a": False}, {}, []),
    ({"a": 0}, {"a": None}, []),
    ({"a": False}, {"a": True}, ["a"]),
    ({"a": ""}, {"a": "x"}, ["a"]),
    ({"a": None}, {"a": {"b": 1}}, ["a"]),
    ({"a": True}, {}, ["a"]),
    ({"a": []}, {}, []),
    ({"a": []}, {"a": [1]}, ["a"]),
    ({"a": [1, 2]}, {"a": [2, 1]}, ["a.0", "a.1"]),
    ({"a": [1]}, {"a": [1, 2]}, ["a"]),
    ({"a": [{"b": 1}]}, {"a": [{"b": 1, "c": 2}]}, []),
])  # fmt: skip
def test_what_differs(wanted, found, paths):
    assert differences(wanted, found) == paths


POLICY = {"bindings": [
    {"role": "r", "members": ["a", "b"]},
    {"role": "r", "members": ["c"], "condition": {"title": "t", "expression": "e", "description": ""}},
]}  # fmt: skip


@pytest.mark.parametrize(("role", "member", "condition", "is_there"), [
    ("r", "a", None, True),
    ("r", "b", None, True),
    ("r", "c", None, False),
    ("q", "a", None, False),
    ("r", "c", {"expression": "e"}, True),
    ("r", "a", {"expression": "e"}, False),
    ("r", "c", {"expression": "f"}, False),
])  # fmt: skip
def test_a_grant_is_in_a_policy_under_its_condition_alone(role, member, condition, is_there):
    wanted = {"bindings": [{"role": role, "members": [member], "condition": condition}]}
    assert (judge([POLICY], {"has": wanted}) == "same -") is is_there
    assert judge([{"etag": "x"}], {"has": wanted}) == "missing"


@pytest.mark.parametrize(("member", "answer"), [("a", "differs -\tbindings"), ("c", "same -"), ("d", "same -")])
def test_what_must_not_be_there(member, answer):
    wanted = {"bindings": [{"role": "r", "members": [member], "condition": None}]}
    assert judge([POLICY], {"lacks": wanted}) == answer


@pytest.mark.parametrize(("where", "found", "is_so"), [
    ({}, {"a": 1}, True),
    ({"a": "projects/*/x"}, {"a": "projects/1/x"}, True),
    ({"a": "projects/*/x"}, {"a": "projects/1/y"}, False),
    ({"a": "*"}, {}, False),
    ({"a": "*"}, {"a": None}, False),
    ({"a": "fields/[*]"}, {"a": "fields/b"}, False),
    ({"a": "fields/[*]"}, {"a": "fields/*"}, True),
    ({"a": {"b": "c"}}, {"a": "c"}, False),
    ({"a": [{"b": "x"}]}, {"a": [{"b": "x", "c": 1}]}, True),
    ({"a": [{"b": "x"}]}, {"a": [{"b": "x"}, {"b": "y"}]}, False),
])  # fmt: skip
def test_what_fits(where, found, is_so):
    assert fits(where, found) is is_so


@pytest.mark.parametrize(("asked", "answer"), [
    ({"where": {"name": "b"}}, "missing"),
    ({"where": {"name": "a"}, "wanted": {"x": 1}}, "same a"),
    ({"where": {"name": "a"}, "wanted": {"x": 2, "y": 1}}, "differs a\tx, y"),
    ({"where": {"name": "a"}, "wanted": {"x": 2}, "fixed": {"x": 3}}, "fixed a\tx"),
    ({"where": {"name": "a"}, "pick": "x"}, "picked 1"),
    ({"where": {"name": "a"}, "pick": "y"}, "missing"),
    ({"where": {"name": "b"}, "pick": "x"}, "missing"),
])  # fmt: skip
def test_an_answer(asked, answer):
    assert judge([{"name": "a", "x": 1}], asked) == answer


def test_what_a_look_kept():
    assert items("") == items("[]") == []
    assert items('{"a": 1}') == items('[{"a": 1}]') == [{"a": 1}]
