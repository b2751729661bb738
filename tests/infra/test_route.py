"""The URL map sends each request to a function that serves it."""

from __future__ import annotations

import pytest

from functions.edge import routes
from functions.edge.table import Found, Missed
from infra import function, route
from tests import build

PATHS = function.paths()
CLOSED = {f.slice for f in function.TABLE.values() if not f.is_open}
OPEN = [b for b in routes.table().bounds if b.route.slice not in CLOSED]


@pytest.mark.parametrize("bound", OPEN, ids=lambda b: f"{b.route.method} {b.path}")
def test_each_route_is_reached(bound):
    slice = route.serve(PATHS, build.fill(bound.path))
    match = routes.table(slice).match(bound.route.method, build.fill(bound.path))
    assert isinstance(match, Found) and match.bound.route is bound.route


@pytest.mark.parametrize("path", sorted({f"{build.fill(b.path)}/" for b in OPEN if b.path[-1] != "/"}))
def test_a_slash_too_many_is_answered_as_by_the_whole(path):
    whole, part = routes.table().match("GET", path), routes.table(route.serve(PATHS, path)).match("GET", path)
    assert isinstance(part, type(whole))
    if isinstance(whole, Missed):
        assert part.label == whole.label


@pytest.mark.parametrize("path", ["/nothing", "/latest/nothing", "/v1/nodes", "/jobs/sweep", "/on_event", "/jobs/../x"])
def test_what_nobody_serves_gets_the_default(path):
    assert route.serve(PATHS, path) == route.DEFAULT


@pytest.mark.parametrize(("bounds", "expected"), [
    ([("/a", "x"), ("/a/{id}", "x")], {"x": ["/a", "/a/*"]}),
    ([("/a/{id}", "x"), ("/a/me", "x")], {"x": ["/a/*"]}),
    ([("/a/{id}", "x"), ("/a/me", "y")], {"x": ["/a/*"], "y": ["/a/me"]}),
    ([("/a", "x"), ("/a", "y")], {"hub": ["/a"]}),
    ([("/a/{id}/b", "x"), ("/a/{id}/c", "y")], {"hub": ["/a/*"]}),
    ([("/a/{id}", "x"), ("/a/b/{id}", "y"), ("/a/b/c", "x")], {"x": ["/a/*", "/a/b/c"], "y": ["/a/b/*"]}),
    ([("/", "pages")], {}),
    ([("/a/{id:int}", "x"), ("/a/{id:colon}", "x")], {"x": ["/a/*"]}),
    ([("/a/{id:int}", "x"), ("/a/{id:colon}", "y"), ("/a/me", "y")], {"hub": ["/a/*"], "y": ["/a/me"]}),
    ([("/a/{id:int}", "x"), ("/a/{id}", "x"), ("/a/{id:int}/{rest:path}", "y")], {"hub": ["/a/*"]}),
    ([("/a", "x"), ("/a/{id:int}/b", "y")], {"x": ["/a"], "y": ["/a/*"]}),
])  # fmt: skip
def test_rules(bounds, expected):
    assert route.rules(bounds) == expected
