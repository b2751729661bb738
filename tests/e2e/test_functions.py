"""The cloud functions, each alone under functions-framework, over one store."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

import pytest
import requests

from functions.edge import routes
from functions.edge.routes import SLICES, WHOLE
from functions.wiring import Wiring
from lib.domain.account.account import first_admin

from .conftest import SECRET_KEY, environment_of
from .test_serve import CHECKOUT, bearer


@pytest.fixture
def token(deploy, tmp_path) -> str:
    """A token of an administrator of the store the functions share."""
    from functions.settings import read

    wiring = Wiring(read({"SECRET_KEY": SECRET_KEY, **environment_of(deploy.store, tmp_path)}, "/none"))
    now = datetime.now(UTC)
    admin = first_admin(wiring.hub.accounts, "admin", "a@example.org", "password", now)
    token = wiring.hub.accounts.auth.mint(admin.id, now)
    wiring.hub.close()
    return token


def ask(url: str, method: str, path: str, token: str = "", **more: Any) -> requests.Response:
    return requests.request(
        method, url + path, headers=bearer(token) if token else {}, timeout=60, allow_redirects=False, **more
    )


@pytest.mark.parametrize("slice", [*SLICES, WHOLE])
def test_each_target_serves_its_routes_and_no_others(deploy, slice):
    url = deploy(slice)
    for bound in routes.table().bounds:
        if bound.path.startswith("/v0"):
            continue
        path = "/".join("0" * 24 if s.startswith("{") else s for s in bound.path.split("/"))
        reply = ask(url, bound.route.method, path)
        # Not served: the 404 of no dialect, or the 405 of a path whose other methods this function serves.
        served = reply.status_code != 405 and not (reply.status_code == 404 and "code" in reply.json())
        assert served == (slice in (bound.route.slice, WHOLE)), (bound.route.method, path, reply.status_code)
        assert reply.status_code < 500


@pytest.mark.parametrize("deploy", ["sqlite", "firestore"], indirect=True)
def test_a_story_across_functions(deploy, token):
    node, query, pubsub, sweep = (deploy(name) for name in ("node", "query", "pubsub", "sweep"))
    subscription = ask(pubsub, "POST", "/latest/subscribe/node", token).json()["id"]
    began = time.monotonic()
    idle = ask(pubsub, "GET", f"/latest/listen/{subscription}", token)
    assert "BEEP" in idle.json()["data"]
    assert 1.5 < time.monotonic() - began < 20
    made = ask(node, "POST", "/latest/node", token, json=CHECKOUT)
    assert made.status_code == 200
    heard = ask(pubsub, "GET", f"/latest/listen/{subscription}", token).json()
    assert made.json()["id"] in heard["data"]
    assert "BEEP" in ask(pubsub, "GET", f"/latest/listen/{subscription}", token).json()["data"]
    assert ask(query, "GET", "/latest/count?kind=checkout").json() == 1
    assert ask(query, "GET", "/latest/count/?kind=checkout").headers["location"] == "/latest/count?kind=checkout"
    assert ask(sweep, "POST", "/jobs/sweep", token).json().keys() >= {"relayed", "moved"}
    assert ask(sweep, "POST", "/jobs/tidy", token).json() == {"dropped": 0, "reaped": 0}
    assert ask(sweep, "POST", "/jobs/sweep").status_code == 401
    assert ask(sweep, "POST", "/jobs/sweep", "nonsense").status_code == 401
    assert ask(sweep, "GET", "/jobs/sweep", token).status_code == 405


def test_methods_and_limits(deploy):
    url = deploy(WHOLE)
    for method in ("HEAD", "OPTIONS", "DELETE"):
        reply = ask(url, method, "/latest/count")
        assert (reply.status_code, reply.headers["allow"]) == (405, "GET")
    assert ask(url, "POST", "/latest/user/login", data=b"x" * 70_000).status_code == 413
    assert ask(url, "POST", "/latest/user/login", data=iter([b"x" * 10_000] * 7)).status_code == 413
    reply = ask(url, "GET", "/v1/nodes")
    assert (reply.status_code, reply.text) == (400, "Unsupported API version: v1")
    assert requests.get(url, headers={"accept": "text/html"}, timeout=60).text.startswith("<!doctype html>")


def test_a_function_without_a_key_says_so_in_its_log_only(deploy, tmp_path):
    url = deploy("node", SECRET_KEY="")
    reply = ask(url, "GET", "/latest/node/" + "0" * 24)
    assert reply.status_code == 500
    assert reply.json()["message"] == "Internal Server Error"
    assert "SECRET_KEY is required here" in (tmp_path / "node.log").read_text()


def test_one_line_a_request(deploy, tmp_path):
    url = deploy("query")
    ask(url, "GET", "/latest/count?name=hush")
    text = (tmp_path / "query.log").read_text()
    assert "method=GET route=/latest/count status=200" in text
    assert "hush" not in text


@pytest.mark.full
def test_a_function_ends_a_stream_and_the_client_comes_back(deploy):
    url = deploy("pubsub")
    began = time.monotonic()
    reply = requests.get(f"{url}/latest/events/stream?after=0", timeout=60)
    assert reply.text.startswith("retry: 1000\n") and 1.5 < time.monotonic() - began < 20
