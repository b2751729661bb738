"""Rules of the house that a linter does not know, over the source of the product."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from .test_imports import MODULES

NAIVE = {"utcnow", "utcfromtimestamp", "today"}


def calls(path: Path) -> list[ast.Call]:
    return [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call)]


@pytest.mark.parametrize("name", MODULES)
def test_nothing_prints(name):
    """The log goes through logging, the answer of a command through an `output`."""
    for call in calls(MODULES[name]):
        assert not (isinstance(call.func, ast.Name) and call.func.id == "print"), f"{name}:{call.lineno}"
    if not name.endswith(".output"):
        assert "stdout" not in MODULES[name].read_text().replace("on stdout", "")


@pytest.mark.parametrize("name", MODULES)
def test_no_time_is_naive(name):
    for call in calls(MODULES[name]):
        function = call.func
        if not isinstance(function, ast.Attribute):
            continue
        where = f"{name}:{call.lineno} {function.attr}"
        assert function.attr not in NAIVE, where
        if function.attr in ("now", "fromtimestamp") and isinstance(function.value, ast.Name):
            assert function.value.id != "datetime" or len(call.args) + len(call.keywords) > (
                function.attr == "fromtimestamp"
            ), where


@pytest.mark.parametrize("name", MODULES)
def test_every_module_says_what_it_is(name):
    assert ast.get_docstring(ast.parse(MODULES[name].read_text()))
