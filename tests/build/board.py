"""A small world of KCIDB results for the tests of the board: three commits of mainline, a branch with a slash, an old
tree, another origin's; boots and tests that regressed, were fixed, or are unstable; issues of two versions.

`world` is one submission (5.3) relative to a time; `store` puts it into a store as merged reports, all at once.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.report.report import COLLECTION, KINDS, key_of
from lib.store.port import Store

Fields = dict[str, Any]
World = dict[str, list[Fields]]

MAINLINE = "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git"
STABLE = "https://git.kernel.org/pub/scm/linux/kernel/git/stable/linux-stable-rc.git"
COMMITS = tuple(str(n) * 40 for n in (1, 2, 3))
"""Mainline's, oldest first."""
STABLE_COMMIT, OLD_COMMIT = "5" * 40, "9" * 40
HOURS_AGO = (50, 26, 2)


def world(now: datetime) -> World:
    """Everything, as one submission."""
    made: World = {kind: [] for kind in KINDS}
    for place, (commit, hours) in enumerate(zip(COMMITS, HOURS_AGO, strict=True)):
        _mainline(made, place + 1, commit, now - timedelta(hours=hours))
    _stable(made, now - timedelta(hours=5))
    made["checkouts"].append(_checkout("old", "next", OLD_COMMIT, now - timedelta(days=10), STABLE, "master"))
    made["checkouts"].append({
        **_checkout("3", "mainline", COMMITS[2], now - timedelta(hours=1), MAINLINE, "master"),
        "id": "redhat:c3", "origin": "redhat",
    })  # fmt: skip
    _issues(made)
    return made


def _mainline(made: World, n: int, commit: str, at: datetime) -> None:
    made["checkouts"].append({
        **_checkout(str(n), "mainline", commit, at, MAINLINE, "master"),
        "git_commit_name": f"v6.{n}", **({"git_commit_tags": ["v6.3"]} if n == 3 else {}),
    })  # fmt: skip
    for arch, compiler, config, status in (
        ("arm64", "gcc-12", "defconfig", "PASS"),
        ("x86_64", "clang-17", "allmodconfig", "FAIL" if n == 3 else "PASS"),
    ):
        made["builds"].append({
            "id": f"maestro:b{n}-{arch}", "checkout_id": f"maestro:c{n}", "origin": "maestro", "status": status,
            "start_time": _text(at + timedelta(minutes=5)), "duration": 600, "architecture": arch,
            "compiler": compiler, "config_name": config, "config_url": f"https://files.example.org/{n}/{arch}/config",
            "log_url": f"https://files.example.org/{n}/{arch}/log", "misc": {"lab": "k8s-east"},
        })  # fmt: skip
    arm, x86 = f"maestro:b{n}-arm64", f"maestro:b{n}-x86_64"
    statuses = {
        "boot": ("PASS", "PASS", "FAIL"),
        "ltp.sem01": ("FAIL", "FAIL", "PASS"),
        "kselftest.net": ("PASS", "FAIL", "PASS"),
    }
    for path, ended in statuses.items():
        name = f"{path.partition('.')[0]}{n}"
        made["tests"].append(_test(name, arm, path, "rk3399-rock-pi-4b", at, status=ended[n - 1]))
    made["tests"].append(_test(f"nfs{n}", x86, "boot.nfs", "qemu-x86", at, status="PASS"))
    if n == 3:
        _odd(made, arm, at)


def _odd(made: World, build: str, at: datetime) -> None:
    """What the last commit has beside: no status yet, a skip, another origin's test, one without a build."""
    made["tests"] += [
        _test("running", build, "ltp.cve", "rk3399-rock-pi-4b", at),
        _test("skipped", build, "ltp.skip", "rk3399-rock-pi-4b", at, status="SKIP"),
        {**_test("t1", build, "boot.uart", "am62 sk", at, status="ERROR"), "id": "ti:t1", "origin": "ti"},
        _test("loose", "maestro:dummy_c3", "docs.check", "builder", at, status="PASS"),
        {"id": "maestro:bare", "origin": "maestro", "build_id": build},
    ]
    made["builds"].append({"id": "maestro:dummy_c3", "checkout_id": "maestro:c3", "origin": "maestro"})
    boot = next(test for test in made["tests"] if test["id"] == "maestro:boot3")
    boot |= {"log_excerpt": "x" * 300 + "Oops", "misc": {**boot["misc"], "error_msg": "Oops"}, "comment": "boot on rk"}


