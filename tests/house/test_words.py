"""Plain words: docstrings, comments and documents avoid words that are imprecise or make persons of machinery.

`PLACES` lists the files that follow the rule so far. Widen it when another package is rewritten.
"""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

from .rooms import ROOT

PLACES = (
    "docs/*.md", "infra/README.md", "tests/benchmarks/README.md", "main.py", "infra/**/*.py", "schemas/**/*.py",
    "lib/*.py", "lib/store/**/*.py", "lib/messaging/**/*.py", "lib/outbound/**/*.py", "lib/domain/node/**/*.py",
    "lib/domain/report/**/*.py", "lib/domain/ingest/**/*.py",
)  # fmt: skip
NOT_YET = ("docs/auth.md", "docs/routes.md", "docs/settings.md")
"""Documents of `PLACES` that are generated from packages outside `PLACES`, or describe them."""
BANNED = re.compile(
    r"\b(told|tells?|nobody|whoever|watchm[ae]n|patrols?|agenda|kin|let go of|made up for|in the hands of|for good)\b",
    re.IGNORECASE,
)
ALLOWED: dict[str, str] = {}
"""Lines that may hold a banned word (stripped of spaces) → the reason."""
FILES = sorted({path for place in PLACES for path in ROOT.glob(place)} - {ROOT / name for name in NOT_YET})


def prose(path: Path) -> Iterator[tuple[int, str]]:
    """The lines of prose of a file, with their numbers: of a document all, of a module its docstrings and comments."""
    text = path.read_text()
    if path.suffix == ".md":
        yield from enumerate(text.splitlines(), 1)
        return
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant) and isinstance(node.value.value, str):
            yield from enumerate(node.value.value.splitlines(), node.lineno)
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.COMMENT:
            yield token.start[0], token.string


def test_words_are_plain():
    found = [
        f"{path.relative_to(ROOT)}:{n}: {line.strip()}" for path in FILES for n, line in prose(path)
        if BANNED.search(line) and line.strip() not in ALLOWED
    ]  # fmt: skip
    assert found == []


def test_each_allowed_line_exists():
    lines = {line.strip() for path in FILES for _, line in prose(path)}
    assert [line for line in ALLOWED if line not in lines] == []
