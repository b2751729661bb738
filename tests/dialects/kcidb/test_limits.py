"""What is too long or too many is refused by name, in little time and memory."""

from __future__ import annotations

import json

import pytest

from lib.dialects.kcidb.check import OBJECTS_MAX
from lib.dialects.kcidb.codec import decode
from lib.dialects.kcidb.fault import FAULTS_MAX, GOT_CHARS_MAX, PLACE_CHARS_MAX
from lib.dialects.kcidb.normal import MATCHED_CHARS_MAX
from lib.errors import Malformed

V5_3 = {"major": 5, "minor": 3}
TEST = {"id": "a:t", "origin": "a", "build_id": "a:b"}


def faults(*tests):
    with pytest.raises(Malformed) as caught:
        decode({"version": V5_3, "tests": list(tests)})
    return caught.value


def test_objects():
    assert len(decode({"version": V5_3, "tests": [TEST] * OBJECTS_MAX}).copies) == OBJECTS_MAX
    error = faults(*[TEST] * (OBJECTS_MAX + 1))
    assert [p["rule"] for p in error.problems] == ["size"]
    with pytest.raises(Malformed):
        decode({"version": V5_3, "tests": [TEST] * (OBJECTS_MAX + 1)}, is_partial=True)


@pytest.mark.parametrize("more", [
    {"path": "a." * 600_000 + "a"}, {"log_url": "http://" + "a%41" * 300_000}, {"id": "a:" + "x" * 2**20},
    {"start_time": "2025-07-15T10:10:17." + "1" * 2**20 + "Z"}, {"environment": {"compatible": ["x" * (2**20 + 1)]}},
])  # fmt: skip
def test_texts_that_have_a_form(more):
    (fault,) = faults({**TEST, **more}).problems
    assert fault["rule"] == "maxLength" and f"{MATCHED_CHARS_MAX:,}" in fault["msg"]
    assert len(json.dumps(fault)) < 4 * PLACE_CHARS_MAX


def test_what_a_fault_tells():
    error = faults({**TEST, "id": "a:" + "x" * 10_000, "y" * 10_000: "z" * 10_000})
    (fault,) = error.problems
    assert len(fault["pointer"]) == len(fault["object"]) == PLACE_CHARS_MAX and len(fault["got"]) == GOT_CHARS_MAX


def test_faults_are_counted_and_the_first_told():
    error = faults(*[{}] * 1000, {**TEST, **{f"x{n}": 1 for n in range(1000)}})
    assert error.count == 4000 and len(error.problems) == FAULTS_MAX
    assert error.problems[-1]["pointer"] == "/tests/33/build_id"


def test_faults_of_one_misc():
    error = faults({**TEST, "misc": {"a": ["\0"] * 1000}})
    assert error.count == FAULTS_MAX and error.problems[-1]["pointer"] == "/tests/0/misc/a/99"
