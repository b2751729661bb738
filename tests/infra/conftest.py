"""A cloud to deploy to: gcloud, Cloud Scheduler and Firebase's rules service, all stand-ins; and the deployment."""

from __future__ import annotations

import copy
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
from tests.infra.stub_gcloud import Gcloud

ROOT = Path(__file__).parents[2]
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

    def __init__(self, folder: Path, gcloud: Gcloud, scheduler: Scheduler, rules: RulesService) -> None:
        self.folder, self.gcloud, self.scheduler, self.rules = folder, gcloud, scheduler, rules
        gcloud.install(folder)

    @property
    def state(self) -> dict:
        """A copy of what gcloud holds; nothing of it changes until it is set."""
        return copy.deepcopy(self.gcloud.kinds)

    @state.setter
    def state(self, state: dict) -> None:
        self.gcloud.kinds = copy.deepcopy(state)

    def fail(self, words: str | None, *, times: int = 10**6, text: str = DENIED) -> None:
        """Let calls fail, so often and with this text, whose arguments hold these words; None lets none."""
        self.gcloud.fail(words or "", times if words is not None else 0, text)

    def deploy(self, **parameters: str) -> Done:
        self.gcloud.calls.clear()
        environ = {
            "PATH": f"{self.folder}{os.pathsep}/usr/bin{os.pathsep}/bin",
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
        return Done(done.returncode, done.stdout, done.stderr, list(self.gcloud.calls))


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
    gcloud, jobs, service = Gcloud(), Scheduler(), RulesService()
    try:
        yield Cloud(folder, gcloud, jobs, service)
    finally:
        gcloud.stop()
        service.stop()
        jobs.stop()
        shutil.rmtree(folder, ignore_errors=True)
