"""The purposes of every hub: ready when all is there, and what is said when one thing after the other is not."""

from __future__ import annotations

from datetime import timedelta

import pytest

from lib.clock import stamp
from lib.domain.readiness.form import decode_purpose
from lib.domain.readiness.purpose import BUILT_IN, is_judging, is_lasting, looks_above, looks_below
from lib.domain.readiness.readiness import CHILDREN_MAX, Report, climb, evaluate, verdict_of
from lib.domain.report.link import CHILDREN, LINKS
from lib.domain.report.path import FIELDS, check_path, value_at
from lib.errors import Invalid
from schemas.kcidb.field import Struct
from schemas.kcidb.version import NEWEST, versions
from tests.build import NOW
from tests.build.ready import FAMILY, LONG_AGO, Shelf, family, without

HOUR = timedelta(hours=1)
PAIRS = [(name, kind) for name, purpose in BUILT_IN.items() for kind in purpose.needs]


def look(name, kind, shelf, now=NOW, catalog=BUILT_IN):
    report = next(r for r in shelf.reports.values() if r.kind == kind)
    return evaluate(catalog[name], report, shelf, catalog, now)


def test_these_are_the_purposes_of_every_hub():
    assert list(BUILT_IN) == [
        "linked", "revision", "listed", "result", "hardware", "history", "triage", "builds-complete",
        "tests-complete", "report", "issue-link",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "kind"), PAIRS)
def test_ready_when_all_is_there(name, kind):
    outcome = look(name, kind, family())
    assert outcome.is_ready and outcome.by_timeout == (name in ("builds-complete", "tests-complete", "report"))


# purpose, of which kind, what is taken away (of which kind: paths, or all of it), field and words of what is missing
LACKS = [
    ("linked", "builds", {"checkouts": None}, "checkout_id", "no checkout a:c1 has come yet"),
    ("linked", "tests", {"builds": None}, "build_id", "no build a:b1 has come yet"),
    ("linked", "tests", {"checkouts": None}, "build.checkout_id", "no checkout a:c1 has come yet"),
    ("revision", "checkouts", {"checkouts": "git_commit_hash"}, "git_commit_hash", "is not given"),
    ("revision", "checkouts", {"checkouts": "patchset_hash"}, "patchset_hash", "is not given"),
    ("listed", "checkouts", {"checkouts": "git_commit_hash"}, "git_commit_hash", "is not given"),
    ("listed", "checkouts", {"checkouts": "patchset_hash"}, "patchset_hash", "is not given"),
    ("listed", "checkouts", {"checkouts": "tree_name git_repository_url"}, "tree_name or git_repository_url",
     "none of them is given"),
    ("listed", "checkouts", {"checkouts": "git_repository_branch"}, "git_repository_branch", "is not given"),
    ("listed", "checkouts", {"checkouts": "start_time"}, "start_time", "is not given"),
    ("result", "checkouts", {"checkouts": "valid"}, "valid", "is not given"),
    ("result", "builds", {"builds": "status"}, "status", "is not given"),
    ("result", "tests", {"tests": "status"}, "status", "is not given"),
    ("hardware", "tests", {"tests": "status"}, "status", "is not given"),
    ("hardware", "tests", {"tests": "environment.compatible environment.misc.platform"},
     "environment.compatible or environment.misc.platform", "none of them is given"),
    ("history", "tests", {"tests": "status"}, "status", "is not given"),
    ("history", "tests", {"tests": "environment"}, "environment.compatible or environment.misc.platform",
     "none of them is given"),
    ("history", "tests", {"tests": "path"}, "path", "is not given"),
    ("history", "tests", {"builds": None}, "build_id", "no build a:b1 has come yet"),
    ("history", "tests", {"builds": "config_name"}, "build.config_name", "is not given"),
    ("history", "tests", {"builds": "architecture"}, "build.architecture", "is not given"),
    ("history", "tests", {"checkouts": None}, "build.checkout_id", "no checkout a:c1 has come yet"),
    ("history", "tests", {"checkouts": "git_commit_hash"}, "checkout.git_commit_hash", "is not given"),
    ("history", "tests", {"checkouts": "start_time"}, "checkout.start_time", "is not given"),
    ("triage", "builds", {"builds": "status"}, "status", "is not given; wanted: FAIL, ERROR"),
    ("triage", "builds", {"builds": "log_url"}, "log_url or log_excerpt", "none of them is given"),
    ("triage", "tests", {"tests": "status"}, "status", "is not given; wanted: FAIL, ERROR"),
    ("triage", "tests", {"tests": "log_url"}, "log_url or log_excerpt", "none of them is given"),
    ("builds-complete", "checkouts", {"builds": None}, "origin_builds_finish_time or builds",
     "one would do: origin_builds_finish_time: is not given; or builds: no build of it is known yet"),
    ("builds-complete", "checkouts", {"builds": "status"}, "origin_builds_finish_time or builds",
     "one would do: origin_builds_finish_time: is not given; or builds: the build a:b1 has no status yet"),
    ("tests-complete", "checkouts", {"builds": None}, "origin_tests_finish_time or tests",
     "one would do: origin_tests_finish_time: is not given; or tests: no build of it is known yet"),
    ("tests-complete", "checkouts", {"tests": "status"}, "origin_tests_finish_time or tests",
     "one would do: origin_tests_finish_time: is not given; or tests: the test a:t1 has no status yet"),
    ("issue-link", "incidents", {"issues": None}, "issue_id", "no issue a:i1 of version 1 has come yet"),
    ("issue-link", "incidents", {"tests": None}, "test_id", "no test a:t1 has come yet"),
    ("issue-link", "incidents", {"incidents": "test_id"}, "build_id or test_id", "none of them is given"),
    ("issue-link", "incidents", {"incidents": "present"}, "present", "is not given"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "taken", "field", "what"), LACKS)
