"""Canonical JSON (kcidb.md 2.3): one text for each value, and the text of each value for ever."""

from __future__ import annotations

import json
import math

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from lib.domain.report.canonical import canonical, digest, plain

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner, max_size=4)
    | st.dictionaries(st.text(st.characters(exclude_categories=["Cs"])), inner, max_size=4),
    max_leaves=12,
)  # fmt: skip


def test_the_vector():
    submission = {
        "version": {"major": 5, "minor": 3},
        "tests": [{"id": "a:t1", "build_id": "m:b1", "origin": "a", "comment": "é😀", "duration": 600.0}],
    }
    assert (
        canonical(submission)
        == (
            '{"tests":[{"build_id":"m:b1","comment":"é😀","duration":600,"id":"a:t1","origin":"a"}],'
            '"version":{"major":5,"minor":3}}'
        ).encode()
    )
    assert digest(submission) == "f7fe1d2cf4c1710643d9e3075847abb363f16ec25de0ac9015b1a99e4f6f920f"


@pytest.mark.parametrize(("value", "text"), [
    (1.0, "1"), (-0.0, "0"), (600.5, "600.5"), (True, "true"), (None, "null"), ("1.0", '"1.0"'),
    (2.0**53 - 1, "9007199254740991"), (2.0**53, "9007199254740992.0"), (1e16, "1e+16"), (10**16, "10000000000000000"),
    (1e-7, "1e-7"), (0.00001, "0.00001"), (1.5e300, "1.5e+300"), (5e-324, "5e-324"), (123456.789, "123456.789"),
    (10**30, "1" + "0" * 30), (-(10**30), "-1" + "0" * 30),
    (2**64 - 1, "18446744073709551615"), (2**64, "18446744073709551616"),
    ([1.0, [2.0, {"a": 3.0}], "x.0"], '[1,[2,{"a":3}],"x.0"]'),
    ({"b": 1, "a": {"d": 10**30, "c": 1.0}}, '{"a":{"c":1,"d":1' + "0" * 30 + '},"b":1}'),
    ({"é": 1, "z": 2, "\U0001f600": 3, "\uffff": 4}, '{"z":2,"é":1,"\uffff":4,"\U0001f600":3}'),
    ("\x00\x1f\x7f\n\"\\/", '"\\u0000\\u001f\x7f\\n\\"\\\\/"'),
])  # fmt: skip
def test_the_text_of_a_value(value, text):
    """Digests are stored: these texts must never change."""
    assert canonical(value) == text.encode()


@given(VALUES)
def test_it_reads_back(value):
    text = canonical(value)
    assert json.loads(text) == value
    assert canonical(json.loads(text)) == text


@given(VALUES)
def test_order_and_form_of_numbers_do_not_matter(value):
    assert canonical(_turned(value)) == canonical(value)


@given(VALUES)
def test_plain_copies_only_what_it_changes(value):
    before = repr(value)
    after = plain(value)
    assert repr(value) == before and after == value
    assert after is value or repr(after) != before


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_whole_float_shows_in_the_text(number):
    """What `canonical` looks for before it walks."""
    if number.is_integer() and abs(number) < 2**53:
        assert orjson.dumps(number).endswith(b".0")


def test_a_deep_value_takes_one_walk():
    value: object = 1.0
    for _ in range(200):
        value = [value, 1.5]
    assert canonical(value).count(b"[") == 200


def _turned(value: object) -> object:
    """The value with its keys the other way round, and small integers as floats."""
    if isinstance(value, dict):
        return {key: _turned(value[key]) for key in reversed(value)}
    if isinstance(value, list):
        return [_turned(item) for item in value]
    if type(value) is int and abs(value) < 2**53:
        return float(value)
    return -value if value == 0 and isinstance(value, float) and math.copysign(1, value) < 0 else value
