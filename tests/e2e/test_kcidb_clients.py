"""KCIDB's clients as they are, against the real server; and our own command line, over HTTP and beside it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
import requests

COMMIT = "2a987e65025e2b79c6d453b78cb5985ac6e5eb26"
BUILD = (
    "--origin", "mylab", "--giturl", "https://git.kernel.org/linux.git", "--branch", "master", "--commit", COMMIT,
    "--tree-name", "mainline", "--patchset-hash", "", "--arch", "arm64", "--config-name", "defconfig",
    "--compiler", "gcc-14", "--start-time", "2026-01-31T12:00:00+00:00",
)  # fmt: skip


@pytest.fixture
def token(server):
    done = server.admin("kcidb", "token", "--origin", "mylab")
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture
def kci_dev(server, token, tmp_path):
    """Runs `kci-dev submit build`; gives what it said."""
    settings = tmp_path / "kci-dev.toml"
    settings.write_text(
        f'default_instance = "local"\n[local]\nkcidb_rest_url = "{server.url}/submit"\nkcidb_token = "{token}"\n'
    )

    def run(*words):
        command = str(Path(sys.executable).with_name("kci-dev"))
        return subprocess.run(
            [command, "--settings", str(settings), "submit", "build", *words],
            capture_output=True, text=True, timeout=60, cwd=tmp_path, env={"PATH": os.environ["PATH"]},
        )  # fmt: skip

    return run


def read(server, target):
    reply = requests.get(f"{server.url}{target}", timeout=60)
    assert reply.status_code == 200, reply.text
    return reply.json()


def test_a_build_of_kci_dev_is_read_back_with_its_tests(server, token, kci_dev):
    shown = kci_dev(*BUILD, "--dry-run")
    sent = json.loads(shown.stdout[shown.stdout.index("{") : shown.stdout.rindex("}") + 1])
    build, checkout = sent["builds"][0]["id"], sent["checkouts"][0]["id"]
    for words in (BUILD, (*BUILD, "--status", "PASS", "--duration", "600")):
        done = kci_dev(*words)
        assert done.returncode == 0, done.stdout + done.stderr
    found = read(server, f"/kcidb/builds/{build}?parents=1&provenance=1")
    assert found["object"]["status"] == "PASS" and found["conflicts"] == []
    assert [c["id"] for c in found["parents"]["checkouts"]] == [checkout]
    assert found["provenance"]["status"]["sender"].startswith("submitter:")

    tests = ("kcidb", "submit-tests", "--build", build, "--origin", "mylab", "--path", "ltp.read01", "--status", "FAIL")
    far = server.admin(*tests, "--url", server.url, "--token", token)
    assert far.returncode == 0, far.stderr
    assert read(server, f"/kcidb/submissions/{far.stdout.strip()}")["tests"][0]["build_id"] == build
    # Beside the running server, from the same file.
    (told,) = map(json.loads, server.admin("kcidb", "query", "-c", checkout, "--children").stdout.splitlines())
    assert [len(told[kind]) for kind in ("checkouts", "builds", "tests")] == [1, 1, 1]
    lines = requests.get(f"{server.url}/kcidb/export?origin=mylab", timeout=60).text.splitlines()
    assert [list(json.loads(line))[1] for line in lines] == ["checkouts", "builds", "tests"]
    assert read(server, "/kcidb/count?origin=mylab")["builds"] == 1


def test_another_origin_is_refused_and_told_why(server, token):
    text = json.dumps({"version": {"major": 5, "minor": 3}, "checkouts": [{"id": "other:c1", "origin": "other"}]})
    address = server.url.replace("http://", f"http://{token}@")
    done = server.admin("kcidb", "submit", stdin=text, KCIDB_REST=address)
    assert (done.returncode, done.stdout) == (1, "")
    assert "document 1: 403" in done.stderr and "other" in done.stderr and token not in done.stderr
    assert server.admin("kcidb", "query", "-c", "other:c1").returncode == 1


def test_an_export_goes_on_page_by_page_while_more_comes(server, token):
    for n in range(7):
        text = json.dumps(
            {"version": {"major": 5, "minor": 3}, "checkouts": [{"id": f"mylab:c{n}", "origin": "mylab"}]}
        )
        assert server.admin("kcidb", "submit", stdin=text).returncode == 0
    seen, cursor = [], ""
    while cursor is not None:
        page = read(server, f"/kcidb/export?format=pages&limit=3&kind=checkouts{cursor}")
        seen += [c["id"] for c in page["document"].get("checkouts", ())]
        cursor = None if page["next"] is None else f"&cursor={page['next']}"
    assert seen == [f"mylab:c{n}" for n in range(7)]
