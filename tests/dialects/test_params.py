"""The one reader of query parameters (`lib/dialects/params.py`)."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from pydantic import TypeAdapter

from lib.dialects.dashboard.params import RowParams
from lib.dialects.params import Params
from lib.dialects.wire import Request
from lib.errors import Invalid, Malformed

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def query(text: str) -> Request:
    return Request("GET", "/", text, {}, b"", NOW)


def test_an_empty_value_is_absent_and_the_last_one_counts():
    params = Params(query("a=1&a=2&a=&b=x,,y&b=z"))
    assert (params.text("a"), params.text("c"), params.texts("a")) == ("2", "", ["1", "2"])
    assert params.listed("b") == ["x", "y", "z"]
    assert params.required("b") == "z"


@pytest.mark.parametrize(("text", "says"), [
    ("a=1&c=2", "c: no parameter of this route; it takes a, b"), ("a=1&a=1", "a: given twice"),
])  # fmt: skip
def test_a_strict_query_refuses_what_is_unknown_or_repeated(text, says):
    with pytest.raises(Invalid) as raised:
        Params(query(text), ("a", "b"))
    assert str(raised.value) == says


@pytest.mark.parametrize(("text", "flag"), [("", False), ("f", True), ("f=", True), ("f=Yes", True), ("f=0", False)])
def test_a_flag(text, flag):
    assert Params(query(text)).flag("f") is flag


def test_a_number_is_of_plain_digits_and_in_its_range():
    params = Params(query("n=007&low=-3"))
    assert (params.number("n", 0, 9), params.number("low", -5, 9), params.number("no", 0, 9)) == (7, -3, None)


@pytest.mark.parametrize(
    "value", ["x", "1.0", "%2B1", " 1", "1_0", "%D9%A3", "%C2%B2", "--1", "-", "10", "-1", "9" * 99]
)
def test_any_other_number_is_refused_by_the_words_of_the_dialect(value):
    with pytest.raises(Invalid, match="n: must be a number from 0 to 9"):
        Params(query(f"n={value}")).number("n", 0, 9)
    with pytest.raises(Invalid, match=r"n: must be (a whole number|0 to 9)"):
        RowParams(query(f"n={value}")).number("n", 0, 9)


@pytest.mark.parametrize("read", [
    lambda params: params.flag("p"), lambda params: params.choice("p", ("a", "b")), lambda params: params.instant("p"),
    lambda params: params.required("q"),
])  # fmt: skip
def test_a_fault_names_its_parameter(read):
    with pytest.raises(Invalid, match=r"\A[pq]: "):
        read(Params(query("p=other")))


def test_a_value_of_any_type_is_refused_with_its_place():
    params, adapter = Params(query("p=x&n=4")), TypeAdapter(int)
    assert (params.value("n", adapter, 1), params.value("absent", adapter, 1)) == (4, 1)
    with pytest.raises(Malformed) as raised:
        params.value("p", adapter, 1)
    assert raised.value.problems[0]["loc"] == ["query", "p"]
