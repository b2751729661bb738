"""The joined table: slices, prefixes, versions, shared paths, and paths claimed twice."""

from __future__ import annotations

import json

import pytest

import main
from functions.edge import routes
from functions.edge.routes import SLICES, WHOLE, Mount, bind, table
from functions.edge.table import Bound, ClaimedTwice, Table
from lib.dialects import kernelci
from lib.dialects.wire import Reply, Route
from tests import build

from .conftest import TOY, echo

ALL = table().bounds


def test_each_route_belongs_to_exactly_one_slice():
    claims = {(b.route.method, b.path): [s for s in SLICES if b in table(s).bounds] for b in ALL}
    assert all(len(slices) == 1 for slices in claims.values()), claims
    assert len(claims) == len(ALL)
    assert set(SLICES) == {b.route.slice for b in ALL}


def test_every_slice_is_a_function_of_main():
    assert {*SLICES, WHOLE} <= {name for name in vars(main) if callable(getattr(main, name))}
    for name in (*SLICES, WHOLE):
        assert getattr(main, name).__name__ == name


def test_a_slice_serves_its_routes_and_no_others():
    for name in SLICES:
        for bound in ALL:
            hit = isinstance(table(name).match(bound.route.method, build.fill(bound.path)), tuple) and hasattr(
                table(name).match(bound.route.method, build.fill(bound.path)), "bound"
            )
            assert hit == (bound.route.slice == name), (name, bound.path)


def test_there_is_no_other_slice():
    with pytest.raises(ValueError, match="no such slice"):
        table("nothing")


def test_a_slice_nobody_deploys_is_refused(monkeypatch):
    stray = (*routes.MOUNTS, Mount(TOY, ("/toy",)))
    monkeypatch.setattr(routes, "MOUNTS", stray)
    with pytest.raises(ValueError, match="no deployable function serves the slice a, b"):
        table.__wrapped__()


@pytest.mark.parametrize("other", ["/thing/{name}", "/thing/{id}"])
def test_a_path_claimed_twice_is_refused(other):
    with pytest.raises(ClaimedTwice, match=r"GET /thing/.* is /thing/\{id\} \(toy\) already"):
        Table([*bind((Mount(TOY, ("",)),)), Bound(other, Route("GET", other, echo, "a"), TOY)])


def test_a_literal_beside_a_parameter_is_no_double_claim():
    Table([*bind((Mount(TOY, ("",)),)), Bound("/thing/x", Route("GET", "/thing/x", echo, "a"), TOY)])


def test_every_route_of_kernelci_is_served_under_its_three_prefixes():
    for route in kernelci.DIALECT.routes:
        for prefix in ("/latest", "/v0", ""):
            path = prefix + route.path
            found = table().match(route.method, build.fill(path))
            assert found.bound.route is route or (path == "/" and found.bound.route.handler is routes.root)


@pytest.mark.parametrize(("path", "version"), [
    ("/v1/nodes", "v1"), ("/v1", "v1"), ("/v1/", "v1"), ("/v0.1/node/1", "v0.1"), ("/v10/x", "v10"), ("/v./x", "v."),
    ("/v00/x", "v00"),
])  # fmt: skip
def test_an_unknown_version_is_named(client, path, version):
    for method in ("GET", "POST", "HEAD"):
        reply = client.send(method, path)
        assert (reply.status, reply.body) == (400, f"Unsupported API version: {version}".encode())
        assert dict(reply.headers)["content-type"].partition(";")[0] == "text/plain"


@pytest.mark.parametrize("path", [
    "/v0x/nodes", "/vfoo", "/v", "/latestfoo", "/latestfoo/nodes", "/v1x/nodes", "/v\u0661/x", "/latest/latest/nodes",
    "/latest/v0/nodes", "/v0/v1/nodes", "/docs", "/redoc", "/latest/nosuch", "/V1/nodes",
])  # fmt: skip
def test_what_is_no_version_is_just_not_there(client, path):
    assert client.send("GET", path).status == 404


@pytest.mark.parametrize("prefix", ["/latest", "/v0", ""])
def test_a_trailing_slash_redirects(client, prefix):
    reply = client.send("GET", f"{prefix}/nodes/?limit=1&name=a%20b")
    assert reply.status == 307
    assert dict(reply.headers)["location"] == f"{prefix}/nodes?limit=1&name=a%20b"


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE"])
def test_methods_nobody_serves(client, method):
    reply = client.send(method, "/latest/count")
    assert (reply.status, json.loads(reply.body)) == (405, {"detail": "Method Not Allowed"})
    assert dict(reply.headers)["allow"] == "GET"


@pytest.mark.parametrize(
    "accept", ["", "*/*", "application/json", "text/html;q=0", "text/html;q=0.5, application/json", "q=;,;;"]
)
def test_the_root_greets_programs(client, accept):
    reply = client.send("GET", "/", headers={"accept": accept})
    assert json.loads(reply.body) == {"message": "KernelCI API"}
    assert dict(reply.headers)["vary"] == "accept"


@pytest.mark.parametrize("accept", [
    "text/html", "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8", "TEXT/HTML;q=1",
    "application/json;q=0.5, text/html;q=0.6",
])  # fmt: skip
def test_the_root_shows_browsers_a_page(client, accept):
    reply = client.send("GET", "/", headers={"accept": accept})
    headers = dict(reply.headers)
    assert headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in headers["content-security-policy"]
    assert "/latest/openapi.json" in reply.body.decode()
    assert "$" not in reply.body.decode()
    # Nothing on the page comes from elsewhere.
    assert "//" not in reply.body.decode().replace("http://hub", "")


def test_the_page_escapes_what_a_client_says(hub, client):
    from functions.pages import show_index
    from lib.dialects.wire import Request

    request = Request("GET", "/", "", {}, b"", build.NOW, "1", "http://x/<script>&\"'")
    reply = show_index(request, hub)
    assert isinstance(reply, Reply)
    assert b"<script>" not in reply.body
    assert b"http://x/&lt;script&gt;&amp;&quot;&#x27;" in reply.body


@pytest.mark.parametrize("path", ["/latest", "/latest/", "/v0", "/v0/"])
def test_the_root_of_a_version_is_the_greeting(client, path):
    reply = client.send("GET", path, headers={"accept": "text/html"})
    assert json.loads(reply.body) == {"message": "KernelCI API"}


@pytest.mark.parametrize("prefix", ["/latest", "/v0", ""])
def test_the_description_is_served(client, prefix):
    reply = client.send("GET", f"{prefix}/openapi.json")
    assert json.loads(reply.body)["openapi"].startswith("3.1")


def test_the_sweep_is_for_superusers(client, hub):
    boss = build.register(hub.accounts, "boss", is_superuser=True)
    lab = build.register(hub.accounts, "lab")
    mint = hub.accounts.auth.mint
    assert client.send("POST", "/jobs/sweep").status == 401
    assert client.send("POST", "/jobs/sweep", token=mint(lab.id, build.NOW)).status == 403
    reply = client.send("POST", "/jobs/sweep", token=mint(boss.id, build.NOW))
    assert (reply.status, json.loads(reply.body)) == (200, hub.sweep(build.NOW))
    assert client.send("GET", "/jobs/sweep").status == 405