def test_what_is_missing_is_named(name, kind, taken, field, what):
    shelf = family()
    for of, paths in taken.items():
        report = next(r for r in shelf.reports.values() if r.kind == of)
        del shelf.reports[report.key]
        fields = report.fields
        for path in (paths or "").split():
            fields = without(fields, path)
        if paths is not None:
            shelf.put(of, fields)
    outcome = look(name, kind, shelf)
    assert [(m.field, m.what) for m in outcome.missing] == [(field, what)]
    assert not outcome.is_ready and outcome.settles_at is None


def test_every_condition_is_missing_in_some_line_above():
    """So that a condition added to a purpose has its line."""
    assert {(name, kind) for name, kind, *_ in LACKS} == set(PAIRS) - {("report", "checkouts")}


def test_all_that_is_missing_is_said_at_once():
    shelf = Shelf()
    shelf.put("tests", {"id": "a:t1", "origin": "a", "build_id": "a:b9"})
    assert [m.field for m in look("history", "tests", shelf).missing] == [
        "status", "environment.compatible or environment.misc.platform", "path", "build_id",
    ]  # fmt: skip


@pytest.mark.parametrize(("name", "field", "hours"), [
    ("builds-complete", "origin_builds_finish_time", 1), ("tests-complete", "origin_tests_finish_time", 3),
])  # fmt: skip
def test_completeness_is_said_or_comes_with_the_time(name, field, hours):
    shelf = family(stamp(NOW))
    waits = look(name, "checkouts", shelf)
    assert waits.settles_at == stamp(NOW + hours * HOUR)
    assert f"settled at {waits.settles_at}" in waits.missing[0].what
    assert not look(name, "checkouts", shelf, NOW + hours * HOUR - timedelta(microseconds=1)).is_ready
    timed = look(name, "checkouts", shelf, NOW + hours * HOUR)
    assert timed.is_ready and timed.by_timeout
    # A child that changed later puts it off.
    shelf.put("tests" if name.startswith("tests") else "builds",
              FAMILY["tests" if name.startswith("tests") else "builds"], stamp(NOW + HOUR / 2))  # fmt: skip
    later = look(name, "checkouts", shelf, NOW + hours * HOUR)
    assert later.settles_at == stamp(NOW + HOUR / 2 + hours * HOUR)
    shelf.put("checkouts", {**FAMILY["checkouts"], field: "2026-01-01T00:00:00.000000+00:00"}, stamp(NOW))
    said = look(name, "checkouts", shelf)
    assert said.is_ready and not said.by_timeout


def test_a_report_waits_for_both():
    shelf = family(stamp(NOW))
    assert look("report", "checkouts", shelf).settles_at == stamp(NOW + 3 * HOUR)
    assert look("report", "checkouts", shelf, NOW + 3 * HOUR).by_timeout
    fields = {**FAMILY["checkouts"], "origin_tests_finish_time": "2026-01-01T00:00:00.000000+00:00"}
    shelf.put("checkouts", fields, stamp(NOW))
    assert look("report", "checkouts", shelf).settles_at == stamp(NOW + HOUR)
    # What time alone does not mend is not waited for.
    shelf.put("builds", without(FAMILY["builds"], "status"), LONG_AGO)
    assert look("report", "checkouts", shelf, NOW + HOUR).settles_at is None


def test_a_checkout_whose_builds_all_failed_has_no_tests_and_is_complete():
    shelf = family()
    shelf.reports = {key: r for key, r in shelf.reports.items() if key.kind in ("checkouts", "builds")}
    assert look("tests-complete", "checkouts", shelf).is_ready


def test_past_a_limit_nobody_counts(monkeypatch):
    monkeypatch.setattr("lib.domain.readiness.readiness.CHILDREN_MAX", 1)
    shelf = family()
    shelf.put("builds", {**FAMILY["builds"], "id": "a:b2"})
    assert "more than 1 are known" in look("builds-complete", "checkouts", shelf).missing[0].what
    assert CHILDREN_MAX > 1


