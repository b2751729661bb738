"""Upgrades between majors, exactly (kcidb.md 1.5): each step by hand; the oracle's test has the same at random."""

from __future__ import annotations

import copy

import pytest

from lib.dialects.kcidb.codec import decode, upgraded
from lib.errors import Malformed

HASH, PATCHES = "a" * 40, "b" * 64
V1_1 = {
    "version": "1",
    "revisions": [{
        "origin": "x", "origin_id": HASH, "git_repository_url": "https://a", "git_repository_commit_hash": HASH,
        "git_repository_commit_name": "v6.1", "patch_mboxes": [{"name": "a/b", "url": "u:"}], "description": "d",
        "discovery_time": "2020-01-01T00:00:00Z", "publishing_time": "2020-01-01T00:00:00Z", "contacts": ["c"],
        "valid": True, "misc": {"a": 1.0},
    }],
    "builds": [
        {"revision_origin": "x", "revision_origin_id": HASH, "origin": "y", "origin_id": "b/1", "valid": False}
    ],
    "tests": [{
        "build_origin": "y", "build_origin_id": "b/1", "origin": "z", "origin_id": "t", "waived": True,
        "status": "FAIL",
        "environment": {"description": "e", "misc": {}}, "output_files": [{"name": "a/b/c", "url": "u:"}],
    }],
}  # fmt: skip
V5_3 = {
    "version": {"major": 5, "minor": 3},
    "checkouts": [{
        "id": f"_:x:{HASH}", "origin": "x", "git_repository_url": "https://a", "git_commit_hash": HASH,
        "git_commit_name": "v6.1", "patchset_files": [{"name": "a_b", "url": "u:"}], "patchset_hash": "",
        "comment": "d",
        "start_time": "2020-01-01T00:00:00Z", "valid": True, "misc": {"a": 1.0},
    }],
    "builds": [{"id": "y:b/1", "origin": "y", "checkout_id": f"_:y:{HASH}", "status": "FAIL"}],
    "tests": [{
        "id": "z:t", "origin": "z", "build_id": "y:b/1", "status": "FAIL", "environment": {"comment": "e", "misc": {}},
        "output_files": [{"name": "a_b_c", "url": "u:"}],
    }],
    "issues": [{"id": "_:waived", "origin": "_", "version": 1, "comment": "Test waived as unreliable"}],
    "incidents": [{
        "id": "_:waived:1:z:t", "origin": "_", "issue_id": "_:waived", "issue_version": 1, "test_id": "z:t",
        "present": True,
    }],
}  # fmt: skip


def test_the_whole_way():
    before = copy.deepcopy(V1_1)
    assert upgraded(V1_1) == V5_3
    assert before == V1_1


def test_the_copies_are_those_of_the_upgraded():
    assert decode(V1_1).copies == decode(V5_3).copies
    assert decode(V1_1).version == (1, 1) and decode(V1_1).id != decode(V5_3).id


def test_a_revision_with_patches_has_their_hash():
    document = {"version": {"major": 3}, "revisions": [{"id": f"{HASH}+{PATCHES}", "origin": "x"}]}
    assert upgraded(document)["checkouts"] == [{"id": f"_:x:{HASH}+{PATCHES}", "origin": "x", "patchset_hash": PATCHES}]


def test_what_is_gone_from_4():
    document = {
        "version": {"major": 4, "minor": 1},
        "checkouts": [{"id": "a:c", "origin": "a", "contacts": ["x"]}],
        "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c", "valid": True}],
        "tests": [{"id": "a:t", "origin": "a", "build_id": "a:b", "waived": False}],
        "issues": [{"id": "a:i", "origin": "a", "version": 1, "build_valid": False, "test_status": "FAIL"}],
    }
    assert upgraded(document) == {
        "version": {"major": 5, "minor": 3},
        "checkouts": [{"id": "a:c", "origin": "a"}],
        "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c", "status": "PASS"}],
        "tests": [{"id": "a:t", "origin": "a", "build_id": "a:b"}],
        "issues": [{"id": "a:i", "origin": "a", "version": 1}],
    }


def test_one_issue_for_all_waived_tests_behind_what_was_sent():
    test = {"origin": "a", "build_id": "a:b", "waived": True}
    document = {
        "version": {"major": 4, "minor": 5},
        "tests": [{**test, "id": "a:1"}, {**test, "id": "a:2"}, {**test, "id": "a:3", "waived": False}],
        "issues": [{"id": "a:i", "origin": "a", "version": 1}],
    }
    made = upgraded(document)
    assert [one["id"] for one in made["issues"]] == ["a:i", "_:waived"]
    assert [one["test_id"] for one in made["incidents"]] == ["a:1", "a:2"]


def test_within_a_major_only_the_version_changes():
    document = {"version": {"major": 5, "minor": 0}, "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c"}]}
    assert upgraded(document) == {**document, "version": {"major": 5, "minor": 3}}


@pytest.mark.parametrize(("version", "kind", "fields", "pointer"), [
    (4, "checkouts", {"git_repository_url": "git://a/b"}, "/checkouts/1/git_repository_url"),
    (4, "checkouts", {"comment": "a\0"}, "/checkouts/1/comment"),
    (4, "checkouts", {"id": "a:\0"}, "/checkouts/1/id"),
    (4, "checkouts", {"message_id": "\0@"}, "/checkouts/1/message_id"),
    (3, "revisions", {"git_repository_url": "git://a/b", "id": HASH}, "/revisions/1/git_repository_url"),
    (3, "revisions", {"discovery_time": "0001-01-01T00:00:00+02:00", "id": HASH}, "/revisions/1/discovery_time"),
    (2, "revisions", {"id": "a:x", "git_repository_commit_hash": "main"}, "/revisions/1"),
])  # fmt: skip
def test_what_cannot_be_upgraded_is_named(version, kind, fields, pointer):
    fine = {2: {"id": "a:x"}, 3: {"id": HASH, "origin": "a"}, 4: {"id": "a:1", "origin": "a"}}[version]
    document = {"version": {"major": version}, kind: [fine, {**fine, **fields}]}
    with pytest.raises(Malformed) as caught:
        decode(document)
    (fault,) = caught.value.problems
    assert fault["pointer"] == pointer and fault["rule"] in ("upgrade", "format")
    sent = decode(document, is_partial=True)
    assert len(sent.copies) == 1 and sent.faults == (fault,)


def test_a_path_of_4_may_have_no_successor():
    test = {"id": "a:t", "origin": "a", "build_id": "a:b", "path": "a..b", "waived": True}
    document = {"version": {"major": 4, "minor": 5}, "tests": [{"id": 7}, test, {**test, "path": "a.b"}]}
    with pytest.raises(Malformed) as caught:
        decode(document)
    last = caught.value.problems[-1]
    assert last["pointer"] == "/tests/1/path" and "path after the upgrade to 5.3: this is no path" in str(last["msg"])
    sent = decode(document, is_partial=True)
    assert [c.key.kind for c in sent.copies] == ["tests", "issues", "incidents"]
    assert sent.copies[0].fields["path"] == "a.b"


def test_an_empty_origin_of_1_has_no_successor():
    revision = {"origin": "", "origin_id": HASH}
    with pytest.raises(Malformed, match="after the upgrade"):
        decode({"version": {"major": 1, "minor": 1}, "revisions": [revision]})
