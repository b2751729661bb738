"""Hierarchies larger than a transaction: accepted as one, then stored step by step, whatever happens between."""

from __future__ import annotations

import pytest

from lib.domain.account.access import Actor
from lib.domain.event.ledger import Done, Once
from lib.domain.hub import Hub
from lib.domain.node import manifest
from lib.domain.node.tree import Branch
from lib.errors import Conflict, NotEditable, Unavailable
from lib.store.port import Scan, Where
from lib.store.sqlite.store import SqliteStore
from tests.build import firestore

BOB = Actor("1" * 24, "bob")
EVE = Actor("2" * 24, "eve")


@pytest.fixture(params=["sqlite", "firestore"])
def store(request, clock, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore("", clock=clock, rehearse=True)
    else:
        store = firestore.open_store(firestore.database_of(str(tmp_path)), clock=clock)
    store.writes_max = 10
    yield store
    store.close()


@pytest.fixture
def root(hub, clock):
    return hub.nodes.submit(BOB, {"kind": "job", "name": "root", "path": ["root"]}, clock())


def test_draft(name, **more):
    return {"kind": "test", "name": name, "path": ["root", name], "state": "done", "result": "pass", **more}


test_draft.__test__ = False


def tree(count, prefix="t", *, children=(), **more):
    """A root with `count` tests, each second one below the one before, and children of choice."""
    tests = [Branch(test_draft(f"{prefix}{n}"), [Branch(test_draft(f"{prefix}{n}.1"), [])]) for n in range(count // 2)]
    return Branch({"kind": "job", "name": "root", "path": ["root"], **more}, [*tests, *children])


def below(hub, root):
    return [d.body for d in hub.store.find("node", Scan((Where("ancestors", "contains", root.id),), limit=1000)).docs]


def kept(hub):
    return [hub.store.count(name, ()) for name in ("manifest", "manifest_part")]


def crash_after(hub, monkeypatch, steps):
    """Have the process end after so many steps."""
    step, taken = type(hub.manifests)._step, []

    def stop(self, root_id, id):
        if len(taken) == steps:
            raise SystemExit
        taken.append(id)
        return step(self, root_id, id)

    monkeypatch.setattr(type(hub.manifests), "_step", stop)
    return lambda: monkeypatch.setattr(type(hub.manifests), "_step", step)


def test_it_is_stored_whole_with_one_event(hub, root, clock, bus):
    docs = hub.nodes.replace_tree(BOB, root.id, tree(40), clock())
    assert [d.body["name"] for d in docs[:4]] == ["root", "t0", "t0.1", "t1"] and len(docs) == 41
    stored = {b["id"]: b for b in below(hub, root)}
    assert stored == {d.key: d.body for d in docs[1:]}
    assert stored[docs[2].key]["ancestors"] == [root.id, docs[1].key]
    assert hub.nodes.get(root.id).rev == 2 == docs[0].rev and kept(hub) == [0, 0]
    events = hub.store.read("node", 0, 10)
    assert (
        [e.body["data"]["op"] for e in events] == ["created", "updated"] == [m.attributes["op"] for m in bus.published]
    )
    assert events[1].body["data"]["is_hierarchy"]


def test_existing_nodes_are_replaced(hub, root, clock):
    first = hub.nodes.replace_tree(BOB, root.id, tree(30), clock())
    again = [Branch(test_draft("new", id=d.key, result="fail"), []) for d in first[1:] if len(d.body["ancestors"]) == 1]
    docs = hub.nodes.replace_tree(BOB, root.id, Branch({"kind": "job", "name": "root", "path": []}, again), clock())
    assert {d.rev for d in docs[1:]} == {2} and len(docs) == 16
    stored = hub.nodes.load_many([d.key for d in docs])
    assert [(d.key, d.rev, d.body) for d in stored] == [(d.key, d.rev, d.body) for d in docs]


def test_a_refusal_leaves_nothing(hub, root, clock):
    with pytest.raises(NotEditable):
        hub.nodes.replace_tree(EVE, root.id, tree(40), clock())
    assert below(hub, root) == [] and kept(hub) == [0, 0] and hub.nodes.get(root.id).rev == 1


@pytest.mark.parametrize("steps", [0, 1, 3, 7])
def test_a_crash_between_any_two_steps_is_finished_by_the_sweep(hub, root, clock, monkeypatch, steps):
    mend = crash_after(hub, monkeypatch, steps)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, tree(40), clock())
    mend()
    assert hub.nodes.get(root.id).rev == 2 and len(below(hub, root)) == min(40, steps * 6)
    assert hub.sweep(clock())["relayed"] == 0
    clock.advance(seconds=31)
    hub.sweep(clock())
    assert len(below(hub, root)) == 40 and kept(hub)[0] == 0
    assert len(hub.store.read("node", 0, 10)) == 2


@pytest.mark.parametrize("steps", [0, 3])
def test_what_was_accepted_is_no_failure_when_the_store_goes_away(hub, root, clock, monkeypatch, steps):
    """Told that it failed, a client would send it again, and all its new nodes would be there twice."""
    step, taken = type(hub.manifests)._step, []

    def fail(self, root_id, id):
        if len(taken) == steps:
            raise Unavailable("down")
        taken.append(id)
        return step(self, root_id, id)

    monkeypatch.setattr(type(hub.manifests), "_step", fail)
    assert len(hub.nodes.replace_tree(BOB, root.id, tree(40), clock())) == 41
    monkeypatch.setattr(type(hub.manifests), "_step", step)
    clock.advance(seconds=31)
    hub.sweep(clock())
    assert len(below(hub, root)) == 40 and kept(hub) == [0, 0]


def test_an_acceptance_nobody_can_tell_of_keeps_its_parts(hub, root, clock, monkeypatch):
    accept = type(hub.manifests)._accept

    def lost(self, *args):
        accept(self, *args)
        raise Unavailable("the answer was lost")

    monkeypatch.setattr(type(hub.manifests), "_accept", lost)
    with pytest.raises(Unavailable):
        hub.nodes.replace_tree(BOB, root.id, tree(40), clock())
    clock.advance(seconds=31)
    hub.sweep(clock())
    assert len(below(hub, root)) == 40 and kept(hub) == [0, 0]


def test_a_crash_before_acceptance_leaves_parts_that_expire(hub, root, clock, monkeypatch):
    monkeypatch.setattr(type(hub.manifests), "_accept", lambda *args: (_ for _ in ()).throw(SystemExit))
    monkeypatch.setattr(type(hub.manifests), "_drop_parts", lambda *args: None)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, tree(40), clock())
    assert below(hub, root) == [] and kept(hub) == [0, 7] and hub.nodes.get(root.id).rev == 1
    clock.advance(days=8)
    hub.tidy(clock())
    assert kept(hub)[1] == 0 or hub.store.is_expiring


def test_a_second_tree_of_the_root_finishes_the_first(hub, root, clock, monkeypatch):
    mend = crash_after(hub, monkeypatch, 1)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, tree(20, "a"), clock())
    mend()
    hub.nodes.replace_tree(BOB, root.id, tree(20, "b"), clock())
    names = {b["name"][0] for b in below(hub, root)}
    assert len(below(hub, root)) == 40 and names == {"a", "b"} and kept(hub)[0] == 0
    assert hub.nodes.get(root.id).rev == 3


