"""KernelCI's own command line reads results: every `kci-dev results` command against the real server, which was told of
the world of `tests/build/board.py` by POST /submit."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import requests

from tests.build.board import COMMITS, MAINLINE, STABLE, STABLE_COMMIT, world

from .conftest import Hub

AT_MAINLINE = ("--giturl", MAINLINE, "--branch", "master")
AT_HEAD = (*AT_MAINLINE, "--commit", COMMITS[2])
BOARD = "rk3399-rock-pi-4b"

CORRECTED = (
    "import sys; import kcidev.libs.dashboard as d; d.DASHBOARD_API_DEFAULT = sys.argv.pop(1); "
    "sys.argv[0] = 'kci-dev'; from kcidev.main import run; run()"
)
"""kci-dev 0.1.12, whose `compare` and `gate` ask the production dashboard whatever its settings say: the same program
with another default. Nothing else of it is changed."""


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hub]:
    """A running hub that was told of everything."""
    hub = Hub(tmp_path_factory.mktemp("hub"))
    try:
        hub.start()
        done = hub.admin("kcidb", "token", "--origin", "maestro", "--origin", "redhat", "--origin", "ti")
        assert done.returncode == 0, done.stderr
        body = {"version": {"major": 5, "minor": 3}, **world(datetime.now(UTC))}
        reply = requests.post(
            f"{hub.url}/submit", json=body, headers={"Authorization": f"Bearer {done.stdout.strip()}"}, timeout=60
        )
        assert reply.status_code == 200, reply.text
        end = time.monotonic() + 60
        while requests.get(f"{hub.url}/status?id={reply.json()['id']}", timeout=60).json()["status"] != "processed":
            assert time.monotonic() < end
            time.sleep(0.05)
        yield hub
    finally:
        hub.close()


class KciDev:
    """Runs `kci-dev results`; gives what it printed."""

    def __init__(self, hub: Hub, folder: Path) -> None:
        self._api, self._folder = f"{hub.url}/api/", folder
        self._settings = folder / "kci-dev.toml"
        self._settings.write_text(f'dashboard_api = "{self._api}"\n')

    def run(self, *words: str, corrected: bool = False) -> subprocess.CompletedProcess[str]:
        command = [str(Path(sys.executable).with_name("kci-dev"))]
        if corrected:
            command = [sys.executable, "-c", CORRECTED, self._api]
        return subprocess.run(
            [*command, "--settings", str(self._settings), "results", *words],
            capture_output=True, text=True, timeout=60, cwd=self._folder, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip

    def text(self, *words: str) -> str:
        done = self.run(*words)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def json(self, *words: str):
        return json.loads(self.text(*words, "--json"))

    def ids(self, *words: str) -> list[str]:
        """What a list holds, without the origins."""
        return [item["id"].removeprefix("maestro:") for item in self.json(*words)]


@pytest.fixture
def kci_dev(told: Hub, tmp_path: Path) -> KciDev:
    return KciDev(told, tmp_path)


def test_trees(kci_dev):
    assert [(t["tree"], t["latest_commit_hash"], t["latest_commit_name"]) for t in kci_dev.json("trees")] == [
        ("mainline/master", COMMITS[2], "v6.3"), ("stable-rc/queue/6.6", STABLE_COMMIT, None),
    ]  # fmt: skip
    assert len(kci_dev.json("trees", "--days", "14")) == 3
    assert [t["giturl"] for t in kci_dev.json("trees", "--origin", "redhat")] == [MAINLINE]
    assert f"giturl: {STABLE}" in kci_dev.text("trees")
    nobody = kci_dev.run("trees", "--origin", "nobody")
    assert nobody.returncode == 1 and "No trees were found" in nobody.stdout


def test_summary(kci_dev):
    expected = {
        "builds": {"pass": 1, "fail": 1, "inconclusive": 0},
        "boots": {"pass": 1, "fail": 1, "inconclusive": 1},
        "tests": {"pass": 3, "fail": 0, "inconclusive": 3},
    }
    assert kci_dev.json("summary", *AT_HEAD) == kci_dev.json("summary", *AT_MAINLINE, "--latest") == expected
    arm = kci_dev.json("summary", *AT_HEAD, "--arch", "arm64")
    assert (arm["builds"]["pass"], arm["builds"]["fail"], arm["boots"]["pass"]) == (1, 0, 0)
    assert "builds:\t1/1/0" in kci_dev.text("summary", *AT_HEAD)
    unknown = kci_dev.run("summary", *AT_MAINLINE, "--commit", "f" * 40)
    assert unknown.returncode == 1 and "No results available for this tree/branch/commit" in unknown.stdout


def test_summary_over_the_last_commits(kci_dev):
    history = kci_dev.json("summary", *AT_MAINLINE, "--history")
    assert [c["git_commit_hash"] for c in history] == list(COMMITS[::-1])
    assert [c["builds"]["FAIL"] for c in history] == [1, 0, 0]
    assert [c["boots"]["fail"] for c in history] == [1, 0, 0]
    assert [c["tests"]["fail"] for c in history] == [0, 2, 1]
    assert "v6.3" in kci_dev.text("summary", *AT_MAINLINE, "--history")


def test_builds(kci_dev):
    both = kci_dev.json("builds", *AT_HEAD)
    assert [(b["id"], b["arch"], b["status"]) for b in both] == [
        ("maestro:b3-arm64", "arm64", "PASS"), ("maestro:b3-x86_64", "x86_64", "FAIL"),
    ]  # fmt: skip
    for words in (
        ("--status", "fail"), ("--compiler", "CLANG-17"), ("--config", "allmod*"), ("--arch", "x86_64"),
    ):  # fmt: skip
        assert kci_dev.ids("builds", *AT_HEAD, *words) == ["b3-x86_64"], words
    assert kci_dev.ids("builds", *AT_HEAD, "--git-branch", "none*") == []
    assert kci_dev.json("builds", *AT_HEAD, "--count") == {"count": 2}
    # The dashboard passes these over.
    beside = ("--tree", "x", "--start-date", "2020-01-01", "--end-date", "2020-01-02")
    assert len(kci_dev.json("builds", *AT_HEAD, *beside)) == 2
    assert "config:allmodconfig arch: x86_64 compiler: clang-17" in kci_dev.text("builds", *AT_HEAD)
    unknown = kci_dev.run("builds", *AT_MAINLINE, "--commit", "f" * 40)
    assert unknown.returncode == 1 and "No builds available for this tree/branch/commit" in unknown.stdout


def test_boots(kci_dev):
    assert kci_dev.ids("boots", *AT_HEAD) == ["boot3", "nfs3", "ti:t1"]
    for words, ids in (
        (("--status", "fail"), ["boot3"]),
        (("--status", "inconclusive"), ["ti:t1"]),
        (("--hardware", "qemu*"), ["nfs3"]),
        (("--hardware", "rockchip,*"), ["boot3"]),
        (("--compatible", "ROCKPI"), ["boot3"]),
        (("--test-path", "boot.*"), ["nfs3", "ti:t1"]),
        (("--boot-origin", "ti"), ["ti:t1"]),
        (("--config", "defconfig"), ["boot3", "ti:t1"]),
        (("--compiler", "clang-17"), ["nfs3"]),
        (("--arch", "x86_64"), ["nfs3"]),
        (("--min-duration", "13"), []),
        (("--end-date", "2020-01-01"), []),
    ):
        assert kci_dev.ids("boots", *AT_HEAD, *words) == ids, words
    assert f"hardware: {BOARD}" in kci_dev.text("boots", *AT_HEAD)


def test_tests(kci_dev, tmp_path):
    assert kci_dev.ids("tests", *AT_HEAD) == ["bare", "kselftest3", "loose", "ltp3", "running", "skipped"]
    for words, ids in (
        (("--status", "pass"), ["kselftest3", "loose", "ltp3"]),
        (("--status", "inconclusive"), ["bare", "running", "skipped"]),
        (("--test-path", "ltp.*"), ["ltp3", "running", "skipped"]),
        (("--hardware", BOARD, "--status", "pass"), ["kselftest3", "ltp3"]),
        (("--compiler", "gcc-12", "--status", "pass"), ["kselftest3", "ltp3"]),
        (("--max-duration", "1"), ["bare"]),
    ):
        assert kci_dev.ids("tests", *AT_HEAD, *words) == ids, words
    chosen = tmp_path / "filter.yml"
    chosen.write_text("hardware: [builder]\n")
    assert kci_dev.ids("tests", *AT_HEAD, "--filter", str(chosen)) == ["loose"]
    assert kci_dev.json("tests", *AT_HEAD, "--count") == {"count": 6}
    assert "status:INCONCLUSIVE (status: NULL)" in kci_dev.text("tests", *AT_HEAD)
    assert "test path: boot" in kci_dev.text("boots", "--giturl", STABLE, "--branch", "queue/6.6", "--latest")


def test_one_build_boot_and_test(kci_dev):
    built = kci_dev.text("build", "--id", "maestro:b3-x86_64", "--json")
    assert "'config': 'allmodconfig'" in built or '"config": "allmodconfig"' in built
    assert "status:FAIL" in kci_dev.text("build", "--id", "maestro:b3-x86_64")
    for command in ("boot", "test"):
        shown = kci_dev.text(command, "--id", "maestro:boot3")
        assert all(part in shown for part in (BOARD, "radxa,rockpi4b | rockchip,rk3399", "runtime: lava-broonie"))
    assert "maestro:bare" in kci_dev.text("test", "--id", "maestro:bare")
    for command, text in (("build", "Build not found"), ("test", "Test not found"), ("boot", "Test not found")):
        done = kci_dev.run(command, "--id", "maestro:none")
        assert done.returncode == 1 and text in done.stdout


def test_hardware(kci_dev):
    listed = kci_dev.json("hardware", "list")
    assert {h["compatibles"] for h in listed} == {"builder", "qemu-x86", BOARD}
    assert ["radxa,rockpi4b", "rockchip,rk3399"] in [h["name"] for h in listed]
    assert [h["name"] for h in kci_dev.json("hardware", "list", "--origin", "ti")] == ["am62 sk"]
    assert BOARD in kci_dev.text("hardware", "list")
    on = ("--name", BOARD)
    summary = kci_dev.json("hardware", "summary", *on)
    assert summary["boots"] == {"pass": 0, "fail": 2, "inconclusive": 0}
    assert summary["builds"] == {"pass": 2, "fail": 0, "inconclusive": 0}
    assert kci_dev.ids("hardware", "boots", *on) == ["boots", "boot3"]
    assert kci_dev.ids("hardware", "boots", "--name", "rockchip,rk3399") == ["boots", "boot3"]
    assert kci_dev.ids("hardware", "builds", *on, "--compiler", "gcc-12") == ["b3-arm64"]
    assert kci_dev.ids("hardware", "tests", *on, "--status", "pass") == ["kselftest3", "ltp3"]
    assert kci_dev.ids("hardware", "boots", "--name", "am62 sk", "--origin", "ti") == ["ti:t1"]
    for command in ("summary", "boots", "builds", "tests"):
        assert kci_dev.run("hardware", command, "--name", "none").returncode == 1


def test_issues(kci_dev):
    listed = {issue["id"]: issue for issue in kci_dev.json("issues")}
    assert set(listed) == {"maestro:i1", "maestro:lonely"}
    assert listed["maestro:i1"]["version"] == 2
    assert listed["maestro:i1"]["extra"]["maestro:i1"]["tree_name"] == "mainline"
    assert "First incident seen on mainline/master" in kci_dev.text("issues")
    today = datetime.now(UTC)
    span = ("--start-date", str((today - timedelta(days=1)).date()), "--end-date", str((today + timedelta(1)).date()))
    assert len(kci_dev.json("issues", *span)) == 2
    assert kci_dev.json("issues", "--start-date", "2020-01-01", "--end-date", "2020-02-01") == []
    assert [i["id"] for i in kci_dev.json("issues", "--origin", "redhat")] == ["redhat:i2"]


def test_issues_of_a_checkout(kci_dev):
    found = kci_dev.json("issues", *AT_HEAD)
    assert sorted(i["id"] for i in found) == ["maestro:i1", "redhat:i2"]
    # The other was seen first in another tree.
    assert [i["id"] for i in kci_dev.json("issues", "--new", *AT_HEAD)] == ["maestro:i1"]
    assert "maestro:i1" in kci_dev.text("issues", "--new")
    missing = kci_dev.text("issues", "--missing", *AT_HEAD)
    assert "test/ti:t1" in missing and "maestro:boot3" not in missing and "maestro:b3-x86_64" not in missing


def test_one_issue(kci_dev):
    found = kci_dev.json("issue", "--id", "maestro:i1")
    assert (found["issue"]["version"], [b["id"] for b in found["builds"]], found["tests"]) == (
        2, ["maestro:b3-x86_64"], [],
    )  # fmt: skip
    old = kci_dev.json("issue", "--id", "maestro:i1", "--version", "1")
    assert (old["issue"]["comment"], old["builds"], old["tests"]) == ("does not build", [], [])
    boots = kci_dev.json("issue", "--id", "redhat:i2", "--origin", "maestro")["tests"]
    assert {t["id"] for t in boots} == {"maestro:boot3", "maestro:boots"}
    assert "Associated builds:" in kci_dev.text("issue", "--id", "maestro:i1")
    assert "Issue not found" in kci_dev.run("issue", "--id", "maestro:none").stdout


def test_tree_report(kci_dev):
    report = kci_dev.json("tree-report", *AT_MAINLINE, "--max-age", "72")
    assert report["commit_hash"] == COMMITS[2] and report["build_status_summary"]["FAIL"] == 1
    place = {BOARD: {"defconfig": {"arm64/gcc-12": ...}}}
    for name, path, statuses in (
        ("possible_regressions", "boot", ["FAIL", "PASS", "PASS"]),
        ("fixed_regressions", "ltp.sem01", ["PASS", "FAIL", "FAIL"]),
        ("unstable_tests", "kselftest.net", ["PASS", "FAIL", "PASS"]),
    ):
        assert list(report[name]) == list(place), name
        assert [run["status"] for run in report[name][BOARD]["defconfig"]["arm64/gcc-12"][path]] == statuses
    assert [i["issue_id"] for i in report["issues"]["builds"]] == ["maestro:i1"]
    shown = kci_dev.text("tree-report", *AT_MAINLINE, "--max-age", "72", "--no-emoji")
    assert "history:PASS > PASS > FAIL" in shown and "[NEW]" in shown
    some = kci_dev.json("tree-report", *AT_MAINLINE, "--max-age", "72", "--path", "boot%", "--history-size", "2")
    assert not some["fixed_regressions"] and some["possible_regressions"]
    older = kci_dev.json("tree-report", *AT_MAINLINE, "--max-age", "72", "--min-age", "24")
    assert older["commit_hash"] == COMMITS[1]
    assert "Tree not found in the given interval" in kci_dev.run("tree-report", *AT_MAINLINE, "--max-age", "1").stdout


def test_compare_and_gate(kci_dev):
    for words in (("compare", *AT_MAINLINE, COMMITS[0], COMMITS[2]), ("gate", *AT_MAINLINE)):
        done = kci_dev.run(*words, "--format", "json", corrected=True)
        assert done.returncode == 1, done.stdout + done.stderr  # there are regressions
        report = json.loads(done.stdout)
        assert not report["incomplete"] and report["head"] == COMMITS[2]
        found = {(i["category"], i["identity"]["path"]) for i in report["items"]}
        assert {("regression", "boot"), ("regression", "build")} <= found
        assert (("fixed", "ltp.sem01") in found) and report["counts"]["regression"] == 2
    passed = kci_dev.run("gate", *AT_MAINLINE, "--base", COMMITS[0], "--head", COMMITS[0], corrected=True)
    assert passed.returncode == 0, passed.stdout + passed.stderr
    issues = kci_dev.run("compare", *AT_MAINLINE, "--include-issues", "--json", corrected=True)
    known = [i["known_issues"] for i in json.loads(issues.stdout)["items"] if i["category"] == "regression"]
    assert sorted(known) == [["maestro:i1"], ["redhat:i2"]]
    unknown = kci_dev.run("compare", *AT_MAINLINE, COMMITS[0], "f" * 40, corrected=True)
    assert unknown.returncode == 2 and "Incomplete comparison" in unknown.stderr
