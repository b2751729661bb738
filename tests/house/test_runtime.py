"""What is installed is what is imported, and importing does no work."""

from __future__ import annotations

import ast
import importlib.metadata
import re
import subprocess
import sys

import pytest

from .rooms import MODULES, OURS, ROOT
from .test_imports import imports

REQUIRED = ROOT / "requirements.txt"
BY_OPTION = {"uvloop", "httptools", "websockets", "bcrypt"}
"""Required and imported by a name in an option of another library."""


def required() -> set[str]:
    lines = (line.partition("#")[0].strip() for line in REQUIRED.read_text().splitlines())
    return {re.split(r"[=\[]", line)[0].lower() for line in lines if line}


def normal(distribution: str) -> str:
    """A distribution's name as requirements spell it."""
    return distribution.lower().replace("_", "-")


def imported() -> dict[str, str]:
    """Third-party top-level modules of the product → one module that imports each."""
    found = {}
    for name, path in MODULES.items():
        if not name.startswith("infra"):
            for target, _, _ in imports(ast.parse(path.read_text())):
                found[target.split(".")[0]] = name
    return {m: by for m, by in found.items() if m not in sys.stdlib_module_names and m not in OURS}


def test_every_import_is_required():
    distributions = importlib.metadata.packages_distributions()
    missing = [
        f"{by} imports {module}" for module, by in imported().items()
        if not any(normal(d) in required() for d in distributions[module])
    ]  # fmt: skip
    assert missing == []


def test_every_requirement_is_used():
    distributions = importlib.metadata.packages_distributions()
    used = {normal(d) for module in imported() for d in distributions[module]} | BY_OPTION | {"functions-framework"}
    assert required() - used == set()


def test_every_requirement_is_pinned_and_says_why():
    lines = [line for line in REQUIRED.read_text().splitlines() if line and not line.startswith("#")]
    assert [line for line in lines if not re.fullmatch(r"[\w.-]+==[\w.]+ +# \S.*", line)] == []


def after(code: str) -> set[str]:
    """The modules a fresh interpreter holds after this code."""
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\nimport sys\nprint(*sys.modules)"],
        cwd=ROOT, capture_output=True, text=True, check=True, timeout=60, env={"PATH": "", "HUB_BIND": "nonsense"},
    )  # fmt: skip
    return set(done.stdout.split())


def test_importing_main_does_no_work():
    """Nothing is opened, no setting is read (the one set above is faulty), no dialect or adapter is loaded."""
    loaded = after("import main; assert callable(main.hub)")
    assert not {
        m for m in loaded if m.startswith(("lib.store.sqlite.store", "lib.messaging.sqlite", "lib.dialects.kernelci"))
    }
    assert not loaded & {"functions.wiring", "functions.settings", "sqlite3", "argon2", "jwt"}


@pytest.mark.parametrize("code", ["import main", "import functions.home.serve", "import functions.command.admin"])
def test_nothing_at_home_loads_the_cloud(code):
    loaded = after(code)
    assert not {m for m in loaded if m.startswith(("google.cloud.", "google.api_core", "grpc", "firebase_admin"))}


def test_serving_does_not_load_flask():
    assert "flask" not in after("import functions.home.serve")
