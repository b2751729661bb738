"""A cloud to deploy to: gcloud, Cloud Scheduler and Firebase's rules service, all stand-ins; and the deployment."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from infra import rules, scheduler
from tests.emulators.scheduler import Scheduler
from tests.infra.rules_service import RulesService

ROOT = Path(__file__).parents[2]
STUB = Path(__file__).with_name("stub_gcloud.py")
TIMEOUT_S = 100
DENIED = "PERMISSION_DENIED: the caller does not have permission"


@dataclass
class Done:
    """How a deployment ended. `said` are its lines, `calls` the words of each gcloud call."""

    status: int
    text: str
    errors: str
    calls: list[list[str]]

    def said(self, verb: str) -> list[str]:
        return re.findall(rf"^  {verb} +(.*)$", self.text, re.MULTILINE)

    @property
    def changes(self) -> list[str]:
        """The calls that change something, as texts."""
        looking = {"list", "describe", "get-iam-policy", "print-access-token"}
        return [" ".join(call) for call in self.calls if not looking & set(call)]


class Cloud:
    """What a deployment finds, and how to deploy."""

    def __init__(self, folder: Path, scheduler: Scheduler, rules: RulesService) -> None:
        self.folder, self.scheduler, self.rules = folder, scheduler, rules
        (folder / "bin").mkdir()
        launcher = folder / "bin" / "gcloud"
        launcher.write_text(f'#!/bin/sh\nexec {sys.executable} -S -E {STUB} "$@"\n')
        launcher.chmod(0o755)

    @property
    def state(self) -> dict:
        return json.loads((self.folder / "state.json").read_text())

    @state.setter
    def state(self, state: dict) -> None:
        (self.folder / "state.json").write_text(json.dumps(state))

    def fail(self, words: str | None, *, times: int = 10**6, text: str = DENIED) -> None:
        """Let calls fail, so often and with this text, whose arguments hold these words; None lets none."""
        path = self.folder / "fail"
        path.unlink(missing_ok=True)
        if words is not None:
            path.write_text(json.dumps([words, times, text]))

    def deploy(self, **parameters: str) -> Done:
        calls = self.folder / "calls.jsonl"
        calls.write_text("")
        environ = {
            "PATH": f"{self.folder / 'bin'}{os.pathsep}/usr/bin{os.pathsep}/bin",
            "STUB_GCLOUD": str(self.folder),
            "DEPLOY_PAUSE_S": "0",
            scheduler.EMULATOR: self.scheduler.address,
            rules.EMULATOR: self.rules.url,
            "PROJECT": "demo",
            "REGION": "europe-west1",
            **parameters,
        }
        done = subprocess.run(
            [sys.executable, "-m", "infra", "deploy"],
            cwd=ROOT, env=environ, capture_output=True, text=True, timeout=TIMEOUT_S, check=False,
        )  # fmt: skip
        found = [json.loads(line) for line in calls.read_text().splitlines()]
        return Done(done.returncode, done.stdout, done.stderr, found)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cloud]:
    """A project to which everything was deployed once."""
    for cloud in _cloud(tmp_path_factory.mktemp("cloud")):
        cloud.first = cloud.deploy(EMAIL="ops@example.org")
        cloud.right = cloud.state
        yield cloud


@pytest.fixture
def deployed(whole: Cloud) -> Cloud:
    """The same, as the first deployment left it (`.right`); `.first` tells how that went."""
    whole.state = whole.right
    return whole


@pytest.fixture
def bare(whole: Cloud, tmp_path: Path) -> Iterator[Cloud]:
    """A project in which nothing is but most of Firestore's indexes, whose making takes the longest."""
    for cloud in _cloud(tmp_path):
        kept = {kind: dict(whole.right[kind]) for kind in ("indexes", "fields", "ttls")}
        for resources in kept.values():
            resources.popitem()
        cloud.state = kept
        yield cloud


def _cloud(folder: Path) -> Iterator[Cloud]:
    jobs, service = Scheduler(), RulesService()
    try:
        yield Cloud(folder, jobs, service)
    finally:
        service.stop()
        jobs.stop()
        shutil.rmtree(folder, ignore_errors=True)
