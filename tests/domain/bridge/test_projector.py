"""Nodes told as reports: a story from checkout to tests, over both stores; crashes, replays, moves and rebuilds."""

from __future__ import annotations

from datetime import timedelta

import pytest
from kcidb_io.schema import V5_3

from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.bridge.projection import project_node
from lib.domain.bridge.projector import BATCH_NODES, POSITION
from lib.domain.event.backlog import PAGE_NODES
from lib.domain.hub import Hub, Policy
from lib.domain.ingest.rebuild import Rebuild
from lib.domain.node.tree import Branch
from lib.domain.report.canonical import digest
from lib.domain.report.report import COLLECTION, KINDS, Key, absorb, is_projected_only, key_of
from lib.errors import Unavailable
from lib.store.port import Scan
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.build.killed import killed_at

LAB = Actor("1" * 24, "lab")


@pytest.fixture(params=["sqlite", "firestore"])
def store_kind(request):
    return request.param


@pytest.fixture
def hub(store, bus, auth, clock, ids):
    hub = Hub(store, bus, auth, clock=clock, ids=ids, policy=Policy(origin="lab"))
    hub.projector.run(clock())  # the first run of all only finds the end of the log
    return hub


@pytest.fixture
def submit(hub, clock):
    return lambda draft, **more: hub.nodes.submit(LAB, {**draft, **more}, clock())


@pytest.fixture
def edit(hub, clock):
    def edit(node, quiet=False, **changes):
        clock.advance(seconds=10)
        stored = hub.nodes.get(node.id)
        kept = {name: getattr(stored, name) for name in ("name", "kind", "data", "result", "artifacts", "timeout")}
        return hub.nodes.edit(LAB, node.id, {**kept, **changes}, clock(), quiet=quiet)

    return edit


def reports(store):
    """All reports, by kind and id, whole."""
    found = {}
    for kind in KINDS:
        for doc in store.find(COLLECTION[kind], Scan(limit=1000)).docs:
            assert doc.key == key_of(kind, doc.body["object"]).store_key
            found[kind, doc.body["object"]["id"]] = doc.body
    return found


def views(store):
    return {key: body["object"] for key, body in reports(store).items()}


def view(store, kind, node):
    return views(store).get((kind, f"lab:{node.id}"))


def stable(store):
    """What a rebuild has to give again, byte for byte."""
    return {key: {n: v for n, v in body.items() if n != "changed_at"} for key, body in reports(store).items()}


def news(store):
    return [event.body["data"] for event in store.read("kcidb", 0, 1000)]


def branch(name, *children, **draft):
    values = {"kind": "test", "name": name, "path": ["checkout", "kbuild", "ltp", name], "state": "done", **draft}
    return Branch({"result": "pass", **values}, children)


def run(hub, clock):
    clock.advance(seconds=1)
    return hub.sweep(clock())["projected"]


def test_a_story(hub, store, clock, submit, edit):
    checkout = submit(build.checkout())
    kbuild = submit(build.kbuild(checkout))
    job = submit(build.job(kbuild))
    run(hub, clock)
    assert "status" not in view(store, "builds", kbuild)
    edit(kbuild, state="done", result="pass", artifacts={"build_log": "https://s.org/log"})
    edit(job, data={**job.data, "job_id": "77"}, artifacts={"lava_log": "https://s.org/lava"})
    test = submit(build.test_node(job))
    edit(job, state="done", result="pass")
    edit(checkout, state="closing", result="pass")
    run(hub, clock)
    assert hub.nodes.get(checkout.id).state == "done"

    created = "2024-02-01T09:58:28.479138+00:00"
    shown = views(store)
    assert shown[("checkouts", f"lab:{checkout.id}")] == {
        "id": f"lab:{checkout.id}", "origin": "lab", "tree_name": "mainline", "patchset_hash": "", "valid": True,
        "git_repository_url": build.REVISION["url"], "git_repository_branch": "master",
        "git_commit_hash": build.REVISION["commit"], "git_commit_name": build.REVISION["describe"],
        "start_time": created.replace("479138", "479000"), "misc": {"submitted_by": "lab"},
        "origin_builds_finish_time": "2024-02-01T09:58:39.479000+00:00",
        "origin_tests_finish_time": "2024-02-01T09:59:09.479000+00:00",
    }  # fmt: skip
    assert shown[("builds", f"lab:{kbuild.id}")] == {
        "id": f"lab:{kbuild.id}", "origin": "lab", "checkout_id": f"lab:{checkout.id}", "status": "PASS",
        "start_time": created.replace("479138", "479000"), "architecture": "x86_64", "compiler": "gcc-12",
        "config_name": "defconfig", "duration": 11, "log_url": "https://s.org/log",
        "comment": build.REVISION["describe"],
    }  # fmt: skip
    assert shown[("tests", f"lab:{test.id}")] == {
        "id": f"lab:{test.id}", "origin": "lab", "build_id": f"lab:{kbuild.id}", "status": "PASS",
        "path": "baseline-x86.login", "comment": "login on qemu-x86 in lava-collabora",
        "environment": {"comment": "Runtime: lava-collabora", "misc": {"platform": "qemu-x86", "job_id": "77"}},
        "start_time": "2024-02-01T09:58:49.479000+00:00", "log_url": "https://s.org/lava",
        "misc": {"runtime": "lava-collabora", "lab": "lava-collabora"},
    }  # fmt: skip
    assert shown[("tests", f"lab:{job.id}")]["status"] == "PASS"
    assert len(shown) == 4
    V5_3.validate(
        {"version": {"major": 5, "minor": 3}, **{k: [v for (kind, _), v in shown.items() if kind == k] for k in KINDS}}
    )

    told = [entry for data in news(store) for entry in data["objects"]]
    assert all(data["op"] == "merged" and data["submission"] is None for data in news(store))
    last = [entry for entry in told if entry["id"] == f"lab:{test.id}"][-1]
    key = Key("tests", f"lab:{test.id}")
    expected = {"kind": "tests", "id": key.id, "key": key.store_key, "is_new": True}
    assert last == {**expected, "digest": digest(shown["tests", key.id])}


