"""The table of rooms, the tree, and every text that names the rooms are one."""

from __future__ import annotations

import ast

from .rooms import DIALECTS, DOMAIN, MODULES, ROOMS, ROOT, generated, statement

MODULES_MAX = 15
LINES_MAX = 2000


def test_the_table_is_the_tree():
    packages = {p.parent.relative_to(ROOT).as_posix() for p in MODULES.values() if p.name == "__init__.py"}
    packages |= {"main.py", "tests", "docs"}
    assert sorted(room.path for room in ROOMS) == sorted(packages)


def test_everything_that_shows_the_table_is_fresh():
    assert [str(path) for path, text in generated().items() if path.read_text() != text] == [], "run `make map`"


def test_every_room_says_what_it_may_import():
    silent = [room.path for room in (*DOMAIN, *DIALECTS) if statement(room) not in
              " ".join((ROOT / room.path / "__init__.py").read_text().split("\n"))]  # fmt: skip
    assert silent == []


def test_no_room_of_the_domain_is_too_large():
    large = []
    for room in DOMAIN:
        files = [p for p in (ROOT / room.path).glob("*.py") if p.name != "__init__.py"]
        lines = sum(len(p.read_text().splitlines()) for p in files)
        if len(files) > MODULES_MAX or lines > LINES_MAX:
            large.append(f"{room.path}: {len(files)} modules, {lines} lines")
    assert large == []


def test_every_module_says_what_it_is():
    assert [name for name, path in MODULES.items() if not ast.get_docstring(ast.parse(path.read_text()))] == []
