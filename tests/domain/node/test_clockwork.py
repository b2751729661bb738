"""What moves nodes when no client does: settling at once, and the sweep."""

import orjson
import pytest

from lib.domain.account.access import Actor
from lib.domain.node.tree import Branch
from lib.errors import Unavailable
from lib.store.port import BODY_BYTES_MAX

LAB = Actor("1" * 24, "lab")


@pytest.fixture
def submit(hub, clock):
    def submit(parent=None, **draft):
        values = {"kind": "job", "name": "n", "path": ["n"], **draft}
        if parent is not None:
            values["parent"] = parent.id
        return hub.nodes.submit(LAB, values, clock())

    return submit


@pytest.fixture
def edit(hub, clock):
    def edit(node, **changes):
        given = {"name": node.name, "kind": node.kind, "data": node.data, "timeout": node.timeout, **changes}
        return hub.nodes.edit(LAB, node.id, given, clock())

    return edit


@pytest.fixture
def state(hub):
    return lambda node: hub.nodes.get(node.id).state


def told(hub, after=0):
    return [(e.body["data"]["name"], e.body["data"]["state"]) for e in hub.store.read("node", after, 1000)]


def test_a_chain_closes_at_once_when_its_last_child_is_done(hub, submit, edit, state):
    top = submit(name="top", state="closing")
    # Closing with nothing pending below: it was done before the answer was out.
    assert state(top) == "done"
    top = submit(name="top")
    middle = submit(top, name="middle")
    leaf = submit(middle, name="leaf")
    edit(top, state="closing")
    edit(middle, state="closing")
    assert (state(top), state(middle)) == ("closing", "closing")
    edit(leaf, state="done", result="pass")
    assert (state(top), state(middle)) == ("done", "done")
    assert told(hub)[-3:] == [("leaf", "done"), ("middle", "done"), ("top", "done")]


def test_a_pending_descendant_counts_through_done_nodes(submit, edit, state):
    top = submit()
    middle = submit(top)
    leaf = submit(middle)
    edit(middle, state="done")
    edit(top, state="closing")
    assert state(top) == "closing"
    edit(leaf, state="done")
    assert state(top) == "done"


def test_the_sweep_moves_what_is_due_and_nothing_else(hub, clock, submit, edit, state):
    hour = clock.delta(hours=1)
    late = submit(timeout=clock() + hour)
    kept = submit(timeout=clock() + hour, result="pass")
    lone = submit(state="available", holdoff=clock() + hour)
    parent = submit(state="available", holdoff=clock() + hour)
    child = submit(parent)
    idle = submit(state="available")
    assert hub.sweep(clock())["moved"] == 0
    clock.advance(hours=1, seconds=1)
    assert hub.sweep(clock())["moved"] == 4
    assert [state(n) for n in (late, kept, lone, parent, child, idle)] == [
        "done", "done", "done", "closing", "running", "available",
    ]  # fmt: skip
    assert (hub.nodes.get(late.id).result, hub.nodes.get(kept.id).result) == ("incomplete", "pass")
    assert hub.sweep(clock())["moved"] == 0
    clock.advance(hours=6)
    hub.sweep(clock())
    assert {state(n) for n in (late, kept, lone, parent, child, idle)} == {"done"}
    assert hub.nodes.get(parent.id).result is None or hub.nodes.get(parent.id).result == "incomplete"


def test_a_node_that_cannot_be_stored_as_moved_is_in_nobodys_way(hub, clock, submit, edit, state):
    """A timeout adds words of its own, for which a body of the greatest size has no room."""
    small = hub.store.load("node", submit(data={"text": ""}).id)
    room = BODY_BYTES_MAX - len(orjson.dumps(small.body)) - 5
    top = submit(timeout=clock() + clock.delta(minutes=20), data={"text": "x" * room})
    child = submit(top, timeout=clock() + clock.delta(hours=1))
    other = submit(timeout=clock() + clock.delta(hours=1))
    clock.advance(hours=2)
    assert hub.sweep(clock())["moved"] == 2 and (state(child), state(other)) == ("done", "done")
    assert state(top) == "running" and hub.store.count("outbox", ()) == 0


