"""docs/command.md has every command and every exit status, and no text names a module where a command has a name."""

from __future__ import annotations

import subprocess
import tomllib

from functions.command import admin, parser
from functions.version import VERSION
from lib.messaging.open import DEAD_DEFAULT

from .rooms import ROOT

PAGE = ROOT / "docs" / "command.md"
HISTORY = {"CHANGELOG.md"}
"""What was once true stays there."""


def test_each_command_is_documented_and_nothing_else():
    rows = [line for line in PAGE.read_text().splitlines() if line.startswith("| `tributary ")]
    assert rows == [f"| `tributary {words}` | {text} |" for words, text in parser.leaves()]


def test_each_exit_status_is_documented():
    lines = PAGE.read_text().splitlines()
    assert [f"| {number} | {text} |" for number, text in parser.STATUSES if f"| {number} | {text} |" not in lines] == []


def test_the_former_names_stand_in_one_place():
    listed = subprocess.run(["git", "ls-files", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True)
    texts = [
        ROOT / name for name in listed.stdout.splitlines() if not name.startswith("tests/") and name not in HISTORY
    ]
    assert len(texts) > 100
    naming = {p.relative_to(ROOT).as_posix() for p in texts if p.is_file() and b"python -m functions" in p.read_bytes()}
    assert naming == {"docs/command.md"}


def test_the_version_is_that_of_the_project():
    assert tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["version"] == VERSION


def test_the_default_of_dead_letters_is_that_of_the_bus():
    assert admin.DEAD_DEFAULT == DEAD_DEFAULT
