"""Patterns of SQL's LIKE: what they are like, and that they take no time."""

from __future__ import annotations

import pytest

from lib.domain.query.pattern import like, sql_like


@pytest.mark.parametrize(("pattern", "text", "said"), [
    ("ltp", "a.ltp.b", True), ("l_p", "ltp", False), ("boot%", "boot.x", True), ("boot%", "a boot", False),
    ("%a%b", "xxaxxb", True), ("%a%b", "xxaxxbc", False), ("l_p%", "ltp\n", True), ("", "x", True), ("%", "", True),
    ("a.c%", "abc", False),
])  # fmt: skip
def test_like(pattern, text, said):
    assert like(pattern)(text) == said


def test_a_report_s_patterns_are_whole():
    assert sql_like("ltp._")("ltp.a") and not sql_like("ltp")("ltp.a") and sql_like("ltp")("ltp")


def test_a_hostile_pattern_takes_no_time():
    assert not sql_like("%a" * 200 + "b")("a" * 20_000)
