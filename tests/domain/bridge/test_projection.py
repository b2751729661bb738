"""What a node tells as objects of KCIDB: each row of kcidb.md 5.1, and what 5.2 changes of it."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from kcidb_io.schema import V5_3

from lib.dialects.kcidb.codec import decode
from lib.domain.bridge import value
from lib.domain.bridge.projection import FinishTimes, project_node
from lib.domain.bridge.run import INCOMPLETE, path_of
from lib.domain.node.node import Node
from tests.build import NOW, REVISION

AT = "2024-02-01T09:58:28.479138+00:00"
HOUR = timedelta(hours=1)


def node(kind: str, name: str, *line: Node, **more) -> Node:
    """A node below others."""
    path = more.pop("path", [*(line[-1].path if line else ()), name])
    id = f"{len(path):023d}{kind[0]}".replace("p", "0").replace("j", "1").replace("t", "2").replace("k", "3")
    values = {"created": NOW, "updated": NOW, "timeout": NOW + HOUR, "received_at": NOW, "owner": "maestro", **more}
    return Node(
        id=values.pop("id", id), kind=kind, name=name, path=path, ancestors=[n.id for n in line],
        parent=line[-1].id if line else None, **values,
    )  # fmt: skip


def done(result: str, code: str | None = None, **more) -> dict:
    """The state of a node that is done."""
    data = {**more.pop("data", {}), **({} if code is None else {"error_code": code})}
    return {"state": "done", "result": result, "data": data, "finished_at": NOW + timedelta(seconds=90), **more}


CHECKOUT = node("checkout", "checkout", data={"kernel_revision": dict(REVISION)})
KBUILD = node("kbuild", "kbuild-gcc-12-x86", CHECKOUT)
JOB = node(
    "job", "baseline-x86", CHECKOUT, KBUILD, data={"runtime": "lava-collabora", "platform": "rpi4", "job_id": "7"}
)


def tell(what: Node, *line: Node, **more) -> dict:
    """The last object of a node; all of them are checked, against KCIDB's own schema and against ours."""
    told = project_node(what, line, "maestro", **more)
    document = {"version": {"major": 5, "minor": 3}}
    for one in told:
        document.setdefault(one.kind, []).append(one.fields)
    V5_3.validate(document)
    # In normal form: what a submission of it would be stored as.
    assert [copy.fields for copy in decode(document).copies] == [one.fields for one in told]
    return told[-1].fields if told else {}


def status(what: Node, *line: Node) -> str | None:
    return tell(what, *line).get("status")


# Checkouts


def test_a_checkout_with_all_there_is():
    revision = {
        **REVISION, "commit_tags": ["v5.16-rc4"], "commit_message": "Linux", "tip_of_branch": True,
        "patchset": "ab" * 32,
    }  # fmt: skip
    artifacts = {
        "tarball": "https://s.org/linux.tar.gz", "patch10": "https://s.org/10", "patch2": "https://s.org/2",
        f"patch{9:05000}": "https://s.org/9", f"patch1{0:05000}": "https://s.org/0",
        "checkout_log": "https://s.org/log",
    }  # fmt: skip
    finish = FinishTimes(NOW, NOW + HOUR)
    checkout = node("checkout", "checkout", artifacts=artifacts, **done("pass", data={"kernel_revision": revision}))
    assert tell(checkout, finish=finish) == {
        "id": f"maestro:{checkout.id}",
        "origin": "maestro",
        "tree_name": "mainline",
        "git_repository_url": REVISION["url"],
        "git_repository_branch": "master",
        "git_repository_branch_tip": True,
        "git_commit_hash": REVISION["commit"],
        "git_commit_name": REVISION["describe"],
        "git_commit_tags": ["v5.16-rc4"],
        "git_commit_message": "Linux",
        "patchset_hash": "ab" * 32,
        "patchset_files": [
            {"name": "patch2", "url": "https://s.org/2"},
            {"name": f"patch{9:05000}", "url": "https://s.org/9"},
            {"name": "patch10", "url": "https://s.org/10"},
            {"name": f"patch1{0:05000}", "url": "https://s.org/0"},
        ],
        "start_time": AT,
        "origin_builds_finish_time": AT,
        "origin_tests_finish_time": "2024-02-01T10:58:28.479138+00:00",
        "log_url": "https://s.org/log",
        "valid": True,
        "misc": {"submitted_by": "maestro"},
    }


