"""KernelCI's own command line, as it is on PyPI, against the real server."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
import requests

from .player import Player

REVISION = {"tree": "mainline", "url": "git://example.org/linux.git", "branch": "master", "commit": "2a987e65"}
NODE = {"kind": "checkout", "name": "checkout", "path": ["checkout"]}


@pytest.fixture
def lab(server) -> Player:
    return Player(server.url, server.token)


@pytest.fixture
def kci_dev(server, tmp_path):
    """Runs `kci-dev`; gives what it printed."""
    settings = tmp_path / "kci-dev.toml"
    settings.write_text(
        f'default_instance = "local"\n[local]\npipeline = "{server.url}/"\napi = "{server.url}/"\n'
        f'token = "{server.token}"\n'
    )
    command = str(Path(sys.executable).with_name("kci-dev"))

    def run(*words: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [command, "--settings", str(settings), "maestro", "results", *words],
            capture_output=True,
            text=True,
            timeout=60,
            cwd=tmp_path,
        )

    return run


def ids(done: subprocess.CompletedProcess[str]) -> list[str]:
    """The ids of the nodes it printed."""
    assert done.returncode == 0, done.stdout + done.stderr
    return [node["id"] for node in json.loads(done.stdout)]


def test_results_of_one_node(kci_dev, lab):
    node = lab.submit({**NODE, "data": {"kernel_revision": REVISION}})
    assert ids(kci_dev("--nodeid", node["id"])) == [node["id"]]
    unknown = kci_dev("--nodeid", "f" * 24)
    assert unknown.returncode != 0 and "not found" in unknown.stderr


def test_results_of_many_nodes(kci_dev, lab):
    made = [
        lab.submit({**NODE, "name": f"n{i}", "result": ("pass", "fail")[i % 2], "data": {"kernel_revision": REVISION}})[
            "id"
        ]
        for i in range(60)
    ]
    assert ids(kci_dev("--nodes")) == made[:50]
    assert ids(kci_dev("--nodes", "--offset", "50")) == made[50:]
    assert ids(kci_dev("--nodes", "--filter", "result=fail")) == made[1::2]
    assert ids(kci_dev("--nodes", "--no-paginate", "--tree", "mainline", "--start-date", "2020-01-01")) == made
    assert kci_dev("--nodes", "--no-paginate", "--count", "--end-date", "2020-01-01").stdout.strip() == "0"
    assert "no such field" in kci_dev("--nodes", "--filter", "status=fail").stderr


def test_reports_of_kcidb_are_nodes_to_it(kci_dev, lab, server):
    lab.submit({**NODE, "data": {"kernel_revision": REVISION}})
    test = {"id": "ti:t1", "origin": "ti", "build_id": "ti:b1", "path": "ltp.fcntl01", "status": "FAIL"}
    document = {"version": {"major": 5, "minor": 3}, "tests": [test]}
    bearer = {"Authorization": f"Bearer {server.token}"}
    assert requests.post(f"{server.url}/submit", json=document, headers=bearer, timeout=60).status_code == 200
    (id,) = ids(kci_dev("--nodes", "--filter", "kcidb=true"))
    assert ids(kci_dev("--nodes", "--filter", "kcidb=true", "--filter", "result=fail", "--filter", "owner=ti")) == [id]
    assert ids(kci_dev("--nodes", "--filter", "kcidb=true", "--filter", "result=pass")) == []
    assert ids(kci_dev("--nodeid", id)) == [id]