def test_a_chain_that_times_out_together_closes_in_one_pass(hub, clock, submit, state):
    soon = clock() + clock.delta(hours=1)
    far = clock() + clock.delta(days=1)
    top = submit(state="available", holdoff=soon, timeout=far)
    middle = submit(top, state="available", holdoff=soon, timeout=far)
    leaf = submit(middle, timeout=soon)
    clock.advance(hours=2)
    before = hub.store.last("node")
    hub.sweep(clock())
    assert [state(n) for n in (top, middle, leaf)] == ["done"] * 3
    assert len(told(hub, before)) == 3


def test_a_swept_event_is_that_of_an_edit(hub, clock, submit):
    node = submit(timeout=clock() + clock.delta(hours=1))
    clock.advance(hours=2)
    hub.sweep(clock())
    event = hub.store.read("node", 0, 10)[-1]
    data = event.body["data"]
    assert (data["op"], data["id"], data["previous_state"], data["state"]) == ("updated", node.id, "running", "done")
    assert data["result"] == "incomplete" and event.body["owner"] == "lab"


def test_a_crash_between_commit_and_settling_is_repaired_by_one_sweep(hub, clock, submit, edit, state):
    top = submit()
    leaf = submit(top)
    edit(top, state="closing")
    hub.relay.inline = False  # the process dies before it drains
    edit(leaf, state="done")
    hub.relay._waiting.clear()
    assert state(top) == "closing" and hub.store.count("outbox", ()) == 1
    clock.advance(seconds=30)
    hub.relay.inline = True
    assert hub.sweep(clock())["relayed"] == 1
    assert state(top) == "done" and hub.store.count("outbox", ()) == 0


def test_a_bus_that_fails_keeps_the_outbox_and_not_the_client(hub, clock, submit, monkeypatch):
    def fail(messages):
        raise Unavailable("the bus is down")

    with monkeypatch.context() as broken:
        broken.setattr(hub.bus, "publish", fail)
        submit(name="kept")
    assert hub.store.count("outbox", ()) == 1
    clock.advance(seconds=30)
    hub.sweep(clock())
    assert hub.store.count("outbox", ()) == 0
    assert told(hub) == [("kept", "running")]


def test_a_bus_that_stays_away_keeps_no_node_from_its_timeout(hub, clock, submit, state, monkeypatch):
    def fail(messages):
        raise Unavailable("the bus is down")

    monkeypatch.setattr(hub.bus, "publish", fail)
    node = submit(timeout=clock() + clock.delta(hours=1))
    clock.advance(hours=2)
    with pytest.raises(Unavailable):
        hub.sweep(clock())
    assert state(node) == "done"


def test_a_fault_behind_the_commit_is_no_failure_of_the_request(hub, submit, state):
    def fail(ids):
        raise RuntimeError("a fault")

    hub.relay.settle = fail
    assert state(submit()) == "running" and hub.store.count("outbox", ()) == 1


def test_a_quiet_edit_tells_nothing_and_settles_all_the_same(hub, clock, submit, edit, state):
    top = submit()
    leaf = submit(top)
    edit(top, state="closing")
    before = hub.store.last("node")
    hub.nodes.edit(LAB, leaf.id, {"name": "n", "kind": "job", "state": "done"}, clock(), quiet=True)
    assert state(top) == "done"
    assert told(hub, before) == [("n", "done")]  # the parent's own


def test_a_new_parent_takes_the_whole_subtree_along(hub, submit, edit):
    old, new = submit(), submit()
    node = submit(old)
    leaf = submit(node)
    edit(node, parent=new.id)
    assert hub.nodes.get(leaf.id).ancestors == [new.id, node.id]
    edit(node, parent=None)
    assert hub.nodes.get(leaf.id).ancestors == [node.id] and hub.nodes.get(node.id).parent is None


def test_a_tree_of_done_tests_closes_its_ancestors(hub, clock, submit, edit, state):
    checkout = submit(kind="checkout")
    job = submit(checkout)
    edit(checkout, state="closing")
    tests = [Branch({"kind": "test", "name": f"t{i}", "path": [], "state": "done"}, []) for i in range(50)]
    done = {"kind": "job", "name": "n", "path": ["n"], "state": "done", "result": "pass"}
    before = hub.store.last("node")
    nodes = hub.nodes.replace_tree(LAB, job.id, Branch(done, tests), clock())
    assert len(nodes) == 51 and state(checkout) == "done"
    assert len(told(hub, before)) == 2