@pytest.mark.parametrize(
    ("what", "valid"),
    [
        ({}, None),
        (done("pass"), True),
        (done("fail"), False),
        (done("fail", "git_checkout_failure"), False),
        (done("incomplete", "git_checkout_failure"), False),
        (done("incomplete", "node_timeout"), None),
        (done("skip"), None),
        ({"state": "available", "result": "pass"}, True),
    ],
)
def test_a_checkout_is_valid(what, valid):
    assert tell(node("checkout", "checkout", **what)).get("valid") is valid


@pytest.mark.parametrize(("patchset", "shown"), [(None, ""), ("", ""), ("ab" * 32, "ab" * 32), ("v2 of 3", None)])
def test_the_hash_of_patches(patchset, shown):
    checkout = node("checkout", "checkout", data={"kernel_revision": {**REVISION, "patchset": patchset}})
    assert tell(checkout).get("patchset_hash") == shown


def test_what_the_schema_would_refuse_is_left_out():
    revision = {
        "tree": 5, "url": "git://git.kernel.org/linux.git", "branch": "a\0b", "commit": "2A98", "describe": "",
        "commit_tags": [None, "v1"], "commit_message": ["x"], "tip_of_branch": "yes",
    }  # fmt: skip
    told = tell(node("checkout", "checkout", data={"kernel_revision": revision}, artifacts={"log": "ftp://x"}))
    assert {name: told[name] for name in told if name not in ("id", "origin", "start_time", "misc")} == {
        "git_repository_branch": "ab", "git_commit_tags": ["v1"], "patchset_hash": "",
    }  # fmt: skip


# Builds


def test_a_build_with_all_there_is():
    data = {
        "kernel_revision": REVISION, "arch": "x86_64", "compiler": "gcc-12",
        "config_full": "x86_64_defconfig+kselftest",
        "defconfig": "x86_64_defconfig", "platform": "kubernetes", "runtime": "k8s-all", "job_id": "kci-1",
        "job_context": "aks-big-1", "kernel_type": "bzImage",
    }  # fmt: skip
    artifacts = {
        "build_log": "https://s.org/build.log", "_config": "https://s.org/.config", "kernel": "https://s.org/bzImage",
        "dtbs/x.dtb": "https://s.org/x.dtb",
    }  # fmt: skip
    build = node("kbuild", "kbuild-gcc-12-x86", CHECKOUT, artifacts=artifacts, **done("pass", data=data))
    assert tell(build, CHECKOUT) == {
        "id": f"maestro:{build.id}",
        "origin": "maestro",
        "checkout_id": f"maestro:{CHECKOUT.id}",
        "comment": REVISION["describe"],
        "start_time": AT,
        "duration": 90,
        "architecture": "x86_64",
        "compiler": "gcc-12",
        "config_name": "x86_64_defconfig+kselftest",
        "config_url": "https://s.org/.config",
        "log_url": "https://s.org/build.log",
        "output_files": [
            {"name": "dtbs_x.dtb", "url": "https://s.org/x.dtb"},
            {"name": "kernel", "url": "https://s.org/bzImage"},
        ],
        "status": "PASS",
        "misc": {
            "platform": "kubernetes", "runtime": "k8s-all", "job_id": "kci-1", "job_context": "aks-big-1",
            "kernel_type": "bzImage",
        },
    }  # fmt: skip


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ({}, None),
        ({"data": {"error_code": "Job"}}, None),
        ({"state": "available", "result": "pass"}, "PASS"),
        (done("pass"), "PASS"),
        (done("fail"), "FAIL"),
        (done("skip"), None),
        (done("incomplete"), "ERROR"),
        (done("incomplete", "node_timeout"), "MISS"),
        (done("fail", "node_timeout"), "ERROR"),
        (done("pass", "Infrastructure"), "ERROR"),
        (done("fail", "kbuild_internal_error"), "ERROR"),
    ],
)
def test_the_status_of_a_build(what, shown):
    assert status(node("kbuild", "kbuild", CHECKOUT, **what), CHECKOUT) == shown


