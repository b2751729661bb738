"""The board over the world of `build/board.py`: what an answer reads at most, and what golden cases do not reach."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.domain.dashboard import issue
from lib.domain.dashboard.hardware import Window, bench, list_hardware, tests_on
from lib.domain.dashboard.history import COMMITS_MAX, RunSelector, TreeSelector, commits, commits_of, history, runs
from lib.domain.dashboard.issue import first_sighting, list_issues, marks_of, newest_versions, spread
from lib.domain.dashboard.reader import ADVICE, DashboardReader, since
from lib.domain.dashboard.report import ReportQuery, report
from lib.domain.dashboard.row import is_dummy
from lib.domain.dashboard.tree import count_at, heads, list_trees
from lib.domain.query.budget import Budget
from lib.domain.report.archive import Archive
from lib.domain.report.report import Key
from lib.errors import TooCostly
from tests.build import NOW
from tests.build import board as given

tests_on.__test__ = False
WEEK = NOW - timedelta(days=7)
MAINLINE = TreeSelector(given.MAINLINE, "master", "mainline", "maestro")
ROCK = "rk3399-rock-pi-4b"


def full(store, **more):
    """A board over the world, `more` objects added by kind."""
    made = given.world(NOW)
    for kind, objects in more.items():
        made[kind] += objects
    given.store(store, made, NOW)
    return DashboardReader(Archive(store), Budget(10_000, ADVICE))


def checkout(name, commit="7" * 40, hours=3, **more):
    at = (NOW - timedelta(hours=hours)).isoformat(timespec="microseconds")
    fields = {"id": f"ti:{name}", "origin": "ti", "git_commit_hash": commit, "start_time": at, **more}
    return {name: value for name, value in fields.items() if value is not None}


@pytest.mark.parametrize(
    "ask",
    [
        lambda board: board.rows(board.checkouts(given.COMMITS[2], origin="maestro")),
        lambda board: list_trees(board, "maestro", WEEK),
        lambda board: list_hardware(board, Window("maestro", WEEK, NOW)),
        lambda board: tests_on(board, ROCK, Window("maestro", WEEK, NOW)),
        lambda board: list_issues(board, WEEK, NOW),
        lambda board: report(board, ReportQuery(MAINLINE, age_max=timedelta(days=7)), NOW),
        lambda board: runs(board, RunSelector("boot", MAINLINE, "defconfig"), None, 10),
        lambda board: commits(board, MAINLINE),
    ],
)
def test_no_answer_reads_more_than_it_may(store, ask):
    board = full(store)
    ask(board)
    assert 0 < board.budget.docs_read < 100
    with pytest.raises(TooCostly, match="more than 2 documents would be read"):
        ask(DashboardReader(board.archive, Budget(2, ADVICE)))


def test_what_nobody_asks_for_is_not_read(store):
    board = full(store)
    assert board.first("checkouts", since(WEEK), order="-start_time")["object"]["id"] == "redhat:c3"
    assert board.budget.docs_read == 1
    assert board.views("tests", ()) == {} == board.issues(()) and not board.rows([]).tests
    assert board.budget.docs_read == 1


def test_a_commit_is_known_by_all_its_checkouts(store):
    again = checkout("again", given.COMMITS[2], 1, git_repository_url=given.MAINLINE, git_repository_branch="master")
    board = full(store, checkouts=[{**again, "id": "maestro:c3b", "origin": "maestro", "tree_name": "mainline"}])
    found = commits(board, MAINLINE)
    assert [len(commit.checkouts) for commit in found] == [2, 1, 1]
    assert found[0].newest["id"] == "maestro:c3b" and found[0].earliest_start < found[0].newest["start_time"]
    assert [c.newest["id"] for c in history(board, found[1].checkouts, MAINLINE)] == ["maestro:c2", "maestro:c1"]


def test_a_checkout_without_a_start_has_a_history_of_itself(store):
    board = full(store, checkouts=[checkout("undated", start_time=None)])
    (view,) = board.checkouts("7" * 40)
    assert [c.earliest_start for c in history(board, [view], TreeSelector(origin="ti"))] == [None]


def test_many_commits_are_refused(store):
    with pytest.raises(TooCostly, match=f"at most {COMMITS_MAX} commits"):
        commits_of(full(store), map(str, range(COMMITS_MAX + 1)), MAINLINE)


def test_histories_end_at_their_length(store):
    many = [checkout(f"c{n}", f"{n:040x}", 1 + n / 100, tree_name="t") for n in range(COMMITS_MAX + 5)]
    board = full(store, checkouts=many)
    assert len(commits(board, TreeSelector(tree="t"))) == COMMITS_MAX
    assert len(history(board, [many[0]], TreeSelector(tree="t"))) == 10
    assert len(commits(board, TreeSelector(tree="t"), most=3)) == 3


def test_checkouts_that_started_together_are_told_apart_by_their_ids():
    one, two = checkout("a"), checkout("b")
    assert list(heads([two, one]).values()) == [two] == list(heads([one, two]).values())


@pytest.mark.parametrize(
    ("id", "expected"),
    [("maestro:dummy_c1", True), ("tributary:dummy_6b_arm64", True), ("maestro:b_dummy_1", False), ("dummy_:b", False)],
)
def test_builds_that_nobody_made(id, expected):
    assert is_dummy(id) is expected


def test_builds_that_nobody_made_are_not_counted_and_their_tests_are(store):
    made = {"id": "ti:dummy_c", "origin": "ti", "checkout_id": "ti:c"}
    test = {"id": "ti:t9", "origin": "ti", "build_id": "ti:dummy_c", "status": "PASS"}
    board = full(store, checkouts=[checkout("c")], builds=[made], tests=[test])
    counts = count_at(board, board.checkouts("7" * 40))["ti:c"]
    assert counts.builds.total == 0 and counts.tests.passed == 1
    rows = board.rows(board.checkouts("7" * 40))
    assert not rows.builds and [row.view["id"] for row in rows.tests] == ["ti:t9"]


def test_runs_of_a_test_are_those_of_one_configuration_and_tree(store):
    board = full(store)
    assert [row.status for row in runs(board, RunSelector("boot", MAINLINE, "defconfig"), None, 10)] == [
        "FAIL", "PASS", "PASS",
    ]  # fmt: skip
    assert runs(board, RunSelector("boot", MAINLINE, "allmodconfig"), None, 10) == []
    assert runs(board, RunSelector("boot", MAINLINE, "defconfig", "other"), None, 10) == []
    assert len(runs(board, RunSelector("boot", MAINLINE, "defconfig", ROCK), NOW - timedelta(hours=20), 1)) == 1


def test_hardware_without_a_platform_goes_by_what_it_is_compatible_with(store):
    test = {
        "id": "ti:t9", "origin": "ti", "build_id": "maestro:b3-arm64", "path": "boot", "status": "PASS",
        "start_time": (NOW - timedelta(hours=1)).isoformat(timespec="microseconds"),
        "environment": {"compatible": ["ti,am62", "ti,k3"]},
    }  # fmt: skip
    orphan = {**test, "id": "ti:t10", "build_id": "ti:unknown"}
    board = full(store, tests=[test, orphan])
    found = {hardware.platform: hardware for hardware in list_hardware(board, Window("ti", WEEK, NOW))}
    assert list(found) == ["am62 sk", "ti,am62"] and list(found["ti,am62"].compatibles) == ["ti,am62", "ti,k3"]
    assert found["ti,am62"].counts.boots.passed == 1, "what hangs from nothing known is not counted"
    assert [row.view["id"] for row in tests_on(board, "ti,k3", Window("ti", WEEK, NOW))] == ["ti:t9"]


def test_a_bench_shows_of_each_tree_the_commit_that_is_asked_for(store):
    tests = tests_on(full(store), ROCK, Window("maestro", WEEK, NOW))
    assert {row.checkout["git_commit_hash"] for row in bench(tests, {}).rows.tests} == {
        given.COMMITS[2], given.STABLE_COMMIT,
    }  # fmt: skip
    one = bench(tests, {"0": given.COMMITS[0]})
    assert {row.checkout["git_commit_hash"] for row in one.rows.tests} == {given.COMMITS[0]}
    assert [tree.commit for tree in one.trees] == [given.COMMITS[0], None]
    assert bench((), {}).trees == []


def test_an_incident_that_denies_an_issue_links_nothing(store):
    board = full(store)
    rows = board.rows(board.checkouts(given.COMMITS[0], origin="maestro"))
    board.link(rows)
    assert not any(row.issues for row in rows)


def test_of_an_issue_the_highest_version_counts_whatever_came_last(store):
    more = [{"id": "maestro:i1", "version": 9, "origin": "maestro"}, {"id": "maestro:i1", "version": 10, "origin": "a"}]
    board = full(store, issues=more)
    assert newest_versions(board, ["maestro:i1", "none"])["maestro:i1"]["object"]["version"] == 10
    assert len(list_issues(board, WEEK, NOW)) == 3 and list_issues(board, WEEK, WEEK) == []


def test_where_an_issue_was_seen(store, monkeypatch):
    board = full(store)
    found = spread(board, "redhat:i2")
    assert (found.first.checkout["id"], found.last.checkout["id"]) == ("maestro:cs", "maestro:c3")
    assert found.trees == {1: {("mainline", "master"), ("stable-rc", "queue/6.6")}}
    assert spread(board, "maestro:lonely") == issue.Occurrences(None, None)
    monkeypatch.setattr(issue, "INCIDENTS_MAX", 1)
    assert len(spread(board, "redhat:i2").trees[1]) == 1, "the newest incidents name the trees"


def test_an_issue_is_looked_for_among_its_first_incidents_alone(store):
    lost = [
        {"id": f"a:n{n}", "origin": "a", "issue_id": "a:i", "issue_version": 1, "test_id": f"a:t{n}", "present": True}
        for n in range(issue.LOOKED_MAX * 3)
    ]
    board = full(store, incidents=lost)
    assert first_sighting(board, "a:i") is None
    assert board.budget.docs_read <= 5 * issue.LOOKED_MAX
    assert board.archive.load(Key("incidents", "a:n0"))


@pytest.mark.parametrize(
    ("names", "marks"),
    [
        (["mainline"], ["mainline"]), (["next"], ["linux-next"]), (["stable-rc", "stable"], ["stable"]),
        (["android"], []), (["mainline", "linux-next", "stable"], ["linux-next", "mainline", "stable"]),
    ],
)  # fmt: skip
def test_how_far_an_issue_has_got(names, marks):
    assert marks_of((name, "master") for name in names) == marks
