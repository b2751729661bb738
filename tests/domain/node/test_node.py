"""The rules of nodes, without a store."""

from datetime import UTC, datetime, timedelta

import pytest

from lib.domain.node import node as rules
from lib.errors import Invalid

NOW = datetime(2026, 11, 22, 12, 0, 0, 123456, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)


def made(**draft):
    parent = draft.pop("under", None)
    values = {"kind": "checkout", "name": "checkout", "path": ["checkout"], **draft}
    return rules.create(values, id=draft.get("id", "a" * 24), owner="bob", now=NOW, parent=parent)


def test_a_new_node_runs_for_six_hours_and_belongs_to_its_maker():
    node = made()
    assert (node.state, node.result, node.owner, node.timeout) == ("running", None, "bob", NOW + timedelta(hours=6))
    assert node.ancestors == [] and node.created == node.updated == NOW


def test_a_stored_node_keeps_milliseconds_and_everything_else():
    node = made(data={"a": [[1], {"b.c": None}]}, artifacts={"dtbs/x.dtb": "http://h/x"}, holdoff=LATER)
    again = rules.from_body(rules.to_body(node), rev=3)
    assert again.created == NOW.replace(microsecond=123000)
    assert (again.data, again.artifacts, again.rev) == (node.data, node.artifacts, 3)


@pytest.mark.parametrize("old", rules.STATES)
@pytest.mark.parametrize("new", rules.STATES)
def test_only_the_transitions_of_the_table_pass(old, new):
    stored = made(state=old)
    draft = {"kind": "checkout", "name": "checkout", "state": new}
    if new in rules.TRANSITIONS[old]:
        assert rules.edit(stored, draft, LATER).state == new
    else:
        with pytest.raises(Invalid) as caught:
            rules.edit(stored, draft, LATER)
        assert caught.value.path == "state"
    assert rules.overwrite(stored, draft, LATER).state == new


def test_an_edit_resets_what_the_draft_omits_but_for_what_it_keeps():
    stored = made(
        treeid="t", submitter="me", result="pass", data={"x": 1}, holdoff=LATER, user_groups=["g"], created=NOW
    )
    edited = rules.edit(stored, {"name": "other", "submitter": "you", "user_groups": [], "owner": "eve"}, LATER)
    assert (edited.owner, edited.submitter, edited.user_groups) == ("bob", "me", ["g"])
    assert (edited.path, edited.treeid, edited.created, edited.kind) == (["checkout"], "t", NOW, "checkout")
    assert (edited.name, edited.result, edited.data, edited.holdoff) == ("other", None, {}, None)
    assert edited.timeout == LATER + rules.TIMEOUT_DEFAULT and edited.updated == LATER


@pytest.mark.parametrize(
    ("stored", "asked", "state", "flag"),
    [
        (False, True, "running", True),  # differs from what is stored: the request wins
        (True, True, "running", False),  # any other update clears it
        (True, False, "running", False),
        (False, False, "running", False),
        (False, True, "done", False),  # a change of state forces it off
    ],
)
def test_the_bridge_flag(stored, asked, state, flag):
    node = made(processed_by_kcidb_bridge=stored)
    edited = rules.edit(node, {"name": "n", "state": state, "processed_by_kcidb_bridge": asked}, LATER)
    assert edited.processed_by_kcidb_bridge is flag


def test_due_is_the_next_instant_the_clock_moves_the_node():
    assert made(timeout=LATER).due_at == LATER
    assert made(state="available", timeout=LATER, holdoff=NOW).due_at == NOW
    assert made(state="available", timeout=NOW, holdoff=LATER).due_at == NOW
    assert made(state="closing", timeout=LATER, holdoff=NOW).due_at == LATER
    assert made(state="done", timeout=LATER).due_at is None


def test_a_timeout_makes_a_node_incomplete_only_when_it_had_no_result():
    late = rules.time_out(made(data={"x": 1}), LATER)
    assert (late.state, late.result) == ("done", "incomplete")
    assert late.data == {"x": 1, "error_code": "node_timeout", "error_msg": "Node timed-out"}
    kept = rules.time_out(made(result="pass", data={"x": 1}), LATER)
    assert (kept.state, kept.result, kept.data) == ("done", "pass", {"x": 1})


def test_the_clock_prefers_the_timeout_and_asks_for_children_at_the_holdoff():
    far = LATER + timedelta(days=1)
    assert rules.tick(made(state="available", holdoff=NOW, timeout=NOW), True, LATER).state == "done"
    assert rules.tick(made(state="available", holdoff=NOW, timeout=far), True, LATER).state == "closing"
    assert rules.tick(made(state="available", holdoff=NOW, timeout=far), False, LATER).state == "done"
    assert rules.tick(made(state="available", timeout=far), False, LATER) is None
    assert rules.tick(made(state="closing", timeout=far), True, LATER) is None
    assert rules.tick(made(state="closing", timeout=far), False, LATER).state == "done"
    assert rules.tick(made(state="done", timeout=NOW), False, LATER) is None


@pytest.mark.parametrize(
    ("data", "path"),
    [
        ({"kernel_revision": ["x"]}, "data.kernel_revision"),
        ({"kernel_revision": {"tree": 5}}, "data.kernel_revision.tree"),
        ({"platform": ["a"]}, "data.platform"),
    ],
)
def test_indexed_data_must_be_text_wherever_it_stands(data, path):
    with pytest.raises(Invalid) as caught:
        made(kind="process", data=data)
    assert caught.value.path == path


def test_a_tree_has_a_depth_and_no_circle():
    root = made()
    child = made(id="b" * 24, under=root)
    assert child.ancestors == [root.id] and child.parent == root.id
    with pytest.raises(Invalid, match="descendant"):
        rules.place(root, child)
    with pytest.raises(Invalid, match="its own parent"):
        rules.edit(root, {"name": "n", "parent": root.id}, LATER)
    deep = made()
    deep.ancestors = [f"{i:024x}" for i in range(rules.DEPTH_MAX)]
    with pytest.raises(Invalid, match="at most"):
        rules.place(child, deep)


def test_unknown_kinds_are_refused():
    for kind in ("node", None, 5):
        with pytest.raises(Invalid) as caught:
            made(kind=kind)
        assert caught.value.path == "kind"