def test_a_second_attempt_says_so():
    told = tell(node("kbuild", "kbuild", CHECKOUT, retry_counter=2, debug={"retry_by": "b" * 24}), CHECKOUT)
    assert told["comment"] == "retry 2"
    assert told["misc"] == {"retry_counter": 2, "retry_by": "b" * 24}


def test_a_build_that_ran_out_of_time_took_nobody_knows_how_long():
    assert "duration" not in tell(node("kbuild", "kbuild", CHECKOUT, **done("incomplete", "node_timeout")), CHECKOUT)


def test_a_build_without_a_checkout_is_not_told():
    assert not project_node(node("kbuild", "kbuild"), [], "maestro")


# Tests


def test_a_test_with_all_it_has_from_its_job():
    job = replace(
        JOB, artifacts={"lava_log": "https://s.org/lava", "test_log": "https://s.org/test", "x/y": "https://s.org/y"}
    )
    data = {
        "test_source": "https://github.com/kernelci/test-definitions.git", "compiler": "gcc-12", "arch": "arm64",
        "kernel_type": "image", "test_revision": {"commit": "abc", "n": 5.0}, "misc": {"measurement": 1.0},
    }  # fmt: skip
    test = node("test", "login", CHECKOUT, KBUILD, job, **done("fail", data=data))
    assert tell(test, CHECKOUT, KBUILD, job) == {
        "id": f"maestro:{test.id}",
        "origin": "maestro",
        "build_id": f"maestro:{KBUILD.id}",
        "path": "baseline-x86.login",
        "comment": "login on rpi4 in lava-collabora",
        "start_time": AT,
        "environment": {
            "comment": "Runtime: lava-collabora",
            "misc": {"platform": "rpi4", "measurement": 1, "job_id": "7"},
        },
        "status": "FAIL",
        "duration": 90,
        "log_url": "https://s.org/lava",
        "output_files": [{"name": "x_y", "url": "https://s.org/y"}],
        "misc": {
            "test_source": data["test_source"], "test_revision": {"commit": "abc", "n": 5}, "compiler": "gcc-12",
            "arch": "arm64", "kernel_type": "image", "runtime": "lava-collabora", "lab": "lava-collabora",
        },
    }  # fmt: skip


def test_nothing_is_made_of_what_is_not_there():
    told = tell(
        node("test", "kver", CHECKOUT, KBUILD, **done("pass", artifacts={"test_log": "https://s.org/l"})), KBUILD
    )
    assert told["comment"] == "kver"
    assert told["log_url"] == "https://s.org/l"
    assert not {"environment", "output_files", "misc"} & told.keys()


def test_a_skipped_test_has_neither_files_nor_metadata():
    told = tell(
        node("test", "login", CHECKOUT, KBUILD, JOB, artifacts={"x": "https://s.org"}, **done("skip")), KBUILD, JOB
    )
    assert told["status"] == "SKIP"
    assert not {"output_files", "misc", "duration"} & told.keys()


def test_a_build_keeps_its_files_to_itself():
    build = replace(KBUILD, artifacts={"kernel": "https://s.org/kernel"})
    assert "output_files" not in tell(node("test", "kver", CHECKOUT, build, **done("pass")), CHECKOUT, build)
    tarball = replace(CHECKOUT, artifacts={"tarball": "https://s.org/linux.tar.gz"})
    assert "output_files" not in tell(node("test", "kver", tarball, **done("pass")), tarball)


ERROR = ("Canceled", "Infrastructure", "LAVATimeout", "MultinodeTimeout", "Test")
MISS = (
    "Bug", "Configuration", "Job", "ObjectNotPersisted", "RequestBodyTooLarge", "submit_error", "invalid_job_params",
    "job_generation_error", "kbuild_internal_error", "Unexisting permission codename.", "node_timeout",
)  # fmt: skip


