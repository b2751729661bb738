"""`functions.command.admin dead-letters`: what the commands show and do."""

from __future__ import annotations

import pytest

from functions.command import admin
from lib.messaging.port import Message

ONE, TWO = (f"00000000-0000-4000-8000-00000000000{n}" for n in (1, 2))


@pytest.fixture
def carrier(far_side, tmp_path, monkeypatch):
    """Two dead letters."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_BUS", "pubsub://demo-x")
    far_side.reset()
    bus = far_side.open()
    for id in (ONE, TWO):
        bus.publish([Message("node", id, b'{"id": "x"}', {"channel": "node", "kind": "job"})])
        far_side.refuse_all()
    bus.close()
    return far_side


@pytest.fixture
def run(carrier, capsys):
    def run(*arguments):
        status = admin.main(["dead-letters", *arguments])
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    return run


def test_list_shows_reason_attempts_attributes_and_data_and_changes_nothing(run):
    for _ in range(2):
        status, lines, _ = run("list")
        assert status == 0 and lines[-1] == "2 dead letters"
        assert lines[0].startswith(f"{ONE}  20") and lines[0].endswith("Z  channel node")
        assert lines[1:4] == [
            "  reason: projects/demo-x/subscriptions/reader did not acknowledge it in 5 deliveries",
            f"  attributes: channel=node content-type=application/cloudevents+json id={ONE} kind=job",
            '  data: {"id": "x"}',
        ]
    assert run("list", "--limit", "1")[1][-1] == "1 dead letter, perhaps more"


def test_replay_sends_again_what_is_named(run, carrier):
    assert run("replay", TWO) == (0, [f"{TWO} replayed", "1 replayed"], "")
    assert [m.id for m in carrier.received()] == [TWO]
    assert run("list")[1][-1] == "1 dead letter"


def test_replay_and_drop_take_all(run, carrier):
    assert run("replay", "--all")[1] == [f"{ONE} replayed", f"{TWO} replayed", "2 replayed"]
    assert [m.id for m in carrier.received()] == [ONE, TWO]
    assert run("drop", "--all") == (0, ["0 dropped"], "")


def test_drop_forgets_what_is_named(run, carrier):
    assert run("drop", ONE) == (0, [f"{ONE} dropped", "1 dropped"], "")
    assert run("list")[1][-1] == "1 dead letter"
    assert carrier.received() == []


def test_a_mistake_is_told_and_changes_nothing(run):
    assert run("replay", ONE, "none") == (2, [], "error: Dead letter not found with id: none\n")
    assert run("list", "--subscription", "nowhere")[0] == 2
    assert run("list", "--limit", "0")[2] == "error: --limit: is from 1 to 1000\n"
    assert run("list")[1][-1] == "2 dead letters"
    with pytest.raises(SystemExit):
        run("drop")


def test_a_bus_without_dead_letters_is_told(run, monkeypatch):
    monkeypatch.setenv("HUB_BUS", "embedded")
    status, _, error = run("list")
    assert status == 2 and error.startswith("error: HUB_BUS: names no bus")
