"""No two different values compare equal, and values that are kept as their marks compare as they would whole."""

from __future__ import annotations

import hashlib
import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lib.domain.report.canonical import canonical
from lib.domain.report.order import is_same, mark_of
from lib.domain.report.report import absorb, lift

quick = settings(max_examples=200)

ODD_TEXTS = ["", "\u00e9", "e\u0301", "\U0001f600", "\uff5e", "a", "A", '"', "\\", "\n", "0", "true", "null", "x" * 300]
TEXTS = st.sampled_from(ODD_TEXTS) | st.text(max_size=3)
NUMBERS = st.sampled_from([0, 1, 2**53 - 1, 2**53, 2.0**53, 2.0**60, 2**60, 0.5, 1e-9, -1]) | st.integers(-3, 3)
SCALARS = st.none() | st.booleans() | NUMBERS | TEXTS
JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3), max_leaves=6
)
TIMES = st.integers(0, 59).map(lambda n: f"2025-07-15T10:10:{n:02}.000000+00:00")
VALUES = {
    "comment": TEXTS,
    "duration": NUMBERS,
    "misc": st.dictionaries(TEXTS, JSON, max_size=3),
    "output_files": st.lists(JSON, max_size=3),
    "status": st.sampled_from(["SKIP", "MISS", "ERROR", "DONE", "PASS", "FAIL"]),
    "valid": st.booleans(),
    "present": st.booleans(),
    "start_time": TIMES,
    "origin_tests_finish_time": TIMES,
    "log_excerpt": TEXTS | st.integers(250, 260).map("x".__mul__) | st.just("x" * 259 + "y"),
}


@pytest.mark.parametrize("field", VALUES)
@quick
@given(st.data())
def test_the_order_is_total(field, data):
    """(17)"""
    a, b, c = (data.draw(VALUES[field]) for _ in range(3))
    one, two, three = (mark_of(field, value)[0] for value in (a, b, c))
    assert (one == two) == (canonical(a) == canonical(b)) == is_same(a, b)
    assert (one < two) + (one == two) + (one > two) == 1
    assert not one < two < three or one < three


# Of each field the values in order, the greatest last.
ORDERS = [
    ("status", ["SKIP", "MISS", "ERROR", "DONE", "PASS", "FAIL"]),
    ("valid", [True, False]),
    ("present", [False, True]),
    ("git_repository_branch_tip", [False, True]),
    ("start_time", ["2025-01-01T00:00:00.000001+00:00", "2025-01-01T00:00:00.000000+00:00"]),
    ("origin_builds_finish_time", ["2024-12-31T23:59:59.999999+00:00", "2025-01-01T00:00:00.000000+00:00"]),
    ("duration", [-1, 0, 0.5, 1, 2**53, 1e300]),
    ("comment", ["", "a", "b", "é", "😀", "aa", "e\u0301"]),
    ("output_files", [[], [{"name": "b"}], [{"name": "a"}, {"name": "a"}]]),
    ("misc", [{}, {"a": 1}, {"a": True}, {"z": "long text"}, {"a": [1, [2]]}]),
    ("misc", [{"a": [{}, []]}, {"a": {}}, {"a": None}]),
    ("number", [{"value": 2}, {"value": 1, "unit": "s"}]),
]


@pytest.mark.parametrize(("field", "values"), ORDERS)
def test_the_order_of_values(field, values):
    marks = [mark_of(field, value)[0] for value in values]
    assert all(less < more for less, more in itertools.pairwise(marks))


@quick
@given(*[st.text("xy\né😀", max_size=3).map(lambda text: text + "z" * 255) | st.text("xy", max_size=2)] * 2)
def test_lifted_excerpts_compare_as_their_texts(a, b):
    def whole(text):
        written = canonical(text)
        return len(text), written[:256], hashlib.sha256(written).hexdigest()

    one, two = (mark_of("log_excerpt", lift({"log_excerpt": text})[0]["log_excerpt"])[0] for text in (a, b))
    assert (one < two) == (whole(a) < whole(b))
    assert (one == two) == (a == b)


def test_one_and_true_are_two_values():
    fields = {"id": "a:x", "origin": "a", "build_id": "a:b"}
    at = "2026-01-01T00:00:00.000000Z"
    body = absorb("tests", None, {**fields, "misc": {"a": 1}}, "s1", at)
    body = absorb("tests", body, {**fields, "misc": {"a": True}}, "s2", at)
    assert canonical(body["object"]["misc"]) == b'{"a":true}'
    assert canonical(body["lost"]) == b'{"misc":[[{"a":1},0,0,"s1"]]}'


def test_an_empty_text_is_more_than_none():
    fields = {"id": "a:x", "origin": "a", "build_id": "a:b"}
    at = "2026-01-01T00:00:00.000000Z"
    body = absorb("tests", None, {**fields, "comment": ""}, "s1", at)
    body = absorb("tests", body, fields, "s2", at)
    assert body["object"]["comment"] == "" and "lost" not in body