@pytest.mark.parametrize(
    ("what", "shown"),
    [
        ({}, None),
        ({"state": "closing", "result": "fail"}, None),
        (done("pass"), "PASS"),
        (done("fail"), "FAIL"),
        (done("skip"), "SKIP"),
        (done("incomplete"), None),
        (done("incomplete", "never heard of"), None),
        (done("fail", "Infrastructure"), "ERROR"),
        (done("fail", "Job"), "FAIL"),
        (done("pass", "Infrastructure"), "PASS"),
        *((done("incomplete", code), "ERROR") for code in ERROR),
        *((done("incomplete", code), "MISS") for code in MISS),
    ],
)
def test_the_status_of_a_test(what, shown):
    for kind in ("test", "job", "process"):
        assert status(node(kind, "login", CHECKOUT, KBUILD, **what), CHECKOUT, KBUILD) == shown
    assert set(INCOMPLETE) == {*ERROR, *MISS}


@pytest.mark.parametrize(("result", "shown"), [("pass", "PASS"), ("fail", "ERROR"), ("incomplete", "ERROR")])
def test_what_failed_in_a_job_whose_lab_broke_is_an_error(result, shown):
    job = replace(JOB, **done("fail", "Infrastructure"))
    told = tell(node("test", "login", CHECKOUT, KBUILD, job, **done(result)), CHECKOUT, KBUILD, job)
    assert told["status"] == shown
    assert told.get("misc", {}).get("error_code") == (None if result == "pass" else "Infrastructure")


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (["checkout", "kbuild", "baseline-x86", "login"], "baseline-x86.login"),
        (["checkout", "kbuild", "baseline-x86"], "baseline-x86"),
        (["checkout", "kbuild", "baseline-x86", "baseline-x86", "login"], "baseline-x86.login"),
        (["checkout", "kbuild", "baseline-x86", "", "login", ""], "baseline-x86.login"),
        (["checkout", "kbuild", "ltp", "fcntl/01 [arm]"], "ltp.fcntl_01__arm_"),
        (["checkout", "kbuild", "ltp", ".a..b."], "ltp.a.b"),
        (["checkout", "kbuild", "ltp", "é"], "ltp._"),
        (["checkout", "kbuild", "ltp", "a\0b"], "ltp.ab"),
        (["checkout", "kbuild"], None),
        ([], None),
        (["checkout", "kbuild", "..."], None),
        (["checkout", "kbuild", "setup", "env"], None),
        (["checkout", "kbuild", "mm", "hugepages_setup"], None),
        (["checkout", "kbuild", "setup", "os-release"], "setup.os-release"),
    ],
)
def test_the_path_of_a_test(path, shown):
    assert path_of(node("test", "x", JOB, path=path), [JOB], is_built=True) == shown


def test_a_job_may_name_the_suite_of_its_tests():
    job = replace(JOB, data={"kcidb_test_suite": "boot"})
    assert tell(job, CHECKOUT, KBUILD)["path"] == "boot"
    assert tell(node("test", "login", CHECKOUT, KBUILD, job), CHECKOUT, KBUILD, job)["path"] == "boot.login"
    # The suite within has the name that the job's tests have already.
    inner = node("test", "boot", CHECKOUT, KBUILD, job)
    assert (
        tell(node("test", "login", CHECKOUT, KBUILD, job, inner), CHECKOUT, KBUILD, job, inner)["path"] == "boot.login"
    )


