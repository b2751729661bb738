"""The patterns of parameters: what fits them, that clients are told the same, and which are disjoint."""

from __future__ import annotations

import re
from itertools import combinations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from functions.edge import pattern
from functions.edge.pattern import ANY, PATTERNS, REST, Parameter

PAIRS = [tuple(sorted(pair)) for pair in combinations(PATTERNS, 2)]
WITNESSES: dict[tuple[str, str], str] = {}
"""For each pair (in order) that is not declared disjoint: a segment that fits both."""

LIKELY = [st.from_regex(p.regex.replace("$", r"\Z"), fullmatch=True) for p in PATTERNS.values()]
SEGMENTS = st.one_of(st.text(min_size=1), st.text("0189abcfgzAZ:._-+?=drv\n٣²", min_size=1), *LIKELY).filter(
    lambda segment: "/" not in segment
)


def fitting(segment: str) -> set[str]:
    return {name for name, p in PATTERNS.items() if p.fits(segment)}


@given(SEGMENTS)
@example("123456789012345678901234")
@example("a:b.drv")
@example("1.drv")
def test_no_segment_fits_two_disjoint_patterns(segment):
    both = combinations(sorted(fitting(segment)), 2)
    assert [pair for pair in both if pattern.are_disjoint(*pair)] == []


@pytest.mark.parametrize("pair", PAIRS, ids="-".join)
def test_each_pair_is_disjoint_or_has_a_witness(pair):
    assert pattern.are_disjoint(*pair) != (pair in WITNESSES)
    assert pair not in WITNESSES or fitting(WITNESSES[pair]) >= set(pair)


def test_what_is_declared_is_about_pairs_of_the_table():
    assert {tuple(sorted(pair)) for pair in pattern.DISJOINT} | WITNESSES.keys() == set(PAIRS)


@pytest.mark.parametrize("name", PATTERNS)
def test_no_pattern_is_disjoint_from_itself_or_from_any_segment(name):
    assert not pattern.are_disjoint(name, name)
    assert not pattern.are_disjoint(name, ANY)


@given(SEGMENTS)
@example("7\n")
@example("٣")
@example("²")
@example("0" * 24 + "\n")
@example("a:\n")
@example("a.drv\n")
def test_clients_are_told_what_fits(segment):
    told = {
        name for name, p in PATTERNS.items()
        if re.search(p.regex.replace("$", r"\Z"), segment) and len(segment) <= p.chars_max
    }  # fmt: skip
    assert fitting(segment) == told


@pytest.mark.parametrize(("segment", "name"), [
    ("0", "int"), ("4711", "int"), ("9" * 18, "int"), ("9" * 19, None), ("-1", None), ("1.5", None), ("1_0", None),
    ("a" * 24, "hex24"), ("0" * 24, "hex24"), ("A" * 24, None), ("a" * 23, None), ("a" * 25, None),
    ("0" * 12 + "x" + "0" * 11, None), ("maestro:abc123", "colon"), ("a:", "colon"), ("_:a:b", "colon"), (":a", None),
    ("A:b", None), ("a b:c", None), ("a:" + "b" * 1022, "colon"), ("a:" + "b" * 1023, None), ("1:2.drv", "colon"),
    ("abc-hello-1.2.drv", "drv"), ("1.drv", "drv"), (".drv", None), ("a b.drv", None), ("hello.drv.gz", None),
    ("a" * 251 + ".drv", "drv"), ("a" * 252 + ".drv", None), ("mainline", None),
])  # fmt: skip
def test_what_fits(segment, name):
    assert fitting(segment) == ({name} if name else set())


@pytest.mark.parametrize("name", PATTERNS)
def test_each_example_fits(name):
    assert fitting(PATTERNS[name].example) == {name}


def test_a_template_is_literals_and_parameters():
    assert pattern.parse("/build/{id:int}/log/{rest:path}") == (
        "build", Parameter("id", "int"), "log", Parameter("rest", REST),
    )  # fmt: skip
    assert pattern.parse("/a/{id}/") == ("a", Parameter("id", ANY), "")
    assert pattern.parse("/") == ("",)
    assert pattern.parse("") == ()


@pytest.mark.parametrize("path", [
    "/a/{id:integer}", "/a/{id:}", "/a/{:int}", "/a/{}", "/a/{id", "/a/id}", "/a/x{id}", "/a/{id}.json", "/{a}{b}",
    "/a/{id:INT}", "/a/{id: int}", "/a/{rest:path}/b", "/a/{rest:path}/",
])  # fmt: skip
def test_what_is_no_template_is_refused(path):
    with pytest.raises(ValueError, match=r"no such pattern|neither a literal|must be the last"):
        pattern.parse(path)


@pytest.mark.parametrize(
    ("path", "rest"), [("/a/{b:path}", True), ("/a/{b:int}", False), ("/path}", None), ("", False)]
)
def test_which_templates_take_the_rest(path, rest):
    if rest is None:
        with pytest.raises(ValueError, match="neither"):
            pattern.takes_rest(path)
    else:
        assert pattern.takes_rest(path) is rest


def test_a_template_is_shown_without_its_patterns():
    assert pattern.shown("/build/{id:int}/{rest:path}") == "/build/{id}/{rest}"
    assert pattern.shown("/") == "/"
