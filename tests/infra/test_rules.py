"""Firestore's rules, through a stand-in of Firebase's service; what it refuses is told."""

from __future__ import annotations

import pytest

from infra import rules
from infra.rules import Failed, Service
from tests.infra.rules_service import RulesService


@pytest.fixture
def service():
    service = RulesService()
    yield service
    service.stop()


def test_released_once_and_again_when_they_differ(service):
    ours = Service("demo", "token", service.url)
    assert [ours.ensure("a"), ours.ensure("a"), ours.ensure("b"), ours.ensure("b")] == [
        "create",
        "same",
        "update",
        "same",
    ]
    assert service.release == {"name": ours.release, "rulesetName": "projects/demo/rulesets/set-2"}


def test_a_refusal_is_told(service, monkeypatch):
    monkeypatch.setattr(service, "answer", lambda *_: (403, {"error": {"message": "no"}}))
    with pytest.raises(Failed, match=r"GET projects/demo/releases/cloud\.firestore: 403 no"):
        Service("demo", "token", service.url).ensure("a")


@pytest.mark.parametrize("reply", [(500, ["what"]), (200, ["what"])])
def test_nonsense_is_told(service, monkeypatch, capfd, reply):
    monkeypatch.setattr(service, "answer", lambda *_: reply)
    assert rules.main(["demo"], {rules.EMULATOR: service.url}, "token") == 2
    assert "error: Firestore rules: GET projects/demo/releases" in capfd.readouterr().err


def test_nobody_there_is_told(service, capfd):
    assert rules.main(["demo"], {rules.EMULATOR: "http://127.0.0.1:9"}, "secret-token") == 2
    told = capfd.readouterr()
    assert "Connection refused" in told.err and "secret-token" not in told.err
