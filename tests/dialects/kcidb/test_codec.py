"""Submissions decoded into copies in normal form (kcidb.md 2.3), taken in part, and views encoded."""

from __future__ import annotations

import copy

import orjson
import pytest

from lib.dialects.kcidb.codec import decode, encode, read, upgraded
from lib.domain.report.canonical import canonical
from lib.domain.report.report import KINDS, Key, key_of
from lib.errors import Malformed
from schemas.kcidb.version import NEWEST
from tests.build.corpus import Corpus, documents

V5_3 = {"major": 5, "minor": 3}
TEST = {"id": "a:t", "origin": "a", "build_id": "a:b"}


def normal(**more):
    (made,) = decode({"version": V5_3, "tests": [{**TEST, **more}]}).copies
    return {name: value for name, value in made.fields.items() if name not in TEST}


def test_empty_objects_without_misc_of_theirs_are_dropped():
    assert normal(environment={}) == {}
    assert normal(environment={"misc": {}}) == {"environment": {"misc": {}}}
    issue = {"id": "a:i", "origin": "a", "version": 1, "culprit": {}}
    assert "culprit" not in decode({"version": V5_3, "issues": [issue]}).copies[0].fields


def test_empty_values_stay():
    empty = {"misc": {}, "output_files": [], "comment": "", "path": "", "environment": {"compatible": []}}
    assert normal(**empty) == empty


def test_whole_numbers_are_integers_everywhere():
    made = normal(
        duration=600.0, number={"value": -0.0}, misc={"a": [1.0, {"b": 2.0}]}, environment={"misc": {"c": 3.0}}
    )
    assert orjson.dumps(made).count(b".") == 0
    assert normal(duration=2.0**53, misc={"a": 1e300}) == {"duration": 2.0**53, "misc": {"a": 1e300}}


def test_texts_are_kept_byte_for_byte():
    assert normal(comment=" e\u0301\r\n ") == {"comment": " e\u0301\r\n "}


def test_copies_stand_kind_by_kind_in_the_order_of_the_document():
    document = {
        "tests": [{**TEST, "id": "a:2"}, {**TEST, "id": "a:1"}],
        "version": V5_3,
        "issues": [{"id": "a:i", "origin": "a", "version": 2.0}],
        "checkouts": [{"id": "a:c", "origin": "a"}],
    }
    assert [c.key for c in decode(document).copies] == [
        Key("checkouts", "a:c"), Key("tests", "a:2"), Key("tests", "a:1"), Key("issues", "a:i", 2),
    ]  # fmt: skip


def test_part_of_a_submission_may_be_taken():
    document = {
        "version": V5_3,
        "tests": [TEST, {**TEST, "id": "b:x"}, {**TEST, "path": " "}, 7, {**TEST, "id": "a:z"}],
    }
    with pytest.raises(Malformed) as caught:
        decode(document)
    sent = decode(document, is_partial=True)
    assert [c.key.id for c in sent.copies] == ["a:t", "a:z"]
    assert list(sent.faults) == caught.value.problems and sent.fault_count == caught.value.count == 3
    assert sent.id == decode({"version": V5_3, "tests": document["tests"]}, is_partial=True).id
    with pytest.raises(Malformed):
        decode({"version": V5_3, "tests": [TEST], "x": 1}, is_partial=True)


def test_warnings_have_a_limit():
    assert len(decode({"version": V5_3, "tests": [{**TEST, "duration": -1}] * 300}).warnings) == 100


def test_decoding_is_a_function_and_changes_nothing():
    for document in documents(100, seed=3):
        before = copy.deepcopy(document)
        first, second = decode_or_faults(document), decode_or_faults(document)
        assert first == second and document == before and repr(document) == repr(before)


def decode_or_faults(document):
    try:
        return decode(document)
    except Malformed as error:
        return error.problems, error.count


def test_the_normal_form_is_valid_and_its_own_normal_form():
    for document in documents(200, seed=5, broken=0):
        try:
            sent = decode(document)
        except Malformed:  # an older one whose upgrade is not valid
            continue
        views = {kind: [c.fields for c in sent.copies if c.key.kind == kind] for kind in KINDS}
        again = decode(read(orjson.dumps(encode(views))))
        assert again.copies == sent.copies
        assert all(canonical(a.fields) == canonical(b.fields) for a, b in zip(again.copies, sent.copies, strict=True))
        assert upgraded(encode(views)) == encode(views)


def test_what_misc_holds_is_looked_at_only_when_the_text_asks_for_it():
    """Both ways give the same."""
    corpus = Corpus(seed=11)
    for _ in range(50):
        document = corpus.valid(NEWEST)
        quick = decode(document).copies
        more = {**document, "tests": [*document.get("tests", []), {**TEST, "id": "a:more", "misc": {"null": None}}]}
        assert tuple(one for one in decode(more).copies if one.key.id != "a:more") == quick


def test_encode_gives_a_document():
    view = {**TEST, "start_time": "2025-07-15T10:10:17.000000+00:00"}
    issue = {"id": "a:i", "origin": "a", "version": 1}
    assert encode({"issues": [issue], "tests": [view]}) == {"version": V5_3, "tests": [view], "issues": [issue]}
    assert list(encode({"tests": [view], "checkouts": []})) == ["version", "checkouts", "tests"]
    seen = {**view, "_timestamp": "2026-11-24T07:13:05.123456+00:00"}
    assert decode(encode({"tests": [seen]})).copies[0].fields == view
    assert key_of("tests", view) == Key("tests", "a:t")
