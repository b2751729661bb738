"""Reports of KCIDB shown as nodes: what each field becomes, there and back; their lists, over both stores."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.account.access import Actor
from lib.domain.bridge.view import RESULT, Family, object_of, view_id, view_of
from lib.domain.bridge.view_search import Views
from lib.domain.hub import Hub, Policy
from lib.domain.node.node import from_body, to_body
from lib.domain.query.query import Filter, Query, matches
from lib.domain.report.report import COLLECTION, KINDS, absorb, key_of, lift
from lib.errors import Invalid, TooCostly
from lib.store.sqlite.store import SqliteStore
from schemas.kernelci.data import DATA
from tests import build
from tests.build import collision, firestore

AT = "2024-02-01T10:00:00.000000Z"
CHECKOUT = {
    "id": "ti:c1", "origin": "ti", "tree_name": "mainline", "git_repository_url": "https://git.org/linux.git",
    "git_repository_branch": "master", "git_commit_hash": "ab" * 20, "git_commit_name": "v6.1", "valid": True,
    "start_time": "2025-07-15T10:10:17.123456+00:00", "patchset_hash": "", "log_url": "https://s.org/git",
    "patchset_files": [{"name": "a.patch", "url": "https://s.org/a.patch"}, {"name": "unplaced"}],
}  # fmt: skip
BUILD = {
    "id": "ti:b1", "origin": "ti", "checkout_id": "ti:c1", "config_name": "defconfig", "architecture": "arm64",
    "compiler": "gcc-12", "status": "PASS", "log_url": "https://s.org/log", "config_url": "https://s.org/config",
    "output_files": [{"name": "Image", "url": "https://s.org/Image"}], "misc": {"platform": "k8s", "runtime": 5},
}  # fmt: skip
TEST = {
    "id": "ti:t1", "origin": "ti", "build_id": "ti:b1", "path": "ltp.fcntl01", "status": "ERROR",
    "environment": {"compatible": ["ti,am62", "ti,k3"], "misc": {"job_id": "7"}}, "misc": {"runtime": "lava-ti"},
}  # fmt: skip
ISSUE = {"id": "ti:i1", "version": 2, "origin": "ti", "comment": "boom", "culprit": {"code": True}}
INCIDENT = {
    "id": "ti:n1", "origin": "ti", "issue_id": "ti:i1", "issue_version": 2, "test_id": "ti:t1", "present": True,
}  # fmt: skip
ALL = dict(zip(KINDS, (CHECKOUT, BUILD, TEST, ISSUE, INCIDENT), strict=True))


def stored(kind, fields):
    return {**absorb(kind, None, lift(fields)[0], "a" * 64, AT), "changed_at": "2024-02-02T00:00:00.000000Z"}


def shown(kind, fields=None, **family):
    return view_of(kind, stored(kind, fields or ALL[kind]), Family(**family))


def test_a_test_as_a_node():
    view = shown("tests", build=BUILD, checkout=CHECKOUT)
    assert view == {
        "id": key_of("tests", TEST).store_key[:24], "kind": "test", "name": "fcntl01",
        "path": ["checkout", "defconfig", "ltp", "fcntl01"], "group": None,
        "parent": key_of("builds", BUILD).store_key[:24], "state": "done", "result": "incomplete", "artifacts": {},
        "data": {
            "kernel_revision": {
                "tree": "mainline", "url": "https://git.org/linux.git", "branch": "master", "commit": "ab" * 20,
                "describe": "v6.1", "commit_tags": None, "commit_message": None, "tip_of_branch": None, "patchset": "",
            },
            "arch": "arm64", "compiler": "gcc-12", "config_full": "defconfig", "runtime": "lava-ti", "job_id": "7",
            "platform": "ti,am62", "error_code": "Infrastructure", "kcidb": {"kind": "tests", "object": TEST},
        },
        "debug": {}, "jobfilter": None, "platform_filter": [], "created": AT, "updated": "2024-02-02T00:00:00.000000Z",
        "timeout": "2024-02-01T16:00:00.000000Z", "holdoff": None, "owner": "ti", "submitter": "kcidb:ti",
        "treeid": key_of("checkouts", CHECKOUT).store_key, "user_groups": [], "processed_by_kcidb_bridge": True,
        "retry_counter": 0, "received_at": AT,
    }  # fmt: skip


def test_a_build_and_a_checkout_as_nodes():
    view = shown("builds", checkout=CHECKOUT)
    assert (view["kind"], view["name"], view["path"]) == ("kbuild", "defconfig", ["checkout", "defconfig"])
    assert view["parent"] == view_id(key_of("checkouts", CHECKOUT))
    assert (view["state"], view["result"]) == ("done", "pass")
    assert view["artifacts"] == {
        "Image": "https://s.org/Image", "build_log": "https://s.org/log", "_config": "https://s.org/config",
    }  # fmt: skip
    assert view["data"]["platform"] == "k8s" and "runtime" not in view["data"]
    top = shown("checkouts")
    assert (top["kind"], top["name"], top["path"], top["parent"]) == ("checkout", "checkout", ["checkout"], None)
    assert top["created"] == "2025-07-15T10:10:17.123000Z"
    assert top["artifacts"] == {"a.patch": "https://s.org/a.patch", "checkout_log": "https://s.org/git"}
    assert view["treeid"] == top["treeid"]


@pytest.mark.parametrize(
    ("status", "state", "result", "code"),
    [
        ("PASS", "done", "pass", None),
        ("FAIL", "done", "fail", None),
        ("SKIP", "done", "skip", None),
        ("ERROR", "done", "incomplete", "Infrastructure"),
        ("MISS", "done", "incomplete", "node_timeout"),
        ("DONE", "done", "pass", None),
        (None, "running", None, None),
    ],
)
def test_what_a_status_becomes(status, state, result, code):
    fields = {name: value for name, value in {**TEST, "status": status}.items() if value is not None}
    view = shown("tests", fields)
    assert (view["state"], view["result"], view["data"].get("error_code")) == (state, result, code)
    assert view["data"].get("kcidb_status") == ("DONE" if status == "DONE" else None)
    assert status is None or status in RESULT


@pytest.mark.parametrize(("valid", "expected"), [
    (True, ("done", "pass", None)), (False, ("done", "fail", "git_checkout_failure")), (None, ("running", None, None)),
])  # fmt: skip
def test_what_valid_becomes(valid, expected):
    fields = {name: value for name, value in {**CHECKOUT, "valid": valid}.items() if value is not None}
    view = shown("checkouts", fields)
    assert (view["state"], view["result"], view["data"].get("error_code")) == expected


def test_what_is_not_known_is_left_out():
    view = shown("tests", {"id": "ti:t9", "origin": "ti", "build_id": "x:y"})
    assert (view["name"], view["path"], view["treeid"]) == ("t9", ["checkout", "t9"], None)
    assert list(view["data"]) == ["kcidb"]
    late = shown("checkouts", {**CHECKOUT, "start_time": "9999-12-31T23:00:00.000000+00:00"})
    assert late["timeout"] == late["created"]


@settings(max_examples=60)
@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
def test_there_and_back_is_the_same(kind, data):
    fields = data.draw(collision.copies(kind)).fields
    family = Family(*(data.draw(collision.copies(above)).fields for above in ("builds", "checkouts")))
    body = stored(kind, fields)
    view = view_of(kind, body, family)
    assert object_of(view) == (kind, body["object"])
    # It is a node: one that could be stored, but for what the store derives.
    node = from_body(view, 1)
    assert {n: v for n, v in to_body(node).items() if n in view and n != "received_at"} == {
        n: v for n, v in view.items() if n != "received_at"
    }  # fmt: skip
    if DATA[view["kind"]] is not None and "kernel_revision" not in view["data"]:
        DATA[view["kind"]].model_validate(view["data"])


# Lists


@pytest.fixture(params=["sqlite", "firestore"])
def store(request, clock, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore("", clock=clock)
    else:
        store = firestore.open_store(firestore.database_of(str(tmp_path)), clock=clock)
    yield store
    store.close()


def put(store, kind, *objects):
    def work(tx):
        for fields in objects:
            tx.create(COLLECTION[kind], key_of(kind, fields).store_key, stored(kind, fields))

    store.transact(work)


@pytest.fixture
def filled(store):
    put(store, "checkouts", CHECKOUT, {**CHECKOUT, "id": "arm:c2", "origin": "arm", "git_commit_hash": "cd" * 20})
    builds = [{**BUILD, "id": f"arm:b{n}", "checkout_id": "arm:c2", "origin": "arm"} for n in range(3)]
    put(store, "builds", BUILD, *builds)
    more = [
        {**TEST, "id": f"arm:t{n}", "build_id": f"arm:b{n % 3}", "origin": "arm", "status": "FAIL"} for n in range(25)
    ]
    put(store, "tests", TEST, *more, {**TEST, "id": "x:orphan", "origin": "x", "build_id": "x:nowhere"})
    put(store, "issues", ISSUE)
    put(store, "incidents", INCIDENT)
    return Views(store, 1000, "lab")


def asked(**by):
    return tuple(Filter(path.replace("__", "."), "eq", value) for path, value in by.items())


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ((), 35),
        (asked(kind="test"), 27),
        (asked(kind="job"), 0),
        ((Filter("kind", "in", ("checkout", "kbuild")),), 6),
        (asked(kind="process"), 2),
        (asked(owner="arm"), 29),
        (asked(submitter="kcidb:ti"), 5),
        (asked(submitter="service:pipeline"), 0),
        (asked(result="fail"), 25),
        (asked(state="done", kind="test", owner="ti"), 1),
        (asked(data__kernel_revision__commit="cd" * 20), 29),
        (asked(data__kernel_revision__commit="ef" * 20), 0),
        (asked(data__kernel_revision__commit="cd" * 20, kind="test", result="incomplete"), 0),
        (asked(data__kernel_revision__tree="mainline", kind="checkout"), 2),
        (asked(data__kernel_revision__branch="master", kind="kbuild"), 4),
        (asked(parent=view_id(key_of("checkouts", CHECKOUT))), 1),
        (asked(parent=view_id(key_of("builds", BUILD))), 1),
        (asked(parent="f" * 24), 0),
        (asked(id=view_id(key_of("tests", TEST))), 1),
        (asked(id="0" * 24), 0),
        ((Filter("id", "in", (view_id(key_of("tests", TEST)),) * 3),), 1),
        (asked(name="fcntl01"), 27),
        ((Filter("created", "gt", "2025-01-01T00:00:00.000000Z"),), 2),
        ((Filter("data.kernel_revision.commit", "ne", "cd" * 20),), 6),
        (asked(data__kcidb__object__id="x:orphan"), 1),
        (asked(owner="z" * 300), 0),
        (asked(owner="z" * 2000), 0),
        ((Filter("owner", "in", ("arm", *map(str, range(29)))), *asked(data__kernel_revision__commit="cd" * 20)), 29),
        (asked(id=None), 0),
        (asked(submitter=None), 0),
        (asked(data__kernel_revision__tree=None), 3),
    ],
)
def test_filters(filled, filters, count):
    assert filled.count(filters) == count
    found = filled.page(Query(filters, 100)).docs
    assert len(found) == count
    whole = filled.page(Query((), 100)).docs
    assert [d.key for d in found] == [d.key for d in whole if matches(d.body, filters)]


@pytest.mark.parametrize("filters", [(), asked(result="fail"), asked(data__kernel_revision__commit="cd" * 20)])
@pytest.mark.parametrize("size", [1, 7, 100])
def test_pages(filled, filters, size):
    whole = [d.key for d in filled.page(Query(filters, 100)).docs]
    paged, after = [], None
    for _ in range(100):
        docs, after = filled.page(Query(filters, size, 0, after))
        paged += [d.key for d in docs]
        if after is None:
            break
    assert paged == whole == list(dict.fromkeys(whole))
    assert [d.key for d in filled.page(Query(filters, 3, 5)).docs] == whole[5:8]


def test_a_page_says_no_more_than_it_must(store):
    views = Views(store, 50, "lab")
    put(store, "tests", *({**TEST, "id": f"ti:{n}"} for n in range(120)))
    assert views.count(asked(owner="ti", kind="test")) == 120
    assert len(views.page(Query(asked(kind="test"), 10)).docs) == 10
    with pytest.raises(TooCostly):
        views.count(asked(name="nothing"))
    with pytest.raises(TooCostly):
        views.page(Query((Filter("id", "in", tuple(f"{n:024x}" for n in range(101))),), 10))
    for cursor in ("x", "WyJub2RlcyIsICJhIl0"):
        with pytest.raises(Invalid):
            views.page(Query((), 10, 0, cursor))


def test_what_a_node_alone_tells_of_is_a_node_already(store, bus, auth, clock, ids):
    hub = Hub(store, bus, auth, clock=clock, ids=ids, policy=Policy(origin="lab"))
    lab = Actor("1" * 24, "lab")
    kbuild = hub.nodes.submit(lab, build.kbuild(hub.nodes.submit(lab, build.checkout(), clock())), clock())
    own = {"id": f"lab:{kbuild.id}", "origin": "lab", "checkout_id": "lab:x", "log_excerpt": "x" * 300}
    put(store, "tests", {**TEST, "build_id": own["id"]})
    clock.advance(seconds=1)
    hub.sweep(clock())
    docs = hub.views.page(Query((), 100)).docs
    assert [doc.body["data"]["kcidb"]["object"]["id"] for doc in docs] == ["ti:t1"]
    # What it hangs from is told of by a node.
    assert docs[0].body["data"]["kernel_revision"]["commit"] == build.REVISION["commit"]
    assert docs[0].body["parent"] == kbuild.id
    assert hub.views.count(asked(parent=kbuild.id)) == 1
    assert hub.views.count(()) == 1
    assert hub.views.load(view_id(key_of("builds", own))) is None
    assert hub.views.count(asked(data__kernel_revision__commit=build.REVISION["commit"])) == 1