def _stable(made: World, at: datetime) -> None:
    made["checkouts"].append(_checkout("s", "stable-rc", STABLE_COMMIT, at, STABLE, "queue/6.6"))
    made["builds"].append({
        "id": "maestro:bs", "checkout_id": "maestro:cs", "origin": "maestro", "status": "PASS",
        "start_time": _text(at), "architecture": "arm64", "config_name": "defconfig",
    })  # fmt: skip
    made["tests"].append(_test("boots", "maestro:bs", "boot", "rk3399-rock-pi-4b", at, status="FAIL"))


def _issues(made: World) -> None:
    made["issues"] = [
        {"id": "maestro:i1", "version": 1, "origin": "maestro", "comment": "does not build", "culprit": {"code": True}},
        {"id": "maestro:i1", "version": 2, "origin": "maestro", "comment": "does not build with clang",
         "culprit": {"code": True}, "report_url": "https://lore.example.org/1", "categories": ["build"]},
        {"id": "redhat:i2", "version": 1, "origin": "redhat", "comment": "lab is slow", "culprit": {"harness": True},
         "report_subject": "slow", "misc": {"n": 1}},
        {"id": "maestro:lonely", "version": 1, "origin": "maestro"},
    ]  # fmt: skip
    links = (
        ("n1", "maestro:i1", 2, {"build_id": "maestro:b3-x86_64", "present": True}),
        ("n2", "redhat:i2", 1, {"test_id": "maestro:boot3", "present": True}),
        ("n3", "redhat:i2", 1, {"test_id": "maestro:boots"}),
        ("n4", "maestro:i1", 2, {"test_id": "maestro:ltp1", "present": False}),
        ("n5", "maestro:i1", 2, {"test_id": "maestro:nobody", "present": True}),
    )
    made["incidents"] = [
        {"id": f"maestro:{name}", "origin": "maestro", "issue_id": issue, "issue_version": version, **target}
        for name, issue, version, target in links
    ]


def _checkout(name: str, tree: str, commit: str, at: datetime, url: str, branch: str) -> Fields:
    return {
        "id": f"maestro:c{name}", "origin": "maestro", "tree_name": tree, "git_repository_url": url,
        "git_repository_branch": branch, "git_commit_hash": commit, "patchset_hash": "", "start_time": _text(at),
        "valid": True,
    }  # fmt: skip


def _test(name: str, build: str, path: str, platform: str, at: datetime, **more: Any) -> Fields:
    compatible = {"rk3399-rock-pi-4b": ["radxa,rockpi4b", "rockchip,rk3399"]}.get(platform)
    return {
        "id": f"maestro:{name}", "build_id": build, "origin": "maestro", "path": path,
        "start_time": _text(at + timedelta(minutes=30)), "duration": 12.5,
        "environment": {**({"compatible": compatible} if compatible else {}), "misc": {"platform": platform, "u": 1}},
        "log_url": f"https://files.example.org/{name}.log", "misc": {"runtime": "lava-broonie"}, **more,
    }  # fmt: skip


def _text(at: datetime) -> str:
    return at.isoformat(timespec="microseconds")


def store(where: Store, made: Mapping[str, list[Fields]], now: datetime) -> None:
    """Put the objects into a store, as they are after the merge of one submission."""
    at = stamp(now)
    for kind, objects in made.items():
        for start in range(0, len(objects), 100):
            some = [_stored(kind, fields, at) for fields in objects[start : start + 100]]
            where.transact(lambda tx, some=some: [tx.create(*each) for each in some])  # type: ignore[misc]


def _stored(kind: str, fields: Fields, at: str) -> tuple[str, str, Fields]:
    body = {
        "object": fields, "by": [0, 0, "s"], "first_received": at, "last_received": at, "changed_at": at,
    }  # fmt: skip
    return COLLECTION[kind], key_of(kind, fields).store_key, body
