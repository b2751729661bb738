"""The directions of import: which part of the house may use which, held over the source of every module."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).parents[2]
OURS = ("lib", "functions", "schemas", "infra", "main", "tests")
LEAVES = ("lib.errors", "lib.clock", "lib.ids", "lib.waiting", "lib.tally")
PORTS = ("lib.store.port", "lib.messaging.port", "lib.auth.port", "lib.outbound.port")


class Place(NamedTuple):
    """A part of the house: its modules by pattern, what it may import of ours, what it must not of others'.

    The first place whose pattern fits a module is the one that holds. `typing` may be imported for types only.
    """

    modules: str
    may: tuple[str, ...]
    must_not: tuple[str, ...] = ()
    typing: tuple[str, ...] = ()


CLOUD = ("google", "flask", "functions_framework", "uvicorn", "starlette")
DATA = ("sqlite3", "apsw")
CORE = ("functions.http", "functions.table", "functions.routes", "functions.jobs", "functions.pages*", "functions.own",
        "functions.openapi", "functions.events", "functions.push", "functions.submission")  # fmt: skip

PLACES = (
    Place("schemas*", ("schemas*",), CLOUD + DATA),
    Place("lib", (), CLOUD + DATA),
    *(Place(leaf, (), CLOUD + DATA) for leaf in LEAVES),
    Place("lib.store.collection", (), CLOUD + DATA),
    Place("lib.store.indexes", ("lib.store.collection",), CLOUD + DATA),
    Place("lib.*.port", ("lib.errors",), CLOUD + DATA),
    Place("lib.*.open", ("lib.errors", "lib.clock", "lib.{own}.*"), CLOUD + DATA),
    Place("lib.store.*", (*LEAVES, "lib.store.*"), ("flask", "os.environ")),
    Place("lib.messaging.*", (*LEAVES, "lib.messaging.*"), ("flask", "os.environ")),
    Place("lib.auth.*", (*LEAVES, "lib.auth.*"), ("flask", "os.environ")),
    Place("lib.outbound.*", (*LEAVES, "lib.outbound.*"), ("flask", "os.environ")),
    Place(
        "lib.domain*", (*LEAVES, *PORTS, "lib.store", "lib.store.collection", "lib.store.indexes", "lib.domain*"),
        (*CLOUD, *DATA, "os"),
    ),
    Place("lib.dialects.wire", ("lib", "lib.errors", "lib.clock"), CLOUD + DATA, ("lib.domain.*",)),
    Place(
        "lib.dialects.*.*",
        (*LEAVES, "lib.dialects.wire", "lib.dialects.{own}*", "lib.domain.*", "schemas*"),
        (*CLOUD, *DATA, "os"),
        ("lib.store.port",),
    ),
    Place("lib.dialects.*", (*LEAVES, "lib.dialects.wire", "lib.dialects.{own}*", "lib.domain.*", "schemas*"), CLOUD),
    Place("lib.*", ("lib.*",), CLOUD + DATA),
    *(
        Place(name, (*CORE, "functions", "lib.dialects*", "lib.domain.*", *LEAVES, *PORTS, "schemas*"),
              (*CLOUD, *DATA, "os.environ"))
        for name in CORE
    ),
    Place("functions.settings", (), ("google", *DATA)),
    Place("functions.room", (), CLOUD + DATA),
    Place("functions.output", (), CLOUD + DATA),
    Place("functions*", ("functions*", "lib.*", "schemas*"), DATA),
    Place("infra*", ("infra*", "lib.store.indexes", "lib.store.firestore_index", "schemas*", "functions.routes",
                     "functions.wiring"), DATA),
    Place("main", ("functions*",), CLOUD + DATA),
)  # fmt: skip


def modules() -> dict[str, Path]:
    found = [
        ROOT / "main.py",
        *(p for top in ("lib", "functions", "schemas", "infra") for p in (ROOT / top).rglob("*.py")),
    ]
    return {
        ".".join(p.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): p for p in found if p.exists()
    }


MODULES = modules()


def imports(tree: ast.AST) -> Iterator[tuple[str, int, bool]]:
    """Every name a module imports, with its line and whether it is for types only. Names, not modules, of a `from`."""
    for_types = {
        id(inner)
        for node in ast.walk(tree)
        if isinstance(node, ast.If) and isinstance(node.test, ast.Name) and node.test.id == "TYPE_CHECKING"
        for inner in ast.walk(node)
    }
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno, id(node) in for_types) for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, f"relative import in line {node.lineno}: write it out"
            for alias in node.names:
                yield f"{node.module}.{alias.name}", node.lineno, id(node) in for_types


def faults(name: str, source: str) -> list[str]:
    """Why a module of this name must not have this source."""
    place = next(p for p in PLACES if fnmatch.fnmatchcase(name, p.modules))
    own = name.split(".")[2 if name.startswith("lib.dialects.") else 1] if name.count(".") else ""
    found = []
    for imported, line, is_typing in imports(ast.parse(source)):
        allowed = [m.replace("{own}", own) for m in (*place.may, *(place.typing if is_typing else ()))]
        target = _module(imported)
        if imported.split(".")[0] in OURS:
            if not any(fnmatch.fnmatchcase(target, pattern) for pattern in allowed):
                found.append(f"{name}:{line} imports {target}")
        elif any(imported == bad or imported.startswith(f"{bad}.") for bad in place.must_not):
            found.append(f"{name}:{line} imports {imported}")
    if "os.environ" in place.must_not and ("environ" in source or "getenv" in source):
        found.append(f"{name} reads the environment")
    return found


def _module(imported: str) -> str:
    """The module an imported name stands for: itself, or the one it comes from."""
    return imported if imported in MODULES or "." not in imported else imported.rpartition(".")[0]


@pytest.mark.parametrize("name", MODULES)
def test_imports_go_one_way(name):
    assert faults(name, MODULES[name].read_text()) == []


@pytest.mark.parametrize(("name", "source"), [
    ("main", "from lib.domain.hub import Hub"),
    ("main", "import lib"),
    ("lib.errors", "from lib import clock"),
    ("lib.domain.node", "import schemas.kernelci"),
    ("lib.domain.node", "from lib.store import sqlite"),
    ("lib.domain.node", "def f():\n    import sqlite3"),
    ("lib.domain.node", "from os import path"),
    ("lib.domain.node", "from lib.dialects.wire import Reply"),
    ("lib.store.port", "from lib.clock import now"),
    ("lib.store.sqlite", "from lib.domain.node import Node"),
    ("lib.store.sqlite", "from lib.auth.local import LocalAuth"),
    ("lib.store.sqlite", "import os\nos.environ['A']"),
    ("lib.store.firestore", "from tests.emulators.firestore import start"),
    ("lib.store.open", "from lib.messaging.sqlite import SqliteBus"),
    ("lib.dialects.wire", "from lib.domain.hub import Hub"),
    ("lib.dialects.lava.codec", "from lib.dialects.kernelci import codec"),
    ("lib.dialects.lava.codec", "from lib.store.port import Scan"),
    ("lib.dialects.lava.codec", "import flask"),
    ("schemas.lava", "from lib.errors import Invalid"),
    ("functions.http", "from lib.store.open import open_store"),
    ("functions.http", "from functions import wiring"),
    ("functions.routes", "import flask"),
    ("functions.jobs", "from os import environ"),
    ("infra.function", "from functions import settings"),
    ("infra.firestore", "from lib.store import firestore"),
    ("infra.script", "from lib.domain.hub import Hub"),
    ("functions.wiring", "from tests.emulators import pubsub"),
    ("lib.messaging.pubsub", "import tests.emulators.pubsub"),
    ("infra.scheduler", "def f():\n    from tests.emulators import scheduler"),
])  # fmt: skip
def test_the_rules_bite(name, source):
    assert faults(name, source)


@pytest.mark.parametrize(("name", "source"), [
    ("lib.dialects.wire", "from typing import TYPE_CHECKING\nif TYPE_CHECKING:\n    from lib.domain.hub import Hub"),
    ("lib.dialects.lava.codec", "from lib.dialects.lava import x\nfrom lib.dialects.wire import Reply"),
    ("lib.store.open", "def f():\n    from lib.store.sqlite import SqliteStore"),
    ("main", "from functions.flask_shell import target"),
])  # fmt: skip
def test_the_rules_allow(name, source):
    assert faults(name, source) == []


def test_only_the_wiring_opens_adapters():
    openers = ("lib.store.open", "lib.messaging.open", "lib.auth.open", "lib.outbound.open")
    opened = {n for n, p in MODULES.items() for m, _, _ in imports(ast.parse(p.read_text())) if m.startswith(openers)}
    assert opened == {"functions.wiring"}
