"""The node verbs over a store."""

import pytest

from lib.domain.account.access import Actor
from lib.domain.event.ledger import Done, Once
from lib.domain.node.tree import Branch
from lib.domain.query.query import Filter
from lib.errors import Conflict, NotEditable, NotFound, Stale, TooLarge

LAB, EVE = Actor("1" * 24, "lab"), Actor("2" * 24, "eve")
JOB = {"kind": "job", "name": "j", "path": ["j"]}


@pytest.fixture
def submit(hub, clock):
    return lambda **more: hub.nodes.submit(LAB, {**JOB, **more}, clock())


def test_a_parent_must_exist(hub, submit):
    with pytest.raises(NotFound):
        submit(parent="f" * 24)
    assert hub.nodes.count(()) == 0 and hub.store.last("node") == 0


def test_only_who_may_edit_edits(hub, clock, submit):
    node = submit(data={"runtime": "lab-x"})
    with pytest.raises(NotEditable):
        hub.nodes.edit(EVE, node.id, JOB, clock())
    for groups in ({"node:edit:any"}, {"runtime:lab-x:node-editor"}, {"runtime:lab-x:node-admin"}):
        member = Actor("2" * 24, "eve", groups=frozenset(groups))
        assert hub.nodes.edit(member, node.id, {**JOB, "data": node.data}, clock()).owner == "lab"


def test_an_edit_that_names_an_older_revision_is_stale(hub, clock, submit):
    node = submit()
    assert node.rev == 1
    assert hub.nodes.edit(LAB, node.id, JOB, clock(), expect={1}).rev == 2
    with pytest.raises(Stale):
        hub.nodes.edit(LAB, node.id, JOB, clock(), expect={1})
    after = hub.nodes.patch(LAB, node.id, {"result": "pass"}, clock(), check=lambda n: None, expect={1, 2})
    assert (after.rev, after.result) == (3, "pass")


def test_a_repeated_request_is_done_once(hub, clock):
    def once(body=b"x", key="k", actor=LAB):
        return Once.of(actor.id, "POST", "/node", key, body, lambda node: node.id)

    first = hub.nodes.submit(LAB, JOB, clock(), once())
    with pytest.raises(Done) as caught:
        hub.nodes.submit(LAB, JOB, clock(), once())
    assert caught.value.reply == first.id
    with pytest.raises(Conflict):
        hub.nodes.submit(LAB, JOB, clock(), once(body=b"y"))
    hub.nodes.submit(LAB, JOB, clock(), once(key="other"))
    hub.nodes.submit(EVE, JOB, clock(), once(actor=EVE))
    assert hub.nodes.count(()) == 3 and hub.store.last("node") == 3


def test_flags_are_set_quietly_where_the_actor_may(hub, clock, submit):
    mine = [submit().id for _ in range(3)]
    theirs = hub.nodes.submit(EVE, JOB, clock()).id
    told = hub.store.last("node")
    assert hub.nodes.flag(LAB, [*mine, theirs, mine[0]], True, clock()) == 3
    assert hub.nodes.count((Filter("processed_by_kcidb_bridge", "eq", True),)) == 3
    assert hub.store.last("node") == told
    with pytest.raises(NotFound):
        hub.nodes.flag(LAB, [mine[0], "f" * 24], False, clock())
    assert hub.nodes.get(mine[0]).processed_by_kcidb_bridge
    with pytest.raises(TooLarge):
        hub.nodes.flag(LAB, [f"{i:024x}" for i in range(10_001)], True, clock())


def test_a_tree_changes_no_node_that_its_sender_may_not_edit(hub, clock, submit):
    root = submit()
    theirs = hub.nodes.submit(EVE, {**JOB, "parent": root.id}, clock())
    tree = Branch(JOB, [Branch({**JOB, "kind": "test"}, []), Branch({**JOB, "id": theirs.id, "name": "taken"}, [])])
    with pytest.raises(NotEditable):
        hub.nodes.replace_tree(LAB, root.id, tree, clock())
    assert hub.nodes.get(theirs.id).name == "j" and hub.nodes.count(()) == 2
    assert len(hub.nodes.replace_tree(Actor("3" * 24, "root", is_superuser=True), root.id, tree, clock())) == 3
