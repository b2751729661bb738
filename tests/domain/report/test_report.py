"""What is stored of copies, and what is shown of it (kcidb.md 2.3 to 2.7)."""

from __future__ import annotations

from lib.domain.report.canonical import canonical, digest
from lib.domain.report.join import LOST_BYTES_MAX
from lib.domain.report.report import Cut, absorb, conflicts, is_lifted, is_projected_only, lift, provenance, union_misc
from tests.build.collision import project

FIELDS = {"id": "a:t1", "origin": "a", "build_id": "a:b1"}


def at(day):
    return f"2026-01-0{day}T00:00:00.000000Z"


def absorbed(*copies, kind="tests"):
    """The report that tells these additions to FIELDS, by sources s1, s2 …"""
    body = None
    for n, more in enumerate(copies, 1):
        body = absorb(kind, body, {**FIELDS, **more}, f"s{n}", at(n))
    return body


def test_a_new_report():
    assert absorbed({"status": "PASS", "misc": {"_rank": 2}}) == {
        "object": {**FIELDS, "status": "PASS", "misc": {"_rank": 2}},
        "by": [2, 5, "s1"],
        "first_received": at(1),
        "last_received": at(1),
    }


def test_what_is_stored_of_a_conflict():
    assert absorbed({"status": "PASS", "path": "ltp"}, {"status": "FAIL", "comment": "x"}) == {
        "object": {**FIELDS, "status": "FAIL", "path": "ltp", "comment": "x"},
        "by": [0, 6, "s2"],
        "except": [["path", 0, 5, "s1"]],
        "lost": {"status": [["PASS", 0, 5, "s1"]]},
        "first_received": at(1),
        "last_received": at(2),
        "conflicted": "a",
    }


def test_of_equal_weights_the_smaller_source_counts():
    body = absorb("tests", absorbed({}, {}), FIELDS, "s0", at(2))
    assert body["by"] == [0, 0, "s0"]
    assert "except" not in body


def test_times_are_those_of_the_first_and_of_the_last_submission():
    body = absorb("tests", absorbed({}, {}, {}), FIELDS, "s9", at(2))
    assert (body["first_received"], body["last_received"]) == (at(1), at(3))


def test_the_same_object_when_nothing_changes():
    body = absorbed({"misc": {"a": 1}, "status": "FAIL"}, {"misc": {"b": 1, "c": 2}, "status": "PASS"})
    assert absorb("tests", body, {**FIELDS, "misc": {"b": 1, "c": 2}, "status": "PASS"}, "s2", at(2)) is body
    assert absorb("tests", body, FIELDS, "s3", at(2)) is body


def test_the_same_view_when_only_provenance_changes():
    body = absorbed({"status": "FAIL"})
    other = absorb("tests", body, {**FIELDS, "status": "PASS"}, "s2", at(2))
    assert other is not body
    assert other["object"] is body["object"]


def test_a_new_body_leaves_when_it_changed_to_the_caller():
    body = {**absorbed({}), "changed_at": at(1)}
    assert "changed_at" not in absorb("tests", body, {**FIELDS, "comment": "x"}, "s2", at(2))


def test_a_given_rank_counts_instead_of_the_one_in_misc():
    body = absorbed({"status": "FAIL", "misc": {"_rank": 1}})
    body = absorb("tests", body, {**FIELDS, "status": "PASS"}, "s2", at(2), rank=2)
    assert body["object"]["status"] == "PASS"
    assert body["by"] == [2, 5, "s2"]


def test_a_long_losing_value_is_kept_as_its_mark():
    long, longer = {"a": "x" * 70_000}, {"b": "y" * 70_000}
    body = absorbed({"misc": long, "status": "PASS"}, {"misc": longer, "status": "FAIL"})
    text = canonical(long)
    assert body["object"]["misc"] is longer
    assert body["lost"]["misc"] == [[1, 0, 5, "s1", text[:256].decode(), digest(long)]]
    assert conflicts("tests", body)[0] == ("misc", "more", longer, [Cut(digest(long), text[:256].decode())], False)
    # With a greater weight it comes back whole.
    body = absorb("tests", body, {**FIELDS, "misc": long}, "s3", at(3), rank=1)
    assert body["object"]["misc"] is long
    assert [entry[:4] for entry in body["lost"]["misc"]] == [[1, 0, 6, "s2"]]


def test_values_of_just_the_limit_are_kept():
    value = "x" * (LOST_BYTES_MAX - 2)
    assert absorbed({"comment": value}, {"comment": value + "x"})["lost"]["comment"] == [[value, 0, 0, "s1"]]
    assert len(absorbed({"comment": value + "x"}, {"comment": value + "xy"})["lost"]["comment"][0]) == 6


