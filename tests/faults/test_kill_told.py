"""kill -9 while nodes are told as reports: whatever was written when, the next sweeps make of it what the nodes say."""

from __future__ import annotations

import time

import pytest
import requests

from lib.clock import now
from lib.dialects.kcidb.codec import decode_text
from lib.domain.hub import Hub as Domain
from lib.domain.ingest.rebuild import Mismatch, Rebuild
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.e2e.conftest import Hub

from .test_kill import VICTIM, Story, _sweep

TELLING = (
    ("INSERT counter", 2), ("INSERT kcidb_checkout", 1), ("INSERT kcidb_test", 2), ("UPDATE kcidb_checkout", 1),
    ("UPDATE kcidb_test", 1), ("INSERT backlog", 1), ("DELETE backlog", 1), ("UPDATE counter", 1),
)  # fmt: skip


@pytest.fixture
def victim(tmp_path):
    hub = Hub(tmp_path, module=VICTIM)
    yield hub
    hub.close()


def tell(victim: Hub) -> None:
    """A story, told as reports in the midst of it and at its end. Raises when the server dies."""
    story, bearer = Story(), {"Authorization": f"Bearer {victim.token}"}
    for trees in (1, 2, 3):
        story.tell(victim, trees)
        _sweep(victim)
        for id in story.written:
            change = {"data": {"error_msg": f"tree {trees}", "platform": f"board-{trees}"}}
            requests.patch(f"{victim.url}/latest/node/{id}", json=change, headers=bearer, timeout=20)
        _sweep(victim)
    end = time.monotonic() + 60
    while any(requests.post(f"{victim.url}/jobs/sweep", headers=bearer, timeout=20).json().values()):
        assert time.monotonic() < end


@pytest.mark.parametrize(("name", "number"), TELLING, ids=lambda v: str(v))
def test_a_kill_leaves_no_report_untrue(victim, name, number):
    victim.start(HUB_KILL_AT=f"{name}:{number}")
    with pytest.raises((requests.exceptions.ConnectionError, requests.exceptions.ChunkedEncodingError)):
        tell(victim)
    victim.process.wait(60)
    victim.start()
    tell(victim)
    victim.stop()
    assert not untrue(victim)


def untrue(victim: Hub) -> list[Mismatch]:
    """The reports that are not what the nodes tell."""
    store, scratch = SqliteStore(str(victim.folder / "var/hub.db")), SqliteStore("")
    hub = Domain(store, build.RecordingBus(), build.PlainAuth(), clock=now, decode=decode_text)
    rebuild = Rebuild(store, scratch, decode_text, hub.projector.contribute)
    rebuild.replay()
    assert scratch.count("kcidb_test", ()) > 0
    differences = list(rebuild.compare())
    hub.close()
    scratch.close()
    return differences
