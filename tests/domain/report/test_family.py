"""Reading reports: relatives, issues' versions, exports."""

from __future__ import annotations

import pytest

from lib.domain.report.archive import Archive
from lib.domain.report.export import Exports, Span
from lib.domain.report.family import Families
from lib.domain.report.report import KINDS, Key
from lib.errors import Invalid, TooCostly
from tests.build import reports

LONG = "a:" + "x" * 1500


@pytest.fixture
def archive(store):
    return Archive(store)


@pytest.fixture
def families(archive):
    return Families(archive)


def named(bodies):
    return {
        kind: sorted(k.id for k in bodies if k.kind == kind) for kind in KINDS if any(k.kind == kind for k in bodies)
    }


def root(families, kind, id, version=None):
    return families.archive.load_many([Key(kind, id, version)])


def test_children_are_all_that_hangs_from_a_report(store, families):
    reports.keep(store, reports.checkout(1, builds=35, tests=2))
    reports.keep(store, reports.checkout(2, builds=1, tests=1), "s2")
    found = named(families.children(root(families, "checkouts", "maestro:c1")))
    assert {kind: len(ids) for kind, ids in found.items()} == {"builds": 35, "tests": 70, "incidents": 35}
    assert not any(id.startswith("maestro:c2") for ids in found.values() for id in ids)


def test_parents_are_all_that_a_report_hangs_from(store, families):
    reports.keep(store, reports.checkout(1, builds=2, tests=2))
    found = named(families.parents(root(families, "incidents", "maestro:c1-b1-n")))
    assert found == {
        "checkouts": ["maestro:c1"],
        "builds": ["maestro:c1-b1"],
        "tests": ["maestro:c1-b1-t0"],
        "issues": ["maestro:i1"],
    }


def test_parents_that_never_came_are_left_out(store, families):
    reports.keep(store, reports.document(tests=[{"id": "a:t", "build_id": "b:b", "origin": "a"}]))
    assert families.parents(root(families, "tests", "a:t")) == {}


def test_more_children_than_the_cap_are_refused_never_cut(store, archive):
    reports.keep(store, reports.checkout(1, builds=2, tests=4))
    roots = root(Families(archive), "checkouts", "maestro:c1")
    assert len(Families(archive, 12).children(roots)) == 12
    with pytest.raises(TooCostly, match="more than 11 objects"):
        Families(archive, 11).children(roots)


def test_ids_that_begin_alike_past_what_is_indexed_are_told_apart(store, families):
    builds = [{"id": f"{LONG}{n}", "checkout_id": f"{LONG}c{n}", "origin": "a"} for n in (1, 2)]
    issues = [{"id": f"{LONG}{n}", "version": n, "origin": "a"} for n in (1, 2, 3)]
    reports.keep(store, reports.document(checkouts=[{"id": f"{LONG}c1", "origin": "a"}], builds=builds, issues=issues))
    found = families.children(root(families, "checkouts", f"{LONG}c1"))
    assert [key.id for key in found] == [f"{LONG}1"]
    page, after = families.page(Key("checkouts", f"{LONG}c1"), "builds", 10, None)
    assert [key.id for key in page] == [f"{LONG}1"] and after is None
    assert families.archive.newest(f"{LONG}1")["object"]["version"] == 1
    assert families.archive.newest(f"{LONG}4") is None


def test_incidents_hang_from_one_version_of_an_issue(store, families):
    incident = {"id": "a:n1", "origin": "a", "issue_id": "a:i", "issue_version": 1}
    reports.keep(store, reports.document(
        issues=[{"id": "a:i", "version": v, "origin": "a"} for v in (1, 2)],
        incidents=[incident, {**incident, "id": "a:n2", "issue_version": 2}],
    ))  # fmt: skip
    assert named(families.children(root(families, "issues", "a:i", 2))) == {"incidents": ["a:n2"]}
    assert named(families.children(root(families, "issues", "a:i", 1))) == {"incidents": ["a:n1"]}


def test_a_page_goes_on_behind_its_cursor(store, families):
    reports.keep(store, reports.checkout(1, builds=1, tests=7))
    key, seen, after = Key("builds", "maestro:c1-b0"), [], None
    while True:
        page, after = families.page(key, "tests", 3, after)
        seen += [k.id for k in page]
        if after is None:
            break
    assert len(seen) == len(set(seen)) == 7
    with pytest.raises(Invalid, match="cursor"):
        families.page(key, "tests", 3, "nonsense")
    with pytest.raises(Invalid, match="no builds hang from builds"):
        families.page(key, "builds", 3, None)


@pytest.mark.parametrize("limit", [1, 2, 7, 1000])
def test_an_export_gives_each_report_once_parents_first(store, archive, limit):
    reports.keep(store, reports.checkout(1, builds=2, tests=3), "s1")
    reports.keep(store, reports.checkout(2, builds=2, tests=3), "s2", "2024-02-01T10:00:00.000000Z")
    exports = Exports(archive)
    parts = list(exports.parts(Span(), limit))
    seen = [(part.kind, body["object"]["id"]) for part in parts for body in part.bodies]
    assert len(seen) == len(set(seen)) == 2 * (1 + 2 + 6 + 1 + 2)
    assert [kind for kind, _ in seen] == sorted((kind for kind, _ in seen), key=KINDS.index)
    assert all(len(part.bodies) <= limit for part in parts)
    # From any part's cursor on comes what is left, and nothing else.
    for at, part in enumerate(parts[:-1]):
        assert list(exports.parts(Span(), limit, part.next)) == parts[at + 1 :]


def test_an_export_of_a_span_holds_what_changed_in_it(store, archive):
    for hour in (1, 2, 3):
        reports.keep(store, reports.checkout(hour, 1, 1), f"s{hour}", f"2024-02-01T0{hour}:00:00.000000Z")
    span = Span(("tests",), "maestro", "2024-02-01T02:00:00.000000Z", "2024-02-01T03:00:00.000000Z")
    (part,) = Exports(archive).parts(span, 10)
    assert [body["object"]["id"] for body in part.bodies] == ["maestro:c2-b0-t0"]
    assert list(Exports(archive).parts(Span(origin="nobody"), 10)) == []


def test_a_report_that_changes_meanwhile_is_seen_again_never_missed(store, archive):
    reports.keep(store, reports.checkout(1, 0, 0), "s1", "2024-02-01T01:00:00.000000Z")
    reports.keep(store, reports.checkout(2, 0, 0), "s2", "2024-02-01T02:00:00.000000Z")
    exports, span = Exports(archive), Span(("checkouts",))
    first = exports.part(span, 1)
    changed = reports.document(checkouts=[{"id": "maestro:c1", "origin": "maestro", "comment": "more"}])
    reports.keep(store, changed, "s3", "2024-02-01T03:00:00.000000Z")
    rest = [body["object"]["id"] for part in exports.parts(span, 1, first.next) for body in part.bodies]
    assert rest == ["maestro:c2", "maestro:c1"]