def test_a_node_that_was_corrected_is_told_as_it_is(hub, store, clock, submit, edit):
    test = submit(build.test_node(submit(build.kbuild(submit(build.checkout()))), result="fail"))
    run(hub, clock)
    assert view(store, "tests", test)["status"] == "FAIL"
    edit(test, state="done", result="pass")
    run(hub, clock)
    assert view(store, "tests", test)["status"] == "PASS"
    assert not any("lost" in body for body in reports(store).values())


def test_again_from_the_start_nothing_changes(hub, store, clock, submit, edit):
    job = submit(build.job(submit(build.kbuild(submit(build.checkout())))))
    for n in range(BATCH_NODES + 3):
        submit(build.test_node(job, f"case{n}"))
    edit(job, state="done", result="fail")
    assert run(hub, clock) == BATCH_NODES + 6
    before, told = reports(store), news(store)
    assert run(hub, clock) == 0
    store.transact(lambda tx: (tx.load("counter", POSITION), tx.save("counter", POSITION, {"value": 0})))
    assert run(hub, clock) == 0
    assert (reports(store), news(store)) == (before, told)
    assert hub.projector.tell(store.find("node", Scan((), "received_at", 1000)).docs, clock()) == 0
    assert not store.find("backlog", Scan()).docs


def test_a_rebuild_makes_the_same_of_the_nodes_alone(hub, store, clock, submit, edit):
    checkout = submit(build.checkout())
    job = submit(build.job(submit(build.kbuild(checkout))))
    tests = [submit(build.test_node(job, f"case{n}", result="fail")) for n in range(3)]
    submit(build.test_node(checkout, "kver"))
    run(hub, clock)
    edit(job, state="done", result="fail", data={**job.data, "error_code": "Infrastructure"})
    edit(tests[0], state="done", result="pass")
    edit(tests[1], quiet=True, state="done", result="incomplete")
    run(hub, clock)
    hub.nodes.flag(LAB, [n.id for n in tests], True, clock.advance(hours=1))
    before, before_at = stable(store), stamp(clock())
    assert view(store, "tests", tests[1])["status"] == "ERROR"
    scratch = SqliteStore("", clock=clock)
    rebuild = Rebuild(store, scratch, hub.intake.decode, hub.projector.contribute)
    assert rebuild.replay() == 0
    assert not list(rebuild.compare())

    def spoil(tx):
        found = tx.load("kcidb_test", keys[0]), tx.load("kcidb_test", keys[1])
        tx.save("kcidb_test", keys[0], {**found[0].body, "object": {**found[0].body["object"], "status": "DONE"}})
        tx.drop("kcidb_test", keys[1])
        tx.create("kcidb_test", "0" * 64, found[1].body)

    keys = [Key("tests", f"lab:{test.id}").store_key for test in tests]
    store.transact(spoil)
    differences = list(rebuild.compare())
    assert len(differences) == 3
    rebuild.mend(differences, before_at)
    assert stable(store) == before
    scratch.close()


