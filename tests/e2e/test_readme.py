"""The documentation's first minutes, run as they stand: each command, and the output it shows."""

from __future__ import annotations

import re
import subprocess

import pytest

from .conftest import ROOT

SECTIONS = (("README.md", "## Five minutes with curl", 10), ("docs/kcidb.md", "## Two minutes with curl", 6))
"""Document, section, and the least of its commands."""
VOLATILE = (
    (r"[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}", "UUID"),
    (r"[0-9a-f]{24}", "ID"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00)?", "TIME"),
)


def steps_of(document: str, section: str) -> list[tuple[str, str]]:
    """The commands of a section with the output shown below each."""
    text = document.partition(section)[2].partition("\n## ")[0]
    found: list[tuple[str, str]] = []
    for block in re.findall(r"```console\n(.*?)```", text, re.DOTALL):
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            lines = part.splitlines(keepends=True)
            end = next(n for n in range(1, len(lines) + 1) if is_whole("".join(lines[:n])))
            found.append(("".join(lines[:end]), "".join(lines[end:])))
    return found


def is_whole(command: str) -> bool:
    """Whether the shell would run it, rather than wait for more."""
    checked = subprocess.run(["bash", "-n"], input=command, capture_output=True, text=True)
    return checked.returncode == 0 and not checked.stderr and not command.endswith("\\\n")


def settled(text: str) -> str:
    """Output without what differs from run to run."""
    for pattern, name in VOLATILE:
        text = re.sub(pattern, name, text)
    return text.strip()


@pytest.mark.parametrize(("document", "section", "least"), SECTIONS, ids=[row[0] for row in SECTIONS])
def test_the_documentation_tells_the_truth(server, document, section, least):
    found = steps_of((ROOT / document).read_text(), section)
    assert len(found) > least
    script = ["set -e"]
    for command, _ in found:
        script += [command, "echo; echo ----"]
    env = {**server.shell_env(), "KCIDB": server.url}
    done = subprocess.run(
        ["bash"], input="\n".join(script), capture_output=True, text=True, env=env, cwd=server.folder, timeout=100
    )
    assert done.returncode == 0, done.stderr
    shown = done.stdout.split("----\n")[:-1]
    assert [settled(s) for s in shown] == [settled(output) for _, output in found]
