"""The board's rules: filters, patterns, summaries, trends, comparisons, heads; and how little each answer reads."""

from datetime import timedelta

import pytest

from lib.domain.dashboard import compare, hardware, history, issue, origin, report, tree
from lib.domain.dashboard.filter import OPERATORS, RowFilter, condition
from lib.domain.dashboard.reader import ADVICE, DashboardReader, Rows
from lib.domain.dashboard.row import BuildRow, TestRow, is_boot
from lib.domain.dashboard.summary import UNEXPLAINED, summarise
from lib.domain.dashboard.tally import STATUSES, StatusTally
from lib.domain.query.budget import Budget
from lib.domain.report.archive import Archive
from lib.errors import Invalid, TooCostly
from tests.build import NOW
from tests.build import board as made

BUILD = {"id": "m:b", "origin": "m", "config_name": "def", "architecture": "arm64", "compiler": "gcc", "status": "PASS"}


def build(**more):
    return BuildRow({**BUILD, **more}, {"id": "m:c"})


def test_row(path="ltp.a", of=None, **more):
    return TestRow({"id": f"m:{path}", "origin": "m", "build_id": "m:b", "path": path, **more}, of or build())


test_row.__test__ = False


@pytest.fixture
def board(store):
    made.store(store, made.world(NOW), NOW)
    return DashboardReader(Archive(store), Budget(1_000_000, ADVICE))


def where(name, *values, op=""):
    return RowFilter((condition(name, op, values),))


# Tallies and rows.


def test_every_status_has_its_place():
    tally = StatusTally(STATUSES)
    assert (tally.total, tally.passed, tally.failed, tally.inconclusive) == (7, 1, 1, 5)


@pytest.mark.parametrize(("path", "said"), [
    ("boot", True), ("boot.nfs", True), ("boots", False), ("reboot", False), ("", False), ("ltp.boot", False),
])  # fmt: skip
def test_boots_are_known_by_their_path(path, said):
    assert is_boot(path) == said


def test_odd_miscs_are_no_trouble():
    row = test_row(misc={"runtime": 7}, environment={"misc": {"platform": ["x"]}})
    assert (row.lab, row.platform, row.compatibles) == ("Unknown", "Unknown", [])


def test_builds_that_nobody_made_are_hidden():
    assert build(id="maestro:dummy_65").is_hidden and not build().is_hidden


# Filters.


@pytest.mark.parametrize(("name", "values", "op", "taken"), [
    ("test.status", ["PASS", "FAIL"], "", True), ("test.status", ["NULL"], "", False),
    ("test.duration", ["5"], "gte", True), ("test.duration", ["5"], "gt", False), ("duration", ["4"], "lt", False),
    ("test.duration", ["1,5"], "in", True), ("test.path", ["lt"], "", True), ("test.path", ["lt"], "exact", False),
    ("test.hardware", ["b"], "", True), ("test.platform", ["b"], "", False), ("test.lab", ["r"], "", True),
    ("config_name", ["d%"], "like", True), ("boot.status", ["PASS"], "", True), ("build.status", ["PASS"], "", True),
    ("test.issue", ["i,1"], "", True), ("test.issue", ["i,2"], "", False), ("test.issue", ["i,null"], "", True),
    ("test.issue", ["i"], "", True), ("test.issue", ["Uncategorized,null"], "", False), ("origin", ["n"], "", False),
])  # fmt: skip
def test_conditions_on_a_test(name, values, op, taken):
    environment = {"compatible": ["a", "b"], "misc": {"platform": "p"}}
    row = test_row(status="FAIL", duration=5, misc={"runtime": "r"}, environment=environment)
    row.issues = [("i", 1)]
    assert where(name, *values, op=op).takes(row) == taken


def test_what_has_no_duration_meets_no_condition_on_it():
    assert not any(where("duration", "0", op=op).takes(build()) for op in OPERATORS if op != "like")


@pytest.mark.parametrize(("name", "value", "op"), [
    ("x", "1", ""), ("test.path", "1", "lt"), ("duration", "1", "like"), ("duration", "one", ""),
    ("build.issue", "a,b", ""), ("test.path", "x", "re"), ("test.path", "x" * 2000, ""),
])  # fmt: skip
def test_conditions_without_meaning_are_refused(name, value, op):
    with pytest.raises(Invalid):
        where(name, value, op=op)


# Summaries.


def test_a_summary_counts_what_is_taken_and_offers_everything():
    rows = Rows(
        [build(), build(id="m:f", status="FAIL", compiler="clang", misc={"lab": "l"})],
        [test_row("boot", status="FAIL"), test_row(status="FAIL", misc={"error_msg": "Oops"}), test_row("ltp.b")],
    )
    rows.tests[0].issues = [("i", 1)]
    found = summarise(rows, where("test.path", "ltp.a"))
    assert found.builds.status.total == 2 and found.builds.unknown_issues == 1
    assert found.builds.compilers == {"arm64": {"gcc", "clang"}} and set(found.builds.labs) == {"Unknown", "l"}
    assert found.boots.issues == {("i", 1): StatusTally(["FAIL"])} and found.boots.reasons == {UNEXPLAINED: 1}
    assert found.tests.status == StatusTally(["FAIL"]) and found.tests.reasons == {"Oops": 1}
    assert found.boot_options.issues == {("i", 1)} and not found.boot_options.has_unknown_issue
    assert found.test_options.has_unknown_issue and list(found.issues) == [("i", 1)]


