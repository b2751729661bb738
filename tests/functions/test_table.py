"""Matching by patterns: which route wins, what is claimed twice, and what a path that fits none gets."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.edge import pattern
from functions.edge.http import Edge
from functions.edge.pattern import ANY, PATTERNS, REST
from functions.edge.routes import Mount, bind
from functions.edge.table import ClaimedTwice, Found, Table
from lib.dialects.wire import Dialect, Route
from tests import build

from .conftest import TOY, echo, refuse, table_of

HEX = PATTERNS["hex24"].example
CI = table_of(
    Route("GET", "/build/{number:int}", echo, "a"),
    Route("GET", "/build/{file:drv}", echo, "a"),
    Route("GET", "/build/{number:int}/log/{rest:path}", echo, "a"),
    Route("GET", "/build/{id:colon}", echo, "b"),
    Route("DELETE", "/build/{id:colon}", echo, "b"),
    Route("GET", "/tree/{id:hex24}", echo, "a"),
    Route("GET", "/tree/{name}", echo, "b"),
    Route("POST", "/results", echo, "a"),
    Route("GET", "/results/{job:int}", echo, "a"),
    Route("GET", "/results/{job:int}/suites", echo, "a"),
    Route("GET", "/results/{name}/{part}", echo, "a"),
    Route("GET", "/user/me", echo, "a"),
    Route("GET", "/user/{number:int}", echo, "a"),
    Route("GET", "/user/{id}", echo, "a"),
)


@pytest.fixture
def ci(hub, clock) -> build.Client:
    return build.Client(Edge(hub, CI), clock)


@pytest.mark.parametrize(("path", "template", "params"), [
    ("/build/4711", "/build/{number:int}", {"number": "4711"}),
    ("/build/abc-hello-1.2.drv", "/build/{file:drv}", {"file": "abc-hello-1.2.drv"}),
    ("/build/maestro:abc123", "/build/{id:colon}", {"id": "maestro:abc123"}),
    ("/build/7/log/a/b", "/build/{number:int}/log/{rest:path}", {"number": "7", "rest": "a/b"}),
    (f"/tree/{HEX}", "/tree/{id:hex24}", {"id": HEX}),
    (f"/tree/{HEX.upper()}", "/tree/{name}", {"name": HEX.upper()}),
    ("/tree/mainline", "/tree/{name}", {"name": "mainline"}),
    ("/results/7", "/results/{job:int}", {"job": "7"}),
    ("/results/7/suites", "/results/{job:int}/suites", {"job": "7"}),
    ("/results/7/tests", "/results/{name}/{part}", {"name": "7", "part": "tests"}),
    ("/user/me", "/user/me", {}),
    ("/user/7", "/user/{number:int}", {"number": "7"}),
    ("/user/lab", "/user/{id}", {"id": "lab"}),
])  # fmt: skip
def test_a_pattern_chooses_the_route(path, template, params):
    found = CI.match("GET", path)
    assert isinstance(found, Found)
    assert (found.bound.path, found.params) == (template, params)


@pytest.mark.parametrize("path", [
    "/build/hello", "/build/", "/build/7/log", "/build/7/log/", "/build/a:b/log/x", "/build/7%0A", "/results/x",
    "/build/" + "7" * 19,
])  # fmt: skip
def test_what_fits_no_pattern_is_not_there(ci, path):
    reply = ci.send("GET", path)
    expected = ci.send("GET", "/nothing")
    assert (reply.status, json.loads(reply.body)) == (404, json.loads(expected.body))


@pytest.mark.parametrize(("method", "path", "allow"), [
    ("DELETE", "/build/7", "GET"), ("PUT", "/build/a:b", "DELETE, GET"), ("GET", "/results", "POST"),
    ("POST", "/results/7", "GET"),
])  # fmt: skip
def test_405_names_the_methods_of_the_routes_that_fit(ci, method, path, allow):
    reply = ci.send(method, path)
    assert (reply.status, dict(reply.headers)["allow"]) == (405, allow)


def test_a_slash_too_many_redirects_where_a_pattern_fits(ci):
    reply = ci.send("GET", "/build/7/?a=1")
    assert (reply.status, dict(reply.headers)["location"]) == (307, "/build/7?a=1")
    assert ci.send("GET", "/build/hello/").status == 404


def test_a_dialect_that_serves_both_serves_a_slash_behind_a_pattern():
    routes = (Route("GET", "/a/{id:int}", echo, "a"), Route("GET", "/b/{rest:path}", echo, "a"))
    table = Table(bind((Mount(Dialect("same", routes, refuse, slash="same"), ("",)),)))
    assert [bound.path for bound in table.bounds] == ["/a/{id:int}", "/a/{id:int}/", "/b/{rest:path}"]
    assert isinstance(table.match("GET", "/a/7/"), Found)
    assert not isinstance(table.match("GET", "/a/x/"), Found)


@pytest.mark.parametrize(("one", "other"), [
    ("/a/{id:int}", "/a/{number:int}"), ("/a/{id}", "/a/{name}"), ("/a/{b:path}", "/a/{c:path}"),
    ("/a/{id:int}/b", "/a/{number:int}/b"), ("/a/{id:int}/{x:colon}", "/a/{id:int}/{y:colon}"),
])  # fmt: skip
def test_one_pattern_at_one_place_is_claimed_twice(one, other):
    with pytest.raises(ClaimedTwice, match=r"GET /a/.* \(toy\) is /a/.* \(toy\) already"):
        table_of(Route("GET", one, echo, "a"), Route("GET", other, echo, "a"))


@pytest.mark.parametrize("other", ["/a/{id:colon}", "/a/{id}", "/a/{rest:path}", "/a/7", "/a/{id:int}/b"])
def test_another_pattern_at_one_place_is_no_double_claim(other):
    table_of(Route("GET", "/a/{id:int}", echo, "a"), Route("GET", other, echo, "a"))


@pytest.mark.parametrize("tail", ["", "/b", "/{x}"])
def test_patterns_that_are_not_disjoint_are_refused_for_one_method(monkeypatch, tail):
    monkeypatch.setattr(pattern, "DISJOINT", frozenset())
    routes = [Route("GET", "/a/{id:int}" + tail, echo, "a"), Route("POST", "/a/{id:hex24}", echo, "a")]
    table_of(*routes)
    with pytest.raises(ClaimedTwice, match=r"GET /a/\{id:hex24\} \(toy\) overlaps /a/\{id:int\}.* \(toy\) already"):
        table_of(*routes, Route("GET", "/a/{id:hex24}", echo, "a"))


def test_a_pattern_nobody_knows_is_refused():
    with pytest.raises(ValueError, match=r"no such pattern: \{id:integer\}"):
        table_of(Route("GET", "/a/{id:integer}", echo, "a"))


PARTS = ("a", "7", "{x}", *(f"{{x:{name}}}" for name in PATTERNS))
TEMPLATES = st.lists(
    st.tuples(st.lists(st.sampled_from(PARTS), min_size=1, max_size=3), st.sampled_from(("", "/{rest:path}"))).map(
        lambda parts: "/" + "/".join(parts[0]) + parts[1]
    ),
    max_size=12, unique=True,
)  # fmt: skip
PATHS = st.lists(
    st.sampled_from(("a", "7", "", "x y", *(p.example for p in PATTERNS.values()))), min_size=1, max_size=5
).map(lambda segments: "/" + "/".join(segments))


def rank(template: str, path: str) -> tuple[int, ...] | None:
    """How closely a template describes a path, the closest first; None where it does not fit."""
    segments, ranks = path.split("/")[1:], []
    for at, part in enumerate(pattern.parse(template)):
        if at >= len(segments):
            return None
        segment = segments[at]
        if isinstance(part, str):
            fits, its = segment == part, 0
        elif part.pattern in (ANY, REST):
            fits, its = segment != "", 2 if part.pattern == ANY else 3
        else:
            fits, its = PATTERNS[part.pattern].fits(segment), 1
        if not fits:
            return None
        ranks.append(its)
        if its == 3:
            return tuple(ranks)
    return tuple(ranks) if len(ranks) == len(segments) else None


@given(TEMPLATES, PATHS)
def test_the_closest_template_wins_in_whichever_order(templates, path):
    ranks = {template: rank(template, path) for template in templates}
    best = min((t for t in templates if ranks[t] is not None), key=lambda t: ranks[t] or (), default=None)
    for order in (templates, templates[::-1]):
        found = table_of(*(Route("GET", template, echo, "a") for template in order), dialect=TOY).match("GET", path)
        assert (found.bound.path if isinstance(found, Found) else None) == best