def test_a_root_that_changed_is_planned_over_anew(hub, root, clock, monkeypatch):
    put, edits = type(hub.manifests)._put_parts, []

    def edit_meanwhile(self, *args):
        if not edits:
            edits.append(hub.nodes.edit(BOB, root.id, {"kind": "job", "name": "other", "path": []}, clock()))
        return put(self, *args)

    monkeypatch.setattr(type(hub.manifests), "_put_parts", edit_meanwhile)
    docs = hub.nodes.replace_tree(BOB, root.id, tree(20), clock())
    assert docs[0].rev == 3 == hub.nodes.get(root.id).rev and len(below(hub, root)) == 20 and kept(hub) == [0, 0]


def test_a_root_that_changes_all_the_time_is_a_conflict(hub, root, clock, monkeypatch):
    put = type(hub.manifests)._put_parts

    def edit_meanwhile(self, *args):
        hub.nodes.edit(BOB, root.id, {"kind": "job", "name": "other", "path": []}, clock())
        return put(self, *args)

    monkeypatch.setattr(type(hub.manifests), "_put_parts", edit_meanwhile)
    with pytest.raises(Conflict):
        hub.nodes.replace_tree(BOB, root.id, tree(20), clock())
    assert kept(hub) == [0, 0]


def test_a_change_that_came_after_acceptance_stays(hub, root, clock, monkeypatch):
    first = hub.nodes.replace_tree(BOB, root.id, tree(20), clock())
    again = [Branch(test_draft("new", id=d.key), []) for d in first[1:] if len(d.body["ancestors"]) == 1]
    mend = crash_after(hub, monkeypatch, 1)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, Branch({"kind": "job", "name": "root", "path": []}, again), clock())
    mend()
    last = first[-2].key
    hub.nodes.edit(BOB, last, test_draft("later"), clock())
    hub.manifests.finish(root.id)
    assert hub.nodes.get(last).name == "later"
    assert [b["name"] for b in below(hub, root)].count("new") == 9


