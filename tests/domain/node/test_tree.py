"""Hierarchies, planned without a store."""

import itertools
from datetime import UTC, datetime

import pytest

from lib.domain.node import node as rules
from lib.domain.node.tree import Branch, plan_tree
from lib.errors import Conflict, Invalid, TooLarge

NOW = datetime(2026, 11, 22, 12, tzinfo=UTC)
ROOT = "a" * 24


def draft(name, **more):
    return {"kind": "test", "name": name, "path": [name], **more}


def stored_root(**more):
    values = {"kind": "job", "name": "kunit", "path": ["kunit"], "treeid": "T", "submitter": "lab", **more}
    return rules.create(values, id=ROOT, owner="lab", now=NOW, parent=None)


def planned(tree):
    ids = itertools.count(1)
    return plan_tree(ROOT, tree, lambda: f"{next(ids):024x}")


def test_nodes_come_in_pre_order_with_their_line():
    tree = Branch(
        draft("kunit", kind="job", state="done"),
        [Branch(draft("a"), [Branch(draft("a1"), [])]), Branch(draft("b"), [])],
    )
    nodes = planned(tree).apply({ROOT: stored_root()}, None, "bob", NOW)
    assert [n.name for n in nodes] == ["kunit", "a", "a1", "b"]
    assert [n.id for n in nodes[1:]] == sorted(n.id for n in nodes[1:])
    assert nodes[2].ancestors == [ROOT, nodes[1].id] and nodes[2].parent == nodes[1].id
    assert {n.treeid for n in nodes} == {"T"} and {n.submitter for n in nodes} == {"lab"}
    assert nodes[1].owner == "bob"


def test_a_done_root_may_be_sent_again_with_another_result():
    root = stored_root(state="done", result="incomplete")
    nodes = planned(Branch(draft("kunit", kind="job", state="done", result="pass"), [])).apply(
        {ROOT: root}, None, "lab", NOW
    )
    assert (nodes[0].state, nodes[0].result) == ("done", "pass")


def test_a_child_outside_the_subtree_is_refused_with_its_path():
    other = rules.create(draft("x"), id="b" * 24, owner="eve", now=NOW, parent=None)
    tree = Branch(draft("kunit", kind="job"), [Branch(draft("ok"), []), Branch(draft("x", id=other.id), [])])
    with pytest.raises(Invalid) as caught:
        planned(tree).apply({ROOT: stored_root(), other.id: other}, None, "bob", NOW)
    assert caught.value.path == "child_nodes[1].node.id"


def test_an_unknown_child_id_and_one_named_twice_are_refused():
    with pytest.raises(Invalid, match="no such node"):
        planned(Branch(draft("k", kind="job"), [Branch(draft("x", id="b" * 24), [])])).apply(
            {ROOT: stored_root()}, None, "bob", NOW
        )
    twice = Branch(draft("x", id="b" * 24), [])
    with pytest.raises(Invalid, match="twice"):
        planned(Branch(draft("k", kind="job"), [twice, twice]))


def test_an_existing_child_stays_where_it_stands():
    root = stored_root()
    child = rules.create(draft("a"), id="b" * 24, owner="lab", now=NOW, parent=root)
    inner = rules.create(draft("b"), id="c" * 24, owner="lab", now=NOW, parent=root)
    stored = {ROOT: root, child.id: child, inner.id: inner}
    kept = planned(Branch(draft("k", kind="job"), [Branch(draft("a", id=child.id, result="pass"), [])]))
    assert kept.apply(stored, None, "lab", NOW)[1].result == "pass"
    moved = Branch(draft("a", id=child.id), [Branch(draft("b", id=inner.id), [])])
    with pytest.raises(Conflict, match="elsewhere"):
        planned(Branch(draft("k", kind="job"), [moved])).apply(stored, None, "lab", NOW)


def test_a_hierarchy_has_a_limit_and_may_be_as_deep_as_a_node_may():
    many = Branch(draft("k", kind="job"), [Branch(draft("t"), [])] * rules.HIERARCHY_NODES_MAX)
    with pytest.raises(TooLarge):
        planned(many)
    deep = Branch(draft("leaf"), [])
    for _ in range(3000):
        deep = Branch(draft("d"), [deep])
    with pytest.raises(Invalid, match="ancestors"):
        planned(Branch(draft("k", kind="job"), [deep])).apply({ROOT: stored_root()}, None, "bob", NOW)