def test_an_incident_may_name_a_build():
    shelf = family()
    fields = {**without(FAMILY["incidents"], "test_id"), "build_id": "a:b1"}
    incident = Report("incidents", fields, LONG_AGO)
    assert evaluate(BUILT_IN["issue-link"], incident, shelf, BUILT_IN, NOW).is_ready
    assert climb(incident, "checkouts", shelf).fields["id"] == "a:c1"
    by_test = Report("incidents", FAMILY["incidents"], LONG_AGO)
    assert climb(by_test, "checkouts", shelf).fields["id"] == "a:c1"
    assert climb(by_test, "builds", Shelf()).field == "test_id"


def test_the_verdict_is_as_much_as_the_purpose_asks():
    shelf = family()
    shelf.put("tests", {**FAMILY["tests"], "id": "a:t2", "status": "PASS"})
    shelf.put("tests", without({**FAMILY["tests"], "id": "a:t3"}, "status"))

    def verdict(name, kind):
        report = next(r for r in shelf.reports.values() if r.kind == kind)
        return verdict_of(BUILT_IN[name], report, shelf, BUILT_IN)

    assert verdict("linked", "tests") == verdict("listed", "checkouts") == {}
    assert verdict("history", "tests") == verdict("triage", "tests") == {"status": "FAIL"}
    assert verdict("result", "checkouts") == {"valid": True}
    assert verdict("issue-link", "incidents") == {"present": True}
    assert verdict("builds-complete", "checkouts") == {"valid": True, "builds": {"FAIL": 1}}
    counts = {"FAIL": 1, "NULL": 1, "PASS": 1}
    assert verdict("report", "checkouts") == {"valid": True, "builds": {"FAIL": 1}, "tests": counts}


def test_what_is_asked_where():
    assert {n for n, p in BUILT_IN.items() if is_lasting(p, BUILT_IN)} == {
        "linked", "revision", "listed", "result", "issue-link",
    }  # fmt: skip
    assert [n for n, k in PAIRS if k == "tests" and is_judging(BUILT_IN[n], k, BUILT_IN)] == [
        "result", "hardware", "history", "triage",
    ]  # fmt: skip
    assert looks_above(BUILT_IN["linked"], "tests", BUILT_IN) == {"builds": False, "checkouts": False}
    assert looks_above(BUILT_IN["history"], "tests", BUILT_IN) == {"builds": True, "checkouts": True}
    assert looks_below(BUILT_IN["report"], "checkouts", BUILT_IN) == {"builds", "tests"}


def test_an_object_may_have_to_stand_still():
    form = {"name": "still", "settle_s": 60, "needs": {"tests": [{"field": "status"}, {"settled": "self"}]}}
    catalog = {**BUILT_IN, "still": decode_purpose(form, BUILT_IN)}
    shelf = family(stamp(NOW))
    assert look("still", "tests", shelf, NOW, catalog).settles_at == stamp(NOW + timedelta(seconds=60))
    assert look("still", "tests", shelf, NOW + timedelta(seconds=60), catalog).by_timeout


def test_the_fields_are_those_of_the_newest_schema():
    for kind, struct in versions()[NEWEST].items():
        inner = {name: field.type.fields for name, field in struct.fields.items() if isinstance(field.type, Struct)}
        names = {*struct.fields, *(f"{name}.{part}" for name, parts in inner.items() for part in parts)}
        assert set(FIELDS[kind]) == {name for name in names if not name.rpartition(".")[2].startswith("_")}


def test_the_links_are_fields():
    assert LINKS.keys() == CHILDREN.keys() == FIELDS.keys()
    assert all(field in FIELDS[kind] for kind, above in LINKS.items() for field in above.values())
    named = {(kind, above) for kind, links in LINKS.items() for above in links}
    assert named == {(kind, above) for above, below in CHILDREN.items() for kind, _ in below}


@pytest.mark.parametrize(("kind", "path"), [
    ("tests", "statu"), ("tests", ""), ("tests", "status.x"), ("tests", 1), ("builds", "environment.misc.a"),
    ("tests", "environment.platform"), ("checkouts", "status"), ("tests", "misc."  + "x" * 300),
])  # fmt: skip
def test_a_path_nobody_has(kind, path):
    with pytest.raises(Invalid) as caught:
        check_path(kind, path, "needs.tests[0].field")
    assert caught.value.path == "needs.tests[0].field"


def test_paths_into_misc_may_hold_dots():
    fields = {"misc": {"a.b": {"c": 1}, "a": {"b": {"d": 2}}}}
    assert (value_at(fields, "misc.a.b.c"), value_at(fields, "misc.x.y"), value_at(fields, "misc.a.b.c.d")) == (
        1, None, None,
    )  # fmt: skip