def test_a_test_below_a_checkout_has_a_build_made_up():
    test = node("test", "kver", CHECKOUT, **done("pass", data={"arch": "arm64"}))
    build, told = project_node(test, [CHECKOUT], "maestro")
    assert build.kind == "builds" and build.teller is CHECKOUT
    assert build.fields == {
        "id": f"maestro:dummy_{CHECKOUT.id}_arm64",
        "origin": "maestro",
        "checkout_id": f"maestro:{CHECKOUT.id}",
        "start_time": AT,
        "architecture": "arm64",
        "comment": "Dummy build for tests hanging from checkout",
    }
    assert told.fields["build_id"] == build.fields["id"]
    assert told.fields["path"] == "kver"
    plain, _ = project_node(node("test", "kver", CHECKOUT), [CHECKOUT], "maestro")
    assert plain.fields["id"] == f"maestro:dummy_{CHECKOUT.id}"
    assert "architecture" not in plain.fields


def test_what_has_no_place_is_not_told():
    assert not project_node(node("test", "login"), [], "maestro")
    assert not project_node(node("regression", "login", CHECKOUT, KBUILD), [CHECKOUT, KBUILD], "maestro")


def test_a_suite_is_told_by_its_tests_and_a_job_by_itself():
    suite = node("test", "ltp", CHECKOUT, KBUILD, JOB)
    assert not project_node(suite, [CHECKOUT, KBUILD, JOB], "maestro", has_children=True)
    assert project_node(JOB, [CHECKOUT, KBUILD], "maestro", has_children=True)


# Values

FREE = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
NAMES = (
    "error_code", "error_msg", "arch", "compiler", "config_full", "defconfig", "platform", "runtime", "job_id",
    "job_context", "kernel_type", "test_source", "test_revision", "misc", "kcidb_test_suite",
)  # fmt: skip
ODD_REVISION = st.dictionaries(
    st.sampled_from([*REVISION, "patchset", "commit_tags", "commit_message", "tip_of_branch"]),
    FREE | st.lists(st.text()),
)
DATA = st.builds(
    lambda free, revision: {**free, "kernel_revision": revision},
    st.dictionaries(st.sampled_from(NAMES), FREE, max_size=6),
    ODD_REVISION | FREE,
)
ODD = st.fixed_dictionaries(
    {
        "name": st.text(min_size=1),
        "data": DATA | st.none(),
        "artifacts": st.dictionaries(st.text() | st.sampled_from(["patch1", "lava_log"]), st.text() | st.none()),
        "path": st.lists(st.text()),
        "state": st.sampled_from(["running", "done"]),
        "result": st.sampled_from([None, "pass", "fail", "skip", "incomplete"]),
        "retry_counter": st.integers(-1, 3),
    }
)


@settings(max_examples=150)
@given(st.sampled_from(["checkout", "kbuild", "job", "test", "process"]), ODD, ODD, ODD)
def test_whatever_nodes_hold_what_they_tell_is_valid(kind, what, above, checkout):
    root = replace(CHECKOUT, **{k: v for k, v in checkout.items() if k != "name"})
    line = [root, *([KBUILD] if above["retry_counter"] else []), replace(JOB, **above)]
    shown = replace(node(kind, "x", *line), **what)
    told = tell(shown, *line)
    assert "\0" not in str(told)


@pytest.mark.parametrize(
    ("url", "is_one"),
    [
        ("https://s.org", True),
        ("http://s.org:8080/a%20b/c;d=1?q=[", False),
        ("https://s.org/?a=b&c=/d?e#f/g", True),
        ("https://[::1]:80/x", True),
        ("https://user:pass@s.org/~x/(y)", True),
        ("https://s.org/a b", False),
        ("https://s.org/é", False),
        ("https://s.org/%zz", False),
        ("https://s.org/x#a#b", False),
        ("ftp://s.org/x", False),
        ("https://s.org/x\n", False),
        ("//s.org/x", False),
        ("", False),
    ],
)
def test_urls(url, is_one):
    assert (value.url(url) == url) is is_one


@settings(max_examples=300)
@given(st.from_regex(r"https?://[a-z0-9\[\]:@%./?#\-~ é]{0,12}", fullmatch=True))
def test_what_is_a_url_here_is_one_for_kcidb(url):
    if value.url(url) is not None:
        V5_3.validate({"version": {"major": 5, "minor": 3}, "tests": [
            {"id": "a:1", "build_id": "a:1", "origin": "a", "log_url": url}
        ]})  # fmt: skip