def test_what_a_job_passes_on_reaches_its_tests(hub, store, clock, submit, edit):
    job = submit(build.job(submit(build.kbuild(submit(build.checkout())))))
    suite = submit(build.test_node(job, "suite"))
    tests = [submit(build.test_node(suite, f"case{n}")) for n in range(PAGE_NODES + 5)]
    run(hub, clock)
    assert view(store, "tests", suite) is None
    changes = len(news(store))
    edit(job, data={**job.data, "job_id": "8"})
    run(hub, clock)
    assert {view(store, "tests", test)["environment"]["misc"]["job_id"] for test in tests} == {"8"}
    assert sum(len(data["objects"]) for data in news(store)[changes:]) == 1 + len(tests)
    assert news(store)[changes]["node"] == job.id
    # The suite has no report of its own that would show it.
    edit(suite, data={"platform": "rpi4"})
    run(hub, clock)
    assert {view(store, "tests", test)["environment"]["misc"]["platform"] for test in tests} == {"rpi4"}
    # What tests do not have from it is none of their business.
    edit(job, state="done", result="pass")
    before = reports(store)
    assert run(hub, clock) == 1
    assert [key for key, body in reports(store).items() if body != before[key]] == [("tests", f"lab:{job.id}")]


def test_a_test_that_becomes_a_suite_is_told_by_its_tests(hub, store, clock, submit):
    job = submit(build.job(submit(build.kbuild(submit(build.checkout())))))
    suite = submit(build.test_node(job, "ltp"))
    run(hub, clock)
    assert view(store, "tests", suite)
    case = submit(build.test_node(suite, "fcntl01"))
    run(hub, clock)
    assert view(store, "tests", suite) is None
    assert view(store, "tests", case)["path"] == "baseline-x86.ltp.fcntl01"
    gone = [e for data in news(store) for e in data["objects"] if e["digest"] == ""]
    assert [entry["id"] for entry in gone] == [f"lab:{suite.id}"]


def test_a_hierarchy_is_told_whole(hub, store, clock, submit):
    job = submit(build.job(submit(build.kbuild(submit(build.checkout()))), "ltp"))
    cases = [branch(f"case{n}", result="fail" if n else "pass") for n in range(450)]
    draft = {"kind": "job", "name": "ltp", "path": job.path, "state": "done", "result": "fail"}
    hub.nodes.replace_tree(LAB, job.id, Branch(draft, [branch("suite", *cases)]), clock())
    run(hub, clock)
    tests = [body for (kind, _), body in views(store).items() if kind == "tests"]
    assert len(tests) == 451
    assert {test["status"] for test in tests} == {"PASS", "FAIL"}


def test_a_node_that_moves_takes_its_tests_along(hub, store, clock, submit, edit):
    checkout = submit(build.checkout())
    first, second = (submit(build.kbuild(checkout, name)) for name in ("kbuild-1", "kbuild-2"))
    job = submit(build.job(first))
    test = submit(build.test_node(job))
    run(hub, clock)
    edit(job, parent=second.id)
    run(hub, clock)
    assert view(store, "tests", test)["build_id"] == f"lab:{second.id}"
    assert view(store, "tests", job)["build_id"] == f"lab:{second.id}"


def test_what_submissions_tell_of_the_same_object_stays(hub, store, clock, submit, edit):
    test = submit(build.test_node(submit(build.kbuild(submit(build.checkout()))), result="fail"))
    fields = {"id": f"lab:{test.id}", "origin": "lab", "build_id": "lab:b", "number": {"value": 3}, "status": "FAIL"}
    key = key_of("tests", fields)
    body = absorb("tests", None, fields, "a" * 64, "2024-02-01T00:00:00.000000Z")
    store.transact(lambda tx: tx.create("kcidb_test", key.store_key, {**body, "changed_at": body["first_received"]}))
    edit(test, state="done", result="pass")
    run(hub, clock)
    report = reports(store)["tests", f"lab:{test.id}"]
    assert (report["object"]["status"], report["object"]["number"]) == ("PASS", {"value": 3})
    assert not is_projected_only(report)
    submit(build.test_node(test, "inner"))
    run(hub, clock)
    assert {**reports(store)["tests", f"lab:{test.id}"], "changed_at": ""} == {**body, "changed_at": ""}


def test_the_nodes_of_before_are_told_by_and_by(store, bus, auth, clock, ids):
    hub = Hub(store, bus, auth, clock=clock, ids=ids, policy=Policy(origin="lab"))
    checkout = hub.nodes.submit(LAB, build.checkout(), clock())
    assert run(hub, clock) == 1
    assert view(store, "checkouts", checkout)
    assert run(hub, clock) == 0


def test_anything_may_be_published_among_the_nodes(hub, store, clock):
    for data in ("BEEP", None, [1], {"id": 5}, {"id": "f" * 24, "op": "updated"}, {"id": "no"}):
        hub.journal.publish(LAB, "node", data, clock())
    assert run(hub, clock) == 0


