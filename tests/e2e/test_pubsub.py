"""docs/pubsub.md, run as it stands: a real hub that publishes, its own subscription, and the dead letters."""

from __future__ import annotations

import re
import subprocess
import sys

import grpc
import pytest
import requests

from .conftest import ROOT
from .test_functions import token  # noqa: F401 - a fixture
from .test_readme import settled, steps_of
from .test_serve import bearer

DOC = ROOT / "docs" / "pubsub.md"
HUB_BUS = "pubsub://demo-x"


@pytest.fixture
def hub(hub_folder, far_side):
    far_side.reset()
    hub_folder.env |= {"HUB_BUS": HUB_BUS, "PUBSUB_EMULATOR_HOST": far_side.emulator.address}
    return hub_folder.start()


def programs():
    """The programs of the document, by the name in their first line."""
    blocks = re.findall(r"```python\n# (\S+)\n(.*?)```", DOC.read_text(), re.DOTALL)
    return dict(blocks)


def run(hub, steps):
    """The output of each command."""
    script = ["set -e"]
    for command, _ in steps:
        script += [command.replace(".venv/bin/python", sys.executable), "echo; echo ----"]
    done = subprocess.run(
        ["bash"], input="\n".join(script), capture_output=True, text=True, env=hub.shell_env(), cwd=hub.folder,
        timeout=100,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return [settled(shown) for shown in done.stdout.split("----\n")[:-1]]


def post(url, secret):
    node = {"kind": "job", "name": "kunit", "path": ["kunit"]}
    assert requests.post(f"{url}/latest/node", json=node, headers=bearer(secret), timeout=60).status_code == 200


def test_the_document_tells_the_truth(hub, far_side):
    for name, source in programs().items():
        (hub.folder / name).write_text(source)
    for section in ("## Attach a subscription", "## Dead letters"):
        steps = steps_of(DOC.read_text(), section)
        assert steps
        assert run(hub, steps) == [settled(output) for _, output in steps]
        far_side.refuse_all()


def test_events_outlive_an_outage_of_pubsub(hub, far_side):
    far_side.fail(grpc.StatusCode.PERMISSION_DENIED, times=1)
    post(hub.url, hub.token)
    hub.stop()
    hub.start()
    [event] = far_side.received()
    assert (event.channel, event.attributes["kind"], event.attributes["op"]) == ("node", "job", "created")


def test_a_function_publishes_before_it_answers(deploy, token, far_side):  # noqa: F811
    far_side.reset()
    url = deploy("node", HUB_BUS=HUB_BUS, PUBSUB_EMULATOR_HOST=far_side.emulator.address)
    post(url, token)
    assert [event.channel for event in far_side.received()] == ["node"]
