"""The directions of import, held over the source of every module by the table in `rooms.py`."""

from __future__ import annotations

import ast
import fnmatch
from collections.abc import Iterator

import pytest

from .rooms import DIALECTS, DOMAIN, MODULES, NAMES, OURS, room_of

OPENERS = ("lib.store.open", "lib.messaging.open", "lib.auth.open", "lib.outbound.open")


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
    room = room_of(name)
    found = []
    for imported, line, is_typing in imports(ast.parse(source)):
        allowed = (*room.allowed, *(room.typing if is_typing else ()))
        target = module_of(imported)
        if imported.split(".")[0] in OURS:
            if not any(fnmatch.fnmatchcase(target, pattern) for pattern in allowed):
                found.append(f"{name}:{line} imports {target}")
        elif any(imported == bad or imported.startswith(f"{bad}.") for bad in room.must_not):
            found.append(f"{name}:{line} imports {imported}")
    if "os.environ" in room.must_not and ("environ" in source or "getenv" in source):
        found.append(f"{name} reads the environment")
    return found


def module_of(imported: str) -> str:
    """The module an imported name stands for: itself, or the one it comes from."""
    return imported if imported in MODULES or "." not in imported else imported.rpartition(".")[0]


def imported_rooms(package: str) -> set[str]:
    """The rooms of the domain that a package imports."""
    found = set()
    for name, path in MODULES.items():
        if name == package or name.startswith(f"{package}."):
            targets = (module_of(imported).split(".") for imported, _, _ in imports(ast.parse(path.read_text())))
            found |= {t[2] for t in targets if t[:2] == ["lib", "domain"] and len(t) > 3}
    return found


def test_imports_go_one_way():
    assert [fault for name, path in MODULES.items() for fault in faults(name, path.read_text())] == []


def test_rooms_of_the_domain_use_only_rooms_below_them():
    for at, room in enumerate(DOMAIN):
        assert set(room.domain) <= set(NAMES[:at]), room.path


def test_the_table_permits_no_room_that_is_not_used():
    unused = {room.path: set(room.domain) - imported_rooms(room.package) for room in (*DOMAIN, *DIALECTS)}
    assert {path: names for path, names in unused.items() if names} == {}


@pytest.mark.parametrize("room", DOMAIN, ids=NAMES)
def test_each_wall_of_the_domain_bites(room):
    """A room may import the rooms of its row and no other, nor the hub, an adapter, a dialect or the cloud."""
    own = room.path.rpartition("/")[2]
    inside = f"{room.package}.new"
    for name in NAMES:
        other = next(m for m in MODULES if m.startswith(f"lib.domain.{name}."))
        refused = faults(inside, f"from {other} import Anything")
        assert bool(refused) is (name != own and name not in room.domain), f"{own} → {name}"
    for module in ("lib.domain.hub", "lib.store.sqlite.store", "lib.dialects.wire", "schemas.kernelci.body",
                   "functions.settings", "flask", "sqlite3", "google.cloud", "os"):  # fmt: skip
        assert faults(inside, f"import {module}"), f"{own} → {module}"


@pytest.mark.parametrize("room", DIALECTS, ids=lambda room: room.path)
def test_each_wall_of_a_dialect_bites(room):
    inside = f"{room.package}.new"
    for name in NAMES:
        other = next(m for m in MODULES if m.startswith(f"lib.domain.{name}."))
        assert bool(faults(inside, f"from {other} import Anything")) is (name not in room.domain), name
    others = {f"lib.dialects.{other.path.rpartition('/')[2]}.codec" for other in DIALECTS if other != room}
    for module in (*others, "lib.store.port", "lib.store.indexes", "functions.settings", "flask", "sqlite3", "os"):
        assert faults(inside, f"import {module}"), module
    assert faults(inside, "from lib.domain.hub import Hub") == []


@pytest.mark.parametrize(("name", "source"), [
    ("main", "from lib.domain.hub import Hub"),
    ("main", "import lib"),
    ("lib.errors", "from lib import clock"),
    ("lib.domain.hub", "from lib.store.sqlite.store import SqliteStore"),
    ("lib.domain.node.node", "import schemas.kernelci"),
    ("lib.domain.node.node", "from lib.store import sqlite"),
    ("lib.domain.node.node", "def f():\n    import sqlite3"),
    ("lib.domain.node.node", "from os import path"),
    ("lib.domain.node.node", "from lib.dialects.wire import Reply"),
    ("lib.store.port", "from lib.clock import now"),
    ("lib.store.sqlite.store", "from lib.domain.node.node import Node"),
    ("lib.store.sqlite.store", "from lib.auth.local import LocalAuth"),
    ("lib.store.sqlite.store", "import os\nos.environ['A']"),
    ("lib.store.firestore.store", "from tests.emulators.firestore import start"),
    ("lib.store.sqlite.store", "from lib.store.firestore import wire"),
    ("lib.store.firestore.store", "from lib.store.sqlite import schema"),
    ("lib.dialects.wire", "from lib.dialects.kernelci import codec"),
    ("lib.dialects.params", "from lib.dialects.kcidb import codec"),
    ("lib.dialects.params", "from lib.domain.hub import Hub"),
    ("lib.store.open", "from lib.messaging.sqlite import SqliteBus"),
    ("lib.dialects.wire", "from lib.domain.hub import Hub"),
    ("lib.dialects.kcidb.codec", "from schemas.kernelci.body import NodeIn"),
    ("schemas.kcidb.version", "from lib.errors import Invalid"),
    ("schemas.kcidb.version", "from schemas.kernelci.body import NodeIn"),
    ("functions.edge.http", "from lib.store.open import open_store"),
    ("functions.edge.http", "from functions import wiring"),
    ("functions.edge.routes", "import flask"),
    ("functions.push.route", "from functions.command import kcidb"),
    ("functions.jobs", "from os import environ"),
    ("infra.function", "from functions import home"),
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
    ("lib.dialects.kcidb.codec", "from lib.dialects.kcidb import check\nfrom lib.dialects.wire import Reply"),
    ("lib.dialects.kcidb.export", "from lib.dialects.params import Params"),
    ("lib.store.open", "def f():\n    from lib.store.sqlite.store import SqliteStore"),
    ("main", "from functions.flask_shell import target"),
])  # fmt: skip
def test_the_rules_allow(name, source):
    assert faults(name, source) == []


def test_only_the_wiring_opens_adapters():
    opened = {n for n, p in MODULES.items() for m, _, _ in imports(ast.parse(p.read_text())) if m.startswith(OPENERS)}
    assert opened == {"functions.wiring"}
