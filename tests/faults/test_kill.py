"""kill -9 at any write boundary: no answered write is lost, no event is lost or told twice, the restart continues.

The boundaries are found by running the same story once without a kill, so that none can be missed; the table below must
name them all.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.e2e.conftest import Hub

VICTIM = "tests.faults.victim"
BOUNDARIES = frozenset(
    (
        "BEGIN", "COMMIT", "answer",
        "INSERT node", "INSERT node$ancestors", "INSERT node$path", "INSERT node#tally", "UPDATE node",
        "DELETE node$ancestors",
        "INSERT event", "INSERT outbox", "DELETE outbox",
        "INSERT counter", "INSERT subscription", "UPDATE subscription",
        "INSERT unique", "INSERT user",
    )
)  # fmt: skip
"""Every boundary the story reaches."""


class Story:
    """Submits trees and listens, one request after the other, and remembers what was answered."""

    def __init__(self) -> None:
        self.written: dict[str, tuple[str, str | None]] = {}
        self.heard: list[str] = []
        self.subscription: int | None = None
        self.trees = 0

    def tell(self, hub: Hub, trees: int) -> None:
        """Go on until so many trees are closed. Raises ConnectionError when the server dies."""
        with requests.Session() as session:
            session.headers["Authorization"] = f"Bearer {hub.token}"
            ask = _Asker(session, f"{hub.url}/latest")
            if self.subscription is None:
                self.subscription = ask("POST", "subscribe/node")["id"]
            while self.trees < trees:
                self._tree(ask)
                self.trees += 1
                self._hear(ask)

    def _tree(self, ask: _Asker) -> None:
        checkout = self._note(ask("POST", "node", {"kind": "checkout", "name": "c", "path": ["c"]}))
        job = {"kind": "job", "name": "j", "path": ["c", "j"], "parent": checkout["id"]}
        job = self._note(ask("POST", "node", job))
        self._note(ask("PUT", f"node/{checkout['id']}", {**checkout, "state": "closing", "result": "pass"}))
        test = {"node": {"kind": "test", "name": "t", "path": ["c", "j", "t"], "state": "done"}, "child_nodes": []}
        tree = {"node": {**job, "state": "done", "result": "pass"}, "child_nodes": [test] * 3}
        for node in ask("PUT", f"nodes/{job['id']}", tree):
            self._note(node)

    def _note(self, node: dict) -> dict:
        self.written[node["id"]] = (node["state"], node["result"])
        return node

    def _hear(self, ask: _Asker) -> None:
        event = json.loads(ask("GET", f"listen/{self.subscription}")["data"])
        self.heard.append(event["id"])


class _Asker:
    def __init__(self, session: requests.Session, base: str) -> None:
        self.session, self.base = session, base

    def __call__(self, method: str, path: str, body: object = None) -> dict:
        reply = self.session.request(method, f"{self.base}/{path}", json=body, timeout=20)
        assert reply.status_code == 200, reply.text
        return reply.json()


ORDER = ("running", "available", "closing", "done")


def check(hub: Hub, story: Story) -> None:
    """What must hold after every restart, the first sweep behind it."""
    nodes = {n["id"]: n for n in requests.get(f"{hub.url}/latest/nodes/fast?limit=5000", timeout=20).json()}
    for id, (state, result) in story.written.items():
        assert id in nodes, f"an answered write was lost: {id}"
        assert ORDER.index(nodes[id]["state"]) >= ORDER.index(state)
        assert result is None or nodes[id]["result"] == result
    events = requests.get(f"{hub.url}/latest/events?limit=5000", timeout=20).json()
    ids = [e["id"] for e in events]
    assert len(ids) == len(set(ids)), "an event was written twice"
    created = [e["data"]["id"] for e in events if e["data"]["op"] == "created"]
    assert len(created) == len(set(created))
    told = set(created)
    assert {n["id"] for n in nodes.values() if n["kind"] != "test"} == told, "a node and its event are one write"
    assert set(story.heard) <= set(ids)
    assert not stuck(nodes), "the sweep left a node closing that may close"


def stuck(nodes: dict[str, dict]) -> list[dict]:
    """Closing nodes with no pending child."""
    pending = {n["parent"] for n in nodes.values() if n["state"] != "done"}
    return [n for n in nodes.values() if n["state"] == "closing" and n["id"] not in pending]


def settled(hub: Hub) -> None:
    """Wait for the pump, which works behind the answers."""
    end = time.monotonic() + 60
    while stuck({n["id"]: n for n in requests.get(f"{hub.url}/latest/nodes/fast?limit=5000", timeout=20).json()}):
        assert time.monotonic() < end, "nothing closes what may close"
        time.sleep(0.02)


@pytest.fixture
def victim(tmp_path: Path) -> Iterator[Hub]:
    hub = Hub(tmp_path, module=VICTIM)
    yield hub
    hub.close()


def run(victim: Hub, name: str, number: int, trees: int = 4) -> bool:
    """The story with a kill; gives whether the boundary was reached."""
    story = Story()
    try:
        victim.start(HUB_KILL_AT=f"{name}:{number}")
        story.tell(victim, trees)
        died = False
    except (requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError, AssertionError):
        if victim.process.poll() is None:
            victim.process.wait(60)
        died = True
    if not died:
        victim.stop()
    victim.start()
    _sweep(victim)
    check(victim, story)
    story.trees = 0
    story.tell(victim, 2)
    settled(victim)
    check(victim, story)
    return died


def _sweep(hub: Hub) -> None:
    done = requests.post(f"{hub.url}/jobs/sweep", headers={"Authorization": f"Bearer {hub.token}"}, timeout=20)
    assert done.status_code == 200, done.text


def test_the_table_names_every_boundary(victim, tmp_path):
    notes = tmp_path / "boundaries"
    victim.start(HUB_BOUNDARIES=str(notes))
    Story().tell(victim, 2)
    victim.stop()
    # What the sweep tells as reports (`test_kill_told.py`) may begin meanwhile.
    told = ("kcidb_", "backlog", "UPDATE counter")
    assert {n for n in notes.read_text().split("\n")[:-1] if not any(part in n for part in told)} == BOUNDARIES


SAMPLE = (("COMMIT", 8), ("answer", 9), ("INSERT event", 5), ("DELETE outbox", 3), ("UPDATE subscription", 2))


@pytest.mark.parametrize(("name", "number"), SAMPLE, ids=lambda v: str(v))
def test_a_kill_loses_nothing(victim, name, number):
    assert run(victim, name, number)


@pytest.mark.full
@pytest.mark.timeout(60)
@pytest.mark.parametrize("number", range(4, 22, 2))
@pytest.mark.parametrize(
    "name", sorted(BOUNDARIES - {"INSERT counter", "INSERT subscription", "INSERT unique", "INSERT user"})
)
def test_every_kill_loses_nothing(victim, name, number):
    run(victim, name, number)