def test_nothing_above_closes_or_moves_meanwhile(hub, root, clock, monkeypatch):
    waiting = Branch(test_draft("slow", state="running", result=None), [])
    mend = crash_after(hub, monkeypatch, 1)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, tree(20, children=[waiting], state="closing"), clock())
    hub.clockwork.settle([root.id])
    assert hub.nodes.get(root.id).state == "closing"
    other = hub.nodes.submit(BOB, {"kind": "checkout", "name": "c", "path": ["c"]}, clock())
    with pytest.raises(Conflict):
        hub.nodes.edit(BOB, root.id, {"kind": "job", "name": "root", "path": [], "parent": other.id}, clock())
    mend()
    hub.manifests.finish(root.id)
    hub.clockwork.settle([root.id])
    assert hub.nodes.get(root.id).state == "closing"


def test_what_waited_for_the_last_step_closes_behind_it(hub, root, clock):
    hub.nodes.replace_tree(BOB, root.id, tree(20, state="closing"), clock())
    assert hub.nodes.get(root.id).state == "done"


def test_a_node_follows_its_parent_that_moved_meanwhile(hub, root, clock, monkeypatch):
    first = hub.nodes.replace_tree(BOB, root.id, tree(20), clock())
    a, b = (d.key for d in first[1:] if d.body["name"] in ("t0", "t1"))
    again = {"kind": "job", "name": "root", "path": []}
    children = [Branch(test_draft(f"late{n}"), []) for n in range(20)]
    mend = crash_after(hub, monkeypatch, 1)
    with pytest.raises(SystemExit):
        hub.nodes.replace_tree(BOB, root.id, Branch(again, [Branch(test_draft("t0", id=a), children)]), clock())
    mend()
    hub.nodes.edit(BOB, a, {**test_draft("t0"), "parent": b}, clock())
    hub.manifests.finish(root.id)
    assert {tuple(n["ancestors"]) for n in below(hub, root) if n["name"].startswith("late")} == {(root.id, b, a)}


def test_a_repeated_request_is_done_once(hub, root, clock):
    def encode(docs):
        return str(len(docs))

    once = Once.of("1", "PUT", f"/nodes/{root.id}", "k", b"{}", encode)
    hub.nodes.replace_tree(BOB, root.id, tree(20), clock(), once)
    with pytest.raises(Done) as done:
        hub.nodes.replace_tree(BOB, root.id, tree(20), clock(), once)
    assert done.value.reply == "21" and len(below(hub, root)) == 20 and kept(hub) == [0, 0]


def test_so_is_one_that_names_the_revision_it_starts_from(hub, root, clock):
    once = Once.of(BOB.id, "PUT", "/nodes", "key", b"tree", lambda docs: str(len(docs)))
    hub.nodes.replace_tree(BOB, root.id, tree(40), clock(), once, expect=[1])
    with pytest.raises(Done) as done:
        hub.nodes.replace_tree(BOB, root.id, tree(40), clock(), once, expect=[1])
    assert done.value.reply == "41" and hub.nodes.get(root.id).rev == 2


def test_large_nodes_are_staged_though_they_are_few(hub, root, clock, monkeypatch):
    hub.store.bytes_max = manifest.BYTES_BESIDE + 10_000
    staged = []
    accept = type(hub.manifests)._accept
    monkeypatch.setattr(
        type(hub.manifests), "_accept", lambda self, *args: staged.append(args[1]) or accept(self, *args)
    )
    monkeypatch.setattr(manifest, "PART_BYTES_MAX", 3000)
    children = [Branch(test_draft("big", data={"text": "x" * 2000}), []) for _ in range(4)]
    hub.nodes.replace_tree(BOB, root.id, tree(0, children=children), clock())
    assert staged == [4] and len(below(hub, root)) == 4


@pytest.mark.full
def test_twenty_thousand_nodes(clock, ids, bus, auth, tmp_path):
    store = firestore.open_store(firestore.database_of(str(tmp_path)), clock=clock)
    hub = Hub(store, bus, auth, clock=clock, ids=ids)
    root = hub.nodes.submit(BOB, {"kind": "job", "name": "root", "path": ["root"]}, clock())
    docs = hub.nodes.replace_tree(BOB, root.id, tree(19_998), clock())
    assert len(docs) == 19_999 and store.count("node", ()) == 19_999 and kept(hub) == [0, 0]
    store.close()
