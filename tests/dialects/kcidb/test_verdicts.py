"""What is taken and what is refused, row by row of kcidb.md 1.6, and what a refusal says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.dialects.kcidb.codec import decode, read
from lib.errors import Malformed

TEST = {"id": "a:t", "origin": "a", "build_id": "a:b"}
ISSUE = {"id": "a:i", "origin": "a", "version": 1}
CHECKOUT = {"id": "a:c", "origin": "a"}
V5_3 = {"major": 5, "minor": 3}


def one(kind: str, fields: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": V5_3, kind: [{**fields, **more}]}


def a_test(**more: Any) -> dict[str, Any]:
    return one("tests", TEST, **more)


def taken(document: Any) -> dict[str, Any]:
    """The only copy of a document that is taken."""
    (copy,) = decode(document).copies
    return copy.fields


def refused(document: Any) -> dict[str, Any]:
    """The only fault of a document that is refused."""
    with pytest.raises(Malformed) as caught:
        decode(document)
    (fault,) = caught.value.problems
    assert caught.value.count == 1
    assert fault.keys() == {"pointer", "object", "rule", "got", "hint", "msg"} and fault["hint"] and fault["msg"]
    return fault


@pytest.mark.parametrize("version", [
    {"major": 5, "minor": 4}, {"major": 6, "minor": 0}, {"major": 4, "minor": 6}, {"major": 1},
    {"major": 1, "minor": 0}, {"major": 0}, {"major": 5, "minor": None}, {"major": True, "minor": 3}, {"major": "5"},
    {"major": 5, "minor": 3, "x": 1},
    {"minor": 3}, "1.0", "5.3", 5.3, None, [], {"major": 5, "minor": 2.5}, {"major": 10**30}, {"major": 5, "minor": -1},
])  # fmt: skip
def test_an_unknown_version_is_refused_and_the_known_are_named(version):
    fault = refused({"version": version})
    assert fault["rule"] == "version" and fault["pointer"] == "/version"
    assert "1.1, 2.0, 3.0, 4.0 to 4.5, 5.0 to 5.3" in fault["msg"] and "5.0 to 5.3" in fault["hint"]


@pytest.mark.parametrize(("version", "read_as"), [
    ({"major": 5}, (5, 0)), ({"major": 5.0, "minor": 3.0}, (5, 3)), ({"major": 2}, (2, 0)), ("1", (1, 1)),
    ({"major": 1, "minor": 1}, (1, 1)), ({"major": 4, "minor": 5}, (4, 5)),
])  # fmt: skip
def test_a_known_version_is_taken(version, read_as):
    assert decode({"version": version}).version == read_as


@pytest.mark.parametrize("document", [[], None, "x", 1])
def test_a_document_is_an_object(document):
    assert refused(document)["rule"] == "type"


def test_a_document_has_known_lists_only():
    assert refused({})["rule"] == "required"
    assert refused({"version": V5_3, "revisions": []})["pointer"] == "/revisions"
    assert refused({"version": V5_3, "a/b~": []})["pointer"] == "/a~1b~0"
    assert refused({"version": V5_3, "tests": {}})["rule"] == "type"
    assert refused({"version": V5_3, "tests": [None]})["pointer"] == "/tests/0"
    assert decode({"version": V5_3, "tests": []}).copies == ()


def test_a_whole_float_is_an_integer():
    assert taken(one("issues", ISSUE, version=1.0))["version"] == 1
    assert str(taken(a_test(duration=600.0, misc={"a": [2.0, 2.5]}))["misc"]) == "{'a': [2, 2.5]}"


@pytest.mark.parametrize(("kind", "fields", "more"), [
    ("tests", TEST, {"path": "ltp\n"}), ("tests", TEST, {"start_time": "2025-07-15T10:10:17Z\n"}),
    ("tests", TEST, {"log_url": "https://x/\n"}), ("tests", {**TEST, "origin": "a\n"}, {}),
    ("checkouts", CHECKOUT, {"git_commit_hash": "a" * 40 + "\n"}), ("checkouts", CHECKOUT, {"patchset_hash": "\n"}),
])  # fmt: skip
def test_a_trailing_newline_is_refused_by_name(kind, fields, more):
    fault = refused(one(kind, fields, **more))
    assert (
        fault["rule"] == "newline" and fault["got"].endswith('\\n"') and fault["hint"] == "cut the newline at the end"
    )


def test_a_newline_in_an_id_is_of_version_5():
    assert taken(a_test(id="a:1\n2"))["id"] == "a:1\n2"
    assert taken(a_test(id="a:1\n"))["id"] == "a:1\n"
    document = {"version": {"major": 4, "minor": 5}, "tests": [{**TEST, "id": "a:1\n2"}]}
    assert refused(document)["rule"] == "pattern"


@pytest.mark.parametrize("number", ["NaN", "Infinity", "-Infinity"])
def test_what_is_no_number_is_no_json(number):
    with pytest.raises(Malformed, match="not JSON"):
        read(f'{{"duration":{number}}}'.encode())


@pytest.mark.parametrize("more", [{"duration": 1e999}, {"misc": {"a": -1e999}}, {"number": {"value": float("nan")}}])
def test_a_number_past_every_number_is_refused(more):
    assert refused(a_test(**more))["rule"] == "number"


def test_a_negative_duration_is_taken_with_a_warning():
    sent = decode({"version": V5_3, "tests": [TEST, {**TEST, "duration": -1}], "builds": []})
    assert sent.copies[1].fields["duration"] == -1
    assert sent.warnings == ("/tests/1/duration: a:t has a negative duration",)


def test_an_incident_of_two_or_none_is_taken_with_a_warning():
    incident = {"id": "a:n", "origin": "a", "issue_id": "a:i", "issue_version": 1}
    assert len(decode(one("incidents", incident)).warnings) == 1
    assert len(decode(one("incidents", incident, build_id="a:b", test_id="a:t")).warnings) == 1
    assert decode(one("incidents", incident, test_id="a:t")).warnings == ()


@pytest.mark.parametrize("time", [
    "2025-07-15T10:10:17", "2025-07-15 10:10:17Z", "2025-07-15T10:10:60Z", "2025-02-29T10:10:00Z", "2025-07-15",
    "2025-07-15T24:00:00Z", "2025-07-15T10:10:17+0200", "2025-07-15T10:10:17+24:00", "2025-07-15T10:10:17,5Z", "",
])  # fmt: skip
def test_a_time_without_zone_or_day_is_refused(time):
    assert refused(a_test(start_time=time))["rule"] == "format"


@pytest.mark.parametrize(("time", "normal"), [
    ("2025-07-15t12:10:17.1234567+02:00", "2025-07-15T10:10:17.123456+00:00"),
    ("2020-02-29T23:59:59.9-00:30", "2020-03-01T00:29:59.900000+00:00"),
    ("2025-07-15T10:10:17z", "2025-07-15T10:10:17.000000+00:00"),
    ("2025-07-15T10:10:17.9999999Z", "2025-07-15T10:10:17.999999+00:00"),
    ("0001-01-01T00:00:00-00:00", "0001-01-01T00:00:00.000000+00:00"),
])  # fmt: skip
def test_a_time_is_in_utc(time, normal):
    assert taken(a_test(start_time=time))["start_time"] == normal


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01"])
def test_a_time_that_leaves_the_years_is_refused(time):
    assert "outside the years 1 to 9999" in refused(a_test(start_time=time))["msg"]


@pytest.mark.parametrize("url", ["http://a b", "http://é", "//a/b", "/a", "a/b", "", "http://a/%zz", "http://[::1"])
def test_what_is_no_url_is_refused(url):
    assert refused(a_test(log_url=url))["rule"] == "format"


def test_a_message_id_has_an_at_and_no_more_is_asked():
    for text in ("@", "<a@b>", "a@b", "\n@", "é@"):
        assert taken(one("checkouts", CHECKOUT, message_id=text))["message_id"] == text
    assert refused(one("checkouts", CHECKOUT, message_id="a"))["rule"] == "format"


def test_an_id_begins_with_its_origin():
    fault = refused(a_test(id="b:t"))
    assert fault["rule"] == "origin" and fault["pointer"] == "/tests/0/origin" and fault["object"] == "b:t"
    assert refused(a_test(id="aa:t"))["rule"] == "origin"
    assert refused({"version": {"major": 4}, "tests": [{**TEST, "id": "b:t"}]})["rule"] == "origin"
    assert taken(a_test(id="a:"))["id"] == "a:"


def test_the_reserved_origin_is_for_what_upgrades_make():
    issue = {"id": "_:waived", "origin": "_", "version": 1, "comment": "Test waived as unreliable"}
    incident = {
        "id": "_:waived:1:a:t", "origin": "_", "issue_id": "_:waived", "issue_version": 1, "test_id": "a:t",
        "present": True,
    }  # fmt: skip
    assert taken(one("issues", issue)) == issue
    assert taken(one("incidents", incident, _timestamp="2025-07-15T10:10:17Z")) == incident
    for kind, changed in (
        ("issues", {**issue, "version": 2}), ("issues", {**issue, "comment": "x"}), ("issues", {**issue, "id": "_:x"}),
        ("incidents", {**incident, "present": False}), ("incidents", {**incident, "test_id": "a:u"}),
        ("incidents", {**incident, "misc": {}}), ("tests", {**TEST, "id": "_:t", "origin": "_"}),
    ):  # fmt: skip
        assert refused(one(kind, changed))["rule"] == "origin", changed


def test_a_checkout_of_an_older_revision_keeps_its_origin():
    assert taken(one("checkouts", {"id": "_:a:" + "0" * 40, "origin": "a"}))
    assert refused(one("checkouts", {"id": "_:b:" + "0" * 40, "origin": "a"}))["rule"] == "origin"
    assert refused(a_test(id="_:a:1"))["rule"] == "origin"


def test_an_object_may_be_listed_twice():
    sent = decode({"version": V5_3, "tests": [TEST, {**TEST, "status": "PASS"}, TEST]})
    assert [copy.key.id for copy in sent.copies] == ["a:t"] * 3


def test_the_database_s_time_is_dropped_and_no_other_underscore_taken():
    assert taken(a_test(_timestamp="2025-07-15T10:10:17Z")) == TEST
    assert refused(a_test(_timestamp="now"))["rule"] == "format"
    assert refused(a_test(_rank=1))["rule"] == "unknown"
    assert refused(a_test(environment={"_timestamp": "2025-07-15T10:10:17Z"}))["rule"] == "unknown"


def test_null_is_for_misc_alone():
    assert taken(a_test(misc={"a": None, "b": [None]}, environment={"misc": {"c": None}}))["misc"] == {
        "a": None,
        "b": [None],
    }
    assert refused(a_test(comment=None)) == {
        "pointer": "/tests/0/comment", "object": "a:t", "rule": "null", "got": "null",
        "hint": "leave the field out when there is no value", "msg": "a:t: /tests/0/comment: null stands for no value",
    }  # fmt: skip
    assert refused(a_test(misc=None))["rule"] == "type"


@pytest.mark.parametrize(("more", "pointer"), [
    ({"misc": {"a": "\0"}}, "/tests/0/misc/a"), ({"misc": {"a": [1, {"~/": "x\0"}]}}, "/tests/0/misc/a/1/~0~1"),
    ({"misc": {"a\0": 1}}, "/tests/0/misc/a\0"),
    ({"environment": {"misc": {"a": "\0"}}}, "/tests/0/environment/misc/a"),
    ({"comment": "\0"}, "/tests/0/comment"), ({"log_excerpt": "\0"}, "/tests/0/log_excerpt"),
    ({"id": "a:\0"}, "/tests/0/id"),
])  # fmt: skip
def test_the_character_0_is_nowhere(more, pointer):
    fault = refused(a_test(**more))
    assert (fault["rule"], fault["pointer"]) == ("nul", pointer)


def test_a_backslash_before_u0000_is_no_character_0():
    assert taken(a_test(misc={"a": "\\u0000"}))["misc"] == {"a": "\\u0000"}


def test_half_a_pair_is_no_character():
    with pytest.raises(Malformed, match="not JSON") as caught:
        read(b'{"a":"\\ud800"}')
    assert "pair of escapes" in caught.value.problems[0]["hint"]
    with pytest.raises(Malformed, match="not JSON"):
        decode(a_test(comment="\ud800"))


def test_large_integers():
    assert taken(one("issues", ISSUE, version=2**63 - 1))["version"] == 2**63 - 1
    assert refused(one("issues", ISSUE, version=2**63))["rule"] == "range"
    assert refused(one("issues", ISSUE, version=10**30))["got"] == "an integer of 100 bits"
    assert refused(one("issues", ISSUE, version=-1))["rule"] == "range"
    assert refused(one("issues", ISSUE, version=1.5))["rule"] == "range"
    assert refused(a_test(duration=10**30))["rule"] == "large"
    assert refused(a_test(misc={"a": [10**30]}))["pointer"] == "/tests/0/misc/a/0"
    assert taken(a_test(misc={"a": [2**64 - 1, -(2**63)]}))["misc"] == {"a": [2**64 - 1, -(2**63)]}


def test_an_excerpt_is_counted_in_characters():
    assert len(taken(a_test(log_excerpt="😀" * 16384))["log_excerpt"]) == 16384
    fault = refused(a_test(log_excerpt="x" * 16385))
    assert fault["rule"] == "maxLength" and len(fault["got"]) <= 80


@pytest.mark.parametrize(("more", "rule", "pointer"), [
    ({"status": "pass"}, "enum", "status"), ({"status": 1}, "type", "status"), ({"path": "a..b"}, "pattern", "path"),
    ({"pth": "a"}, "unknown", "pth"), ({"duration": "1"}, "type", "duration"), ({"duration": True}, "type", "duration"),
    ({"number": {}}, "required", "number/value"), ({"number": {"value": 1, "x": 1}}, "unknown", "number/x"),
    ({"environment": []}, "type", "environment"),
    ({"environment": {"compatible": ["a b"]}}, "pattern", "environment/compatible/0"),
    ({"output_files": [{"name": "a", "url": "b:"}, {"name": "a/b", "url": "b:"}]}, "pattern", "output_files/1/name"),
    ({"output_files": ["x"]}, "type", "output_files/0"), ({"origin": ""}, "pattern", "origin"),
    ({"misc": 1}, "type", "misc"),
])  # fmt: skip
def test_a_fault_names_its_place_and_its_rule(more, rule, pointer):
    fault = refused(a_test(**more))
    assert (fault["rule"], fault["pointer"]) == (rule, f"/tests/0/{pointer}")


def test_a_fault_helps():
    assert refused(a_test(pth="a"))["hint"] == "path perhaps?"
    assert refused(a_test(zzzz="a"))["hint"] == "put what the schema has no field for into misc"
    assert refused(a_test(number={"value": 1, "zzz": 1}))["hint"] == "only value, unit, prefix"
    assert refused(a_test(status="pass"))["hint"].startswith("write one of FAIL, ERROR, MISS, PASS, DONE, SKIP")
    assert (
        refused({"version": V5_3, "tests": [{"id": "a:t", "origin": "a"}]})["msg"]
        == "a:t: /tests/0/build_id: a test needs build_id"
    )
    assert json.dumps(refused(a_test(comment=["x" * 10000])))


def test_all_faults_are_counted_and_the_first_described():
    document = {"version": V5_3, "tests": [{**TEST, "status": "x", "path": " "}] * 300}
    with pytest.raises(Malformed) as caught:
        decode(document)
    assert caught.value.count == 600 and len(caught.value.problems) == 100
