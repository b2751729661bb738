"""Partial edits, without a store."""

from datetime import timedelta

import pytest

from lib.domain.node.patch import merged, patch
from lib.errors import Invalid

from .test_node import LATER, NOW, made


def test_only_what_is_given_changes():
    stored = made(result="pass", data={"a": 1}, holdoff=LATER, processed_by_kcidb_bridge=True)
    after = patch(stored, {"debug": {"x": 1}, "name": "ignored"}, LATER)
    assert (after.result, after.data, after.holdoff, after.debug) == ("pass", {"a": 1}, LATER, {"x": 1})
    assert (after.name, after.updated, after.processed_by_kcidb_bridge) == ("checkout", LATER, False)


def test_null_state_changes_nothing_and_null_result_clears_it():
    after = patch(made(result="pass"), {"state": None, "result": None}, LATER)
    assert (after.state, after.result) == ("running", None)


def test_the_bridge_flag_is_kept_only_without_a_change_of_state():
    assert patch(made(), {"processed_by_kcidb_bridge": True}, LATER).processed_by_kcidb_bridge
    assert not patch(made(), {"processed_by_kcidb_bridge": True, "state": "done"}, LATER).processed_by_kcidb_bridge


def test_nothing_recognised_and_a_forbidden_transition_are_refused():
    with pytest.raises(Invalid, match="nothing to change"):
        patch(made(), {"name": "x"}, LATER)
    with pytest.raises(Invalid) as caught:
        patch(made(state="done"), {"state": "running"}, NOW + timedelta(1))
    assert caught.value.path == "state"


def test_objects_are_replaced_or_merged():
    stored = made(data={"a": {"b": 1, "c": 2}, "d": [1]}, artifacts={"log": "http://h/l"})
    assert patch(stored, {"data": {"a": {"b": 3}}}, LATER).data == {"a": {"b": 3}}
    given = {"data": {"a": {"b": 3, "c": None}, "e": {}}, "artifacts": {"x": "http://h/x"}}
    after = patch(stored, given, LATER, merge=True)
    assert after.data == {"a": {"b": 3}, "d": [1], "e": {}}
    assert after.artifacts == {"log": "http://h/l", "x": "http://h/x"}


@pytest.mark.parametrize(
    ("target", "given", "result"),
    [
        ({"a": "b"}, {"a": "c"}, {"a": "c"}),
        ({"a": "b"}, {"b": "c"}, {"a": "b", "b": "c"}),
        ({"a": "b"}, {"a": None}, {}),
        ({"a": ["b"]}, {"a": "c"}, {"a": "c"}),
        ({"a": {"b": "c"}}, {"a": {"b": "d", "c": None}}, {"a": {"b": "d"}}),
        (["a", "b"], ["c", "d"], ["c", "d"]),
        ({"a": "foo"}, None, None),
        ({"e": None}, {"a": 1}, {"e": None, "a": 1}),
        ([1, 2], {"a": "b", "c": None}, {"a": "b"}),
        ({}, {"a": {"bb": {"ccc": None}}}, {"a": {"bb": {}}}),
    ],
)
def test_merging_is_that_of_the_rfc(target, given, result):
    assert merged(target, given) == result
