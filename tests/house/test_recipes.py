"""The recipes of CONTRIBUTING.md, followed step by step in a copy of the checkout."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from .rooms import GUIDE, ROOT

COPIED = ("lib", "functions", "schemas", "infra", "tests", "docs", "main.py", "Makefile", "pyproject.toml",
          "requirements.txt", "CONTRIBUTING.md", "CHANGELOG.md", "README.md")  # fmt: skip
RECIPES = re.split(r"^### ", re.search(r"^## Recipes\n(.*?)^## ", GUIDE.read_text(), re.M | re.S)[1], flags=re.M)[1:]
COMMAND_S = 300


def blocks(recipe: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of a recipe: language, text."""
    for _, language, text in re.findall(r"^( *)```(\w+)\n(.*?)^\1```", recipe, re.M | re.S):
        yield language, textwrap.dedent("".join(line or "\n" for line in text.splitlines(keepends=True)))


def apply(diff: str, top: Path) -> None:
    """Change the files below `top` as a diff says whose hunks have no numbers: each stands in one place only."""
    for old, new, body in re.findall(r"^--- (\S+)\n\+\+\+ b/(\S+)\n(.*?)(?=^--- |\Z)", diff, re.M | re.S):
        path = top / new
        if old == "/dev/null":
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f"{line[1:]}\n" for line in body.splitlines() if line[:1] == "+"))
            continue
        text = path.read_text()
        for hunk in body.split("@@\n")[1:]:
            before = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[0] != "+")
            after = "".join(f"{line[1:]}\n" for line in hunk.splitlines() if line[0] != "-")
            assert text.count(before) == 1, f"{new} does not have once:\n{before}"
            text = text.replace(before, after)
        path.write_text(text)


def run(command: str, top: Path) -> None:
    """Run a command as typed, but with the packages of this interpreter."""
    program, *words = shlex.split(command)
    assert program == "make"
    setup = ("-o", ".venv/.tests", "-o", ".venv/.runtime", f"BIN={Path(sys.executable).parent}")
    env = {name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "MAKE"))}
    done = subprocess.run(
        [program, *setup, *words], cwd=top, env=env, capture_output=True, text=True, timeout=COMMAND_S, check=False
    )
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr[-2000:]


@pytest.mark.timeout(2 * COMMAND_S)
@pytest.mark.parametrize("recipe", RECIPES, ids=[recipe.partition("\n")[0] for recipe in RECIPES])
def test_it_works_as_typed(recipe, tmp_path):
    for name in COPIED:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, tmp_path / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy2(source, tmp_path / name)
    steps = list(blocks(recipe))
    assert {language for language, _ in steps} == {"diff", "sh"}
    for language, text in steps:
        if language == "diff":
            apply(text, tmp_path)
        else:
            for command in text.splitlines():
                run(command, tmp_path)


def test_there_are_recipes_for_what_is_added_most():
    assert [recipe.partition("\n")[0] for recipe in RECIPES] == [
        "Add a field or a filter", "Add a route of the hub's own", "Add a dialect",
    ]  # fmt: skip
