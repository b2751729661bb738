"""Tokens of submitters are made and revoked, and reports computed anew, beside a running hub."""

from __future__ import annotations

import sqlite3
import time
from typing import Any

import requests

from .conftest import Hub

VERSION = {"major": 5, "minor": 3}


def submit(server: Hub, token: str, **lists: list[dict[str, Any]]) -> requests.Response:
    headers = {"Authorization": f"Bearer {token}"}
    return requests.post(f"{server.url}/submit", json={"version": VERSION, **lists}, headers=headers, timeout=60)


def test_a_token_submits_for_its_origins_until_it_is_revoked(server: Hub):
    token, other = (server.admin("kcidb", "token", "--origin", "a", "--name", n).stdout.strip() for n in ("x", "y"))
    assert submit(server, token, checkouts=[{"id": "a:c", "origin": "a"}]).status_code == 200
    assert submit(server, token, checkouts=[{"id": "b:c", "origin": "b"}]).status_code == 403
    assert "x submit no more" in server.admin("kcidb", "revoke", token).stdout
    ends = requests.get(f"{server.url}/authtest", headers={"Authorization": f"Bearer {other}"}, timeout=60)
    assert ends.status_code == 200
    # What another process revoked counts a second later.
    end = time.monotonic() + 60
    while submit(server, token, checkouts=[{"id": "a:d", "origin": "a"}]).status_code != 401:
        assert time.monotonic() < end
        time.sleep(0.1)
    for words in (("--origin", "A"), ("--origin", "a", "--days", "0")):
        done = server.admin("kcidb", "token", *words)
        assert done.returncode == 2 and done.stderr.count("\n") == 1


def test_a_rebuild_proves_and_mends(server: Hub):
    test = {"id": "a:t", "origin": "a", "build_id": "a:b", "log_excerpt": "panic\n" * 100}
    for status in ("MISS", "PASS"):
        assert submit(server, server.token, tests=[{**test, "status": status}]).status_code == 200
    done = server.admin("kcidb", "rebuild", "--verify")
    assert (done.returncode, done.stdout) == (0, "2 submissions replayed, 2 reports compared, 0 differ\n"), done.stderr
    server.stop()
    with sqlite3.connect(server.folder / "var" / "hub.db") as file:
        file.execute("UPDATE kcidb_test SET body = replace(body, 'PASS', 'FAIL')")
    done = server.admin("kcidb", "rebuild", "--verify")
    assert done.returncode == 1 and "kcidb_test a:t differs" in done.stdout
    assert "1 mended" in server.admin("kcidb", "rebuild").stdout
    assert server.admin("kcidb", "rebuild", "--verify").returncode == 0
    server.start()
    found = requests.get(f"{server.url}/kcidb/tests/a:t", timeout=60).json()
    assert found["object"] == {**test, "status": "PASS"}
