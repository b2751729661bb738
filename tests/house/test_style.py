"""Rules of the house that a linter does not know, over the source of the product."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from .rooms import MODULES

NAIVE = {"utcnow", "utcfromtimestamp", "today"}


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def is_naive(call: ast.Call) -> bool:
    """Whether a call gives a time without a zone."""
    function = call.func
    if not isinstance(function, ast.Attribute):
        return False
    if function.attr in NAIVE:
        return True
    is_of_datetime = isinstance(function.value, ast.Name) and function.value.id == "datetime"
    given = len(call.args) + len(call.keywords)
    return is_of_datetime and (
        (function.attr == "now" and given == 0) or (function.attr == "fromtimestamp" and given <= 1)
    )


def test_nothing_prints():
    """The log goes through logging, the answer of a command through `output`."""
    printing = [
        f"{name}:{call.lineno}" for name, path in MODULES.items() for call in calls(path)
        if isinstance(call.func, ast.Name) and call.func.id == "print"
    ]  # fmt: skip
    writing = [
        name for name, path in MODULES.items()
        if not name.endswith(".output") and "stdout" in path.read_text().replace("on stdout", "")
    ]  # fmt: skip
    assert printing + writing == []


def test_no_time_is_naive():
    assert [f"{n}:{c.lineno}" for n, p in MODULES.items() for c in calls(p) if is_naive(c)] == []