def test_two_at_once_are_harmless(hub, store, bus, auth, clock, ids, submit, edit):
    other = Hub(store, bus, auth, clock=clock, ids=ids, policy=Policy(origin="lab"))
    job = submit(build.job(submit(build.kbuild(submit(build.checkout())))))
    test = submit(build.test_node(job))
    transact = store.transact
    state = {"left": 6}

    def meanwhile(work):
        """Before each transaction of the one, the other runs, and so does a client."""
        if state["left"]:
            state["left"] -= 1
            store.transact = transact
            if state["left"] % 2:
                edit(test, state="done", result="pass" if state["left"] > 1 else "fail")
            other.projector.run(clock())
            store.transact = meanwhile
        return transact(work)

    store.transact = meanwhile
    hub.projector.run(clock())
    store.transact = transact
    run(hub, clock)
    assert state["left"] <= 4
    assert view(store, "tests", test)["status"] == hub.nodes.get(test.id).result.upper()
    assert hub.projector.tell(store.find("node", Scan((), "received_at", 1000)).docs, clock()) == 0


@pytest.mark.parametrize("when", ["before", "after"])
def test_killed_anywhere_and_run_again(hub, store, clock, submit, edit, when):
    job = submit(build.job(submit(build.kbuild(submit(build.checkout())))))
    tests = [submit(build.test_node(job, f"case{n}")) for n in range(3)]
    run(hub, clock)
    edit(job, data={**job.data, "platform": "rpi4"})
    suite = tests[0]
    submit(build.test_node(suite, "inner"))
    edit(tests[1], quiet=True, state="done", result="fail")
    for limit in range(1, 21):
        with killed_at(store, limit, is_before=when == "before") as fate:
            hub.projector.run(clock.advance(seconds=1))
        if fate.lived:
            break
    run(hub, clock)
    assert hub.projector.tell(store.find("node", Scan((), "received_at", 1000)).docs, clock()) == 0
    assert {view(store, "tests", t)["environment"]["misc"]["platform"] for t in tests[1:]} == {"rpi4"}
    assert view(store, "tests", suite) is None
    assert view(store, "tests", tests[1])["status"] == "FAIL"


def test_a_node_that_cannot_be_told_keeps_no_other_from_it(hub, store, clock, submit, monkeypatch, caplog):
    bad, good = submit(build.checkout()), submit(build.checkout())

    def project(node, *more, **by):
        return {}["no such thing"] if node.id == bad.id else project_node(node, *more, **by)

    monkeypatch.setattr("lib.domain.bridge.batch.project_node", project)
    assert hub.projector.run(clock()) == 1 and hub.projector.run(clock()) == 0
    assert f"node {bad.id} cannot be told" in caplog.text
    assert list(views(store)) == [("checkouts", f"lab:{good.id}")]


def test_an_outage_leaves_the_cursor_where_it_is(hub, store, clock, submit):
    checkout = submit(build.checkout())
    transact, store.transact = store.transact, _refuse
    with pytest.raises(Unavailable):
        hub.projector.run(clock())
    store.transact = transact
    assert run(hub, clock) == 1
    assert view(store, "checkouts", checkout)


def _refuse(work):
    raise Unavailable("not now")


def test_builds_and_tests_have_an_end(hub, store, clock, submit, edit):
    checkout = submit(build.checkout())
    kbuild = submit(build.kbuild(checkout))
    job = submit(build.job(kbuild))

    def finished():
        run(hub, clock)
        return [view(store, "checkouts", checkout).get(f"origin_{what}_finish_time") for what in ("builds", "tests")]

    edit(kbuild, state="done", result="pass")
    assert finished() == [None, None]  # more may come
    edit(checkout, state="closing")
    built = finished()
    assert built[0] is not None and built[1] is None
    clock.advance(hours=7)  # the checkout and the job run out of time
    run(hub, clock)
    ended = finished()
    assert ended[0] == built[0] and ended[1] > built[0]
    assert view(store, "tests", job)["status"] == "MISS"
    # A lab that answers late is heard, and moves the end.
    clock.advance(hours=1)
    hub.nodes.replace_tree(
        LAB, job.id, Branch({**build.job(kbuild), "state": "done", "result": "pass"}, ()), clock()
    )  # fmt: skip
    late = finished()
    assert late == [built[0], view(store, "checkouts", checkout)["origin_tests_finish_time"]]
    assert late[1] > ended[1]
    assert view(store, "tests", job)["status"] == "PASS"
    assert clock() - timedelta(seconds=5) < hub.nodes.get(job.id).finished_at