# Trends and comparisons.


@pytest.mark.parametrize(("statuses", "said"), [
    ("P", "pass"), ("PPP", "pass"), ("F", "fail"), ("FPP", "regression"), ("FFP", "regression"), ("PFF", "fixed"),
    ("PFP", "unstable"), ("FPF", "unstable"), ("S", "unstable"), ("SPP", "unstable"), ("FSP", "regression"),
    ("PSP", "pass"), ("", "unstable"),
])  # fmt: skip
def test_trends(statuses, said):
    assert history.trend([{"P": "PASS", "F": "FAIL", "S": "SKIP"}[c] for c in statuses]) == said


@pytest.mark.parametrize(("before", "after", "said"), [
    ("PASS", "FAIL", ["regression"]), ("FAIL", "PASS", ["fixed"]), ("FAIL", "FAIL", ["stillFailing"]),
    ("PASS", "PASS", []), ("SKIP", "FAIL", ["newFailure"]), ("SKIP", "PASS", ["newPass"]),
    ("PASS", None, ["disappeared"]), (None, "FAIL", ["appeared", "newFailure"]), (None, "SKIP", ["appeared"]),
    ("PASS", "SKIP", []),
])  # fmt: skip
def test_changes(before, after, said):
    assert list(compare.changes(before, after)) == said


def test_of_several_runs_a_failure_counts():
    rows = [test_row(status=status) for status in ("SKIP", "PASS", "FAIL", "PASS")]
    found = compare.compare(Rows([], rows[:2]), Rows([], rows)).tests
    assert found.changes["regression"] == 1 and found.b.tally.total == 4


# What is read.


def test_the_newest_checkout_is_the_head():
    views = [{"id": f"m:{n}", "origin": "m", "start_time": at} for n, at in ((1, "b"), (3, "a"), (2, "b"))]
    assert [v["id"] for v in tree.heads([*views, {"id": "m:9", "origin": "m"}]).values()] == ["m:2"]


def test_trees_are_counted_at_their_heads_alone(board):
    trees = tree.list_trees(board, "maestro", NOW - timedelta(days=7))
    assert [t.checkout["id"] for t in trees] == ["maestro:c3", "maestro:cs"]
    # 4 checkouts of the week, 4 builds and 10 tests of the two heads.
    assert board.budget.docs_read == 18


def test_one_commit_reads_what_hangs_from_it(board):
    rows = board.rows(board.checkouts(made.COMMITS[0], made.MAINLINE, "master"))
    board.link(rows)
    assert (len(rows.builds), len(rows.tests), board.budget.docs_read) == (2, 4, 1 + 2 + 4 + 1)


def test_a_long_branch_is_not_taken_for_another(board, store):
    long = "x" * 2000
    other = {"id": "m:l", "origin": "m", "git_commit_hash": "a" * 40, "git_repository_branch": long, "tree_name": "t",
             "start_time": NOW.isoformat()}  # fmt: skip
    made.store(store, {"checkouts": [other]}, NOW)
    assert history.commits(board, history.TreeSelector(branch=long))
    assert not history.commits(board, history.TreeSelector(branch=long + "y"))
    assert tree.newest(board, "t", long + "y", "m") is None


def test_an_answer_that_would_read_too_much_is_refused(store, board):
    with pytest.raises(TooCostly):
        tree.list_trees(DashboardReader(board.archive, Budget(5, ADVICE)), "maestro", NOW - timedelta(days=7))


def test_origins_cost_two_documents_each(board):
    assert origin.find_origins(board, "tests", NOW - timedelta(days=30)) == ["maestro", "ti"]
    assert board.budget.docs_read == 4


def test_hardware_shows_one_commit_of_each_tree(board):
    window = hardware.Window("maestro", NOW - timedelta(days=7), NOW)
    tests = hardware.tests_on(board, "rockchip,rk3399", window)
    heads = hardware.bench(tests, {})
    assert [t.commit for t in heads.trees] == [made.COMMITS[2], made.STABLE_COMMIT]
    chosen = hardware.bench(tests, {"0": made.COMMITS[0]})
    assert {row.checkout["id"] for row in chosen.rows.tests} == {"maestro:c1"} and chosen.trees[1].commit is None


def test_an_issue_was_seen_first_where_it_was_checked_out_first(board):
    found = issue.spread(board, "redhat:i2")
    assert (found.first.checkout["id"], found.last.checkout["id"]) == ("maestro:cs", "maestro:c3")
    assert found.trees == {1: {("mainline", "master"), ("stable-rc", "queue/6.6")}}
    assert issue.marks_of(found.trees[1]) == ["mainline", "stable"]
    assert issue.first_sighting(board, "maestro:lonely") is None


def test_a_report_looks_no_further_back_than_it_is_asked(board):
    line = history.TreeSelector(made.MAINLINE, "master", origin="maestro")
    day = report.report(board, report.ReportQuery(line), NOW)
    assert day.checkout["id"] == "maestro:c3" and not any(day.trends.values())
    days = report.report(board, report.ReportQuery(line, age_max=timedelta(hours=72)), NOW)
    assert [course[3] for course in days.trends["regression"]] == ["boot"]
    assert report.report(board, report.ReportQuery(line, age_max=timedelta(hours=1)), NOW) is None