def test_no_misc_is_taken_for_a_mark():
    odd = {"misc": [1, 0, 0, "s", "head", "sha256"]}
    body = absorbed({"misc": {**odd, "x": 1}}, {"misc": odd})
    assert conflicts("tests", body)[0].losers == [odd]


def test_conflicts_have_a_category():
    body = absorbed(
        {"status": "PASS", "comment": "a", "path": "x"}, {"status": "FAIL", "comment": "b", "build_id": "a:b2"}
    )
    assert [(c.field, c.category, c.winner, c.losers, c.has_more) for c in conflicts("tests", body)] == [
        ("build_id", "identity", "a:b2", ["a:b1"], False),
        ("comment", "detail", "b", ["a"], False),
        ("status", "verdict", "FAIL", ["PASS"], False),
    ]
    assert conflicts("tests", absorbed({})) == []


def test_provenance_is_that_of_each_field():
    body = absorbed({"status": "MISS", "environment": {"comment": "x"}}, {"status": "PASS"})
    assert provenance("tests", body) == {
        **dict.fromkeys((*FIELDS, "status"), (0, 5, "s2")),
        "environment.comment": (0, 2, "s1"),
    }


def test_the_union_of_misc():
    body = absorbed(
        {"misc": {"a": {"x": 1, "y": 2}, "b": 1}, "environment": {"misc": {"p": 1}}},
        {
            "misc": {"a": {"x": 0, "z": 3, "w": 4}, "c": 5},
            "environment": {"misc": {"p": {"q": 1}, "r": 1}, "comment": ""},
        },
    )
    view = union_misc("tests", body)
    assert view["misc"] == {"a": {"x": 0, "y": 2, "z": 3, "w": 4}, "b": 1, "c": 5}
    assert view["environment"] == {"misc": {"p": {"q": 1}, "r": 1}, "comment": ""}
    assert body["object"]["misc"] == {"a": {"x": 0, "z": 3, "w": 4}, "c": 5}
    assert union_misc("tests", absorbed({})) == FIELDS


def test_the_union_leaves_out_what_is_kept_as_its_mark():
    body = absorbed({"misc": {"a": "x" * 70_000}}, {"misc": {"b": "y" * 70_001}})
    assert union_misc("tests", body)["misc"] == body["object"]["misc"]


def test_long_excerpts_are_lifted():
    text = "é" * 257
    fields, lifted = lift({**FIELDS, "log_excerpt": text})
    assert lifted == text
    head = canonical(text)[:256].decode("latin-1")
    assert fields == {**FIELDS, "log_excerpt": {"sha256": digest(text), "chars": 257, "head": head}}
    assert is_lifted(fields["log_excerpt"])
    for few in (FIELDS, {**FIELDS, "log_excerpt": "é" * 256}, fields):
        assert lift(few) == (few, None)


NODE = {"status": "PASS", "path": "kver"}


def projected(body, rev, node_id="1" * 24, **more):
    return project("tests", body, {**FIELDS, **NODE, **more}, node_id, rev, at(5))


def test_a_node_alone():
    body = projected(None, 3)
    assert body == {
        "object": {**FIELDS, **NODE},
        "by": [3, 5, "node:" + "1" * 24],
        "first_received": at(5),
        "last_received": at(5),
        "node": {"id": "1" * 24, "rev": 3, "alone": True},
    }
    assert is_projected_only(body)


def test_a_newer_rev_takes_back_what_an_older_one_told():
    body = projected(projected(None, 3, comment="x", status="FAIL"), 4)
    assert body["object"] == {**FIELDS, **NODE}
    assert "lost" not in body
    assert projected(body, 4, comment="x") is body
    assert projected(body, 3, comment="x") is body


def test_a_node_beside_submissions():
    base = absorbed({"status": "FAIL", "duration": 5})
    body = projected({**base, "changed_at": at(9)}, 2)
    assert body["object"] == {**FIELDS, **NODE, "duration": 5}
    assert body["lost"] == {"status": [["FAIL", 0, 6, "s1"]]}
    assert body["conflicted"] == "a"
    assert (body["first_received"], body["last_received"]) == (at(1), at(1))
    assert body["node"] == {"id": "1" * 24, "rev": 2, "fields": {**FIELDS, **NODE}, "base": base}
    assert not is_projected_only(body)
    assert not is_projected_only(base)


def test_submissions_are_absorbed_beside_a_node():
    one = absorb("tests", projected(None, 2), {**FIELDS, "status": "FAIL"}, "s1", at(1))
    assert one == projected(absorbed({"status": "FAIL"}), 2)
    assert absorb("tests", one, {**FIELDS, "status": "FAIL"}, "s1", at(1)) is one


def test_of_several_nodes_the_newest_counts():
    one = projected(None, 2, "1" * 24, comment="x")
    assert projected(one, 1, "2" * 24) is one
    assert projected(one, 2, "2" * 24)["node"] == {"id": "2" * 24, "rev": 2, "alone": True}
