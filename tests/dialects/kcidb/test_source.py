"""The texts of submissions: what is read as JSON, and where one text ends (kcidb.md 3.5)."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.dialects.kcidb.codec import decode, read, split_documents
from lib.dialects.kcidb.source import DEPTH_MAX, DOCUMENTS_MAX
from lib.domain.ingest.sent import Sent
from lib.errors import Malformed, TooLarge
from tests.build.corpus import documents


@pytest.mark.parametrize(("raw", "hint"), [
    (b"", "whole"), (b"{", "whole"), (b'{"a":1,"a":1}', "once"), (b'{"a":{"b":1,"b":2}}', "once"), (b"{} {}", "ndjson"),
    (b'{"a":"\xff"}', "UTF-8"), ("{}".encode("utf-16"), "JSON tool"), (b"NaN", "NaN"), (b"[1,]", "JSON tool"),
    (b'"\\ud800"', "pair"), (b"\xef\xbb\xbf{}", "JSON tool"), (b"1" * 5000, "as a text"), (b"'a'", "JSON tool"),
    (b"[" * 300 + b"]" * 300, "deeper"), (b"[" * 100_000, "deeper"),
    (b'{"a\x01":1}', "JSON tool"), (b"01", "JSON tool"),
])  # fmt: skip
def test_what_is_no_json_is_refused(raw, hint):
    with pytest.raises(Malformed) as caught:
        read(raw)
    (fault,) = caught.value.problems
    assert fault["rule"] == "json" and fault["pointer"] == "" and fault["object"] is None
    assert hint in fault["hint"], fault


def test_the_depth_has_a_limit():
    assert read(b"[" * DEPTH_MAX + b"1" + b"]" * DEPTH_MAX)
    with pytest.raises(Malformed):
        read(b"[" * (DEPTH_MAX + 1) + b"1" + b"]" * (DEPTH_MAX + 1))
    inner = b"[" * (DEPTH_MAX - 4) + b"1.0,null" + b"]" * (DEPTH_MAX - 4)
    raw = b'{"version":{"major":5},"tests":[{"id":"a:t","origin":"a","build_id":"a:b","misc":{"a":%b}}]}' % inner
    assert json.dumps(decode(read(raw)).copies[0].fields).count("[") == DEPTH_MAX - 4


TEXTS = st.text(st.characters(exclude_categories=["Cs"]))


@given(st.recursive(
    st.none() | st.booleans() | st.integers() | TEXTS | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner),
    max_leaves=8,
), st.booleans())  # fmt: skip
def test_it_reads_what_the_standard_library_reads(value, is_ascii):
    text = json.dumps(value, ensure_ascii=is_ascii)
    assert repr(read(text.encode())) == repr(json.loads(text))


@given(st.binary(max_size=60) | st.text(max_size=40).map(lambda t: t.encode(errors="surrogatepass")))
def test_any_bytes_are_read_or_refused(raw):
    try:
        value = read(raw)
    except Malformed:
        return
    assert isinstance(_decoded(value), Sent | Malformed)


def test_any_cut_or_flipped_submission_is_taken_or_refused():
    for number, document in enumerate(documents(60, seed=9)):
        raw = json.dumps(document).encode()
        at = number * 7919 % len(raw)
        for broken in (raw, raw[:at], raw[:at] + bytes((number,)) + raw[at + 1 :], raw[:at] + b"\\u0000" + raw[at:]):
            try:
                value = read(broken)
            except Malformed:
                continue
            assert isinstance(_decoded(value), Sent | Malformed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 6) | st.floats()
    | st.sampled_from(["a:b", "a", "", "\0", "\ud800", "PASS"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(
        ["id", "origin", "build_id", "version", "major", "minor", "tests", "builds", "misc", "status", "\ud800", "a/~"]
    ), inner, max_size=6),
    max_leaves=20,
)  # fmt: skip


@given(
    JSON,
    st.sampled_from([(1, 1), (2, 0), (3, 0), (4, 5), (5, 0), (5, 3)]),
)
def test_any_value_is_taken_or_refused(value, version):
    stated = {"major": version[0], "minor": version[1]}
    document = {**value, "version": stated} if isinstance(value, dict) else value
    assert isinstance(_decoded(document), Sent | Malformed)


def _decoded(value):
    try:
        sent = decode(value)
    except Malformed as error:
        assert error.problems and all(isinstance(v, str | None) for p in error.problems for v in p.values())
        json.dumps(error.problems, ensure_ascii=False).encode()
        return error
    assert sent == decode(value, is_partial=True)
    return sent


ONE, TWO = b'{"a":"}\\"{"}', b'{"b":[{},"]"]}'


@pytest.mark.parametrize(("raw", "texts"), [
    (b"", []), (b" \n\n", []), (ONE, [ONE]), (ONE + b"\n" + TWO + b"\n", [ONE, TWO]), (ONE + TWO, [ONE, TWO]),
    (ONE + b" \r\n\r\n " + TWO, [ONE, TWO]),
    (b'{\n"a":1\n}\n{\n"b":[\n{}\n]}', [b'{\n"a":1\n}', b'{\n"b":[\n{}\n]}']),
    (b"[1] [2]", [b"[1]", b"[2]"]), (b"{}x", [b"{}", b"x"]), (b'{}"', [b"{}", b'"']), (b"{}}{}", [b"{}", b"}", b"{}"]),
    (b"{", [b"{"]), (b'{"a":\n{}', [b'{"a":\n{}']), (b"{}{}\n{}", [b"{}", b"{}", b"{}"]),
    (b'{"a":"} {"}\n{}', [b'{"a":"} {"}', b"{}"]),
])  # fmt: skip
def test_a_body_of_several(raw, texts):
    assert list(split_documents(raw)) == texts


@given(
    st.lists(st.dictionaries(st.text(), st.text() | st.lists(st.text())), max_size=5),
    st.sampled_from(["\n", "", "\n \n"]),
    st.sampled_from([None, 1]),
)
def test_texts_come_apart_as_they_were_joined(values, between, indent):
    raw = between.join(json.dumps(value, indent=indent) for value in values).encode()
    assert [json.loads(text) for text in split_documents(raw)] == values


@pytest.mark.parametrize("raw", [b'"' + b'\\"' * 10**6, b'"' + b'\\"' * 10**6 + b"\\", b"{" * 10**6, b'{"' * 10**5])
def test_a_text_without_end_is_looked_through_once(raw):
    assert list(split_documents(raw)) == [raw]


def test_a_body_has_a_limit():
    assert len(list(split_documents(b"{}\n" * DOCUMENTS_MAX))) == DOCUMENTS_MAX
    for raw in (b"{}\n" * (DOCUMENTS_MAX + 1), b"{}[]" * DOCUMENTS_MAX, b"}" * 100_000):
        with pytest.raises(TooLarge):
            split_documents(raw)
