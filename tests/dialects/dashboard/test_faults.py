"""Whatever a client sends, the dashboard answers 200 or 400 with a JSON text: clients send a 5xx again and again."""

from __future__ import annotations

import json
import re
from urllib.parse import quote, quote_from_bytes

import pytest

from lib.dialects import dashboard
from tests.build import NOW, board

NASTY = (
    "", "x", "%", "-1", "0", "1e999", "nan", "9" * 400, "\0", "é😀", "a/b", "..", "null", "[]", "{}", "' OR 1=1 --",
    "maestro:i1,", ",", "x" * 1900, "x" * 3000, "1970-01-01", "9999-12-31T23:59:59-14:00",
)  # fmt: skip
NAMES = (
    "filter_test.path_[like]",
    "filter_test.duration_[gt]",
    "filter_build.issue",
    "filter_[in]",
    "filter_x_[y",
    "a",
)
GIVEN = {"git_url": board.MAINLINE, "git_branch": "master", "hash_a": board.COMMITS[0], "hash_b": board.COMMITS[2],
         "path": "boot", "config_name": "defconfig", "git_repository_url": board.MAINLINE,
         "git_repository_branch": "master", "commit_hashes": board.COMMITS[0], "tree_name": "mainline",
         "git_commit_hash": board.COMMITS[0], "startTimestampInSeconds": "1706000000",
         "endTimestampInSeconds": "1706781508"}  # fmt: skip
IN_PATH = {
    "commit": board.COMMITS[2],
    "tree": "mainline",
    "branch": "master",
    "id": "maestro:b3-arm64",
    "name": "qemu-x86",
}
BODY = {"startTimestampInSeconds": 1706000000, "endTimestampInSeconds": "1706781508", "filter": {},
        "selectedCommits": {}, "commitHeads": [], "issues": []}  # fmt: skip
VALUES = (None, True, -1, 1e308, 2**70, "x", "9" * 400, [], [None], [[]], ["a"], [["a"]], [["maestro:i1", 2**70]], {},
          {"a": {}}, {"0": "head", "x": "y"}, {"0": None}, {"test.status": ["PASS", 1, None]}, "\0")  # fmt: skip

GETS = [route for route in dashboard.DIALECT.routes if route.method == "GET"]
POSTS = [route for route in dashboard.DIALECT.routes if route.method == "POST"]


@pytest.fixture
def ask(store, client):
    board.store(store, board.world(NOW), NOW)

    def ask(method, target, **more):
        reply = client.send(method, target, **more)
        assert reply.status in (200, 400), (target[:200], reply.body[:200])
        json.loads(reply.body)
        return reply.status

    return ask


def path_of(route, **values):
    filled = re.sub(r"\{(\w+)(?::path)?\}", lambda m: quote({**IN_PATH, **values}[m[1]], safe=""), route.path)
    return f"/api{filled}"


@pytest.mark.parametrize("route", GETS, ids=lambda r: r.path)
def test_parameters(ask, route):
    names = [name for name in route.params if "<" not in name]
    for name in (*names, *NAMES):
        for value in NASTY:
            given = {**{k: v for k, v in GIVEN.items() if k in names}, name: value}
            query = "&".join(f"{quote(k)}={quote(v)}" for k, v in given.items())
            ask("GET", f"{path_of(route)}?{query}")
    ask("GET", f"{path_of(route)}?origin={quote_from_bytes(bytes(range(128, 255)))}&&==&filter_")


@pytest.mark.parametrize("route", [r for r in (*GETS, *POSTS) if "{" in r.path], ids=lambda r: f"{r.method} {r.path}")
def test_names_in_the_path(client, route):
    for name in re.findall(r"\{(\w+)", route.path):
        for value in NASTY:
            more = {} if route.method == "GET" else {"json_body": BODY}
            reply = client.send(route.method, path_of(route, **{name: value}), **more)
            assert reply.status < 500 and json.loads(reply.body), (value, reply.body)


@pytest.mark.parametrize("route", POSTS, ids=lambda r: r.path)
def test_bodies(ask, route):
    for name in BODY:
        for value in VALUES:
            ask("POST", path_of(route), json_body={**BODY, name: value})
    for text in (b"", b"{", b"[]", b"null", b"\xff", b'{"filter": NaN}', b'"\\ud800"'):
        assert ask("POST", path_of(route), body=text) == 400
