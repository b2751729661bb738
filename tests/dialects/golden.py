"""Golden cases: what a client sends, and to the byte what it gets. `--update-golden` rewrites the replies.

Each file of a folder `cases/` is a list of cases: `source` says where the behaviour is written down, `given` what is
there before, `exchanges` what is sent and answered. Key order counts. The clock stands at build.NOW. Every store gives
the same bytes: the cases run over SQLite, and over Firestore again. `conftest.py` plays them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import pytest

WIDTH = 116


class Case(NamedTuple):
    """A case, and where it stands."""

    file: Path
    index: int
    body: dict[str, Any]


def cases(files: Iterable[Path]) -> list[Case]:
    """The cases of these files."""
    return [Case(file, n, body) for file in sorted(files) for n, body in enumerate(json.loads(file.read_text()))]


def each(found: Sequence[Case]) -> pytest.MarkDecorator:
    """Runs a test, which takes a `case`, for each of these over each store."""
    assert found
    runs = [
        pytest.param(kind, case, id=f"{kind}: {case.file.stem}: {case.body['name']}")
        for kind in ("sqlite", "firestore")
        for case in found
    ]
    return pytest.mark.parametrize(("store_kind", "case"), runs, indirect=["store_kind"])


def judge(case: Case, replies: Sequence[Any], request: pytest.FixtureRequest) -> None:
    """Compare what was answered with the case, or put it there."""
    steps = case.body["exchanges"]
    if request.config.getoption("--update-golden"):
        written = json.loads(case.file.read_text())
        for step, reply in zip(written[case.index]["exchanges"], replies, strict=True):
            step["reply"] = reply
        case.file.write_text(pretty(written) + "\n")
        return
    for step, reply in zip(steps, replies, strict=True):
        assert pretty(reply) == pretty(step.get("reply")), step["request"]


def check_forms(found: Sequence[Case]) -> None:
    """Every case names its source, and has nothing that is not read."""
    for case in found:
        assert set(case.body) <= {"name", "source", "given", "exchanges"}, case.file
        assert case.body["source"], case.body["name"]


class Names:
    """The two-way table of placeholders and what they stand for."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}

    def bind(self, name: str, value: str) -> None:
        self.by_name[name] = value

    def fill(self, value: Any) -> Any:
        """The value with its placeholders filled in."""
        text = json.dumps(value)
        for name, real in self.by_name.items():
            text = text.replace(f"<{name}>", real)
        return json.loads(text)

    def number(self, stem: str, value: str) -> None:
        """Give a value that has no name yet the next number."""
        if value not in self.by_name.values():
            count = sum(re.fullmatch(rf"{stem}\d+", n) is not None for n in self.by_name)
            self.bind(f"{stem}{count + 1}", value)

    def hide(self, text: str) -> str:
        """The text with ids as placeholders; new ones get the next number."""
        for stem, pattern in (("event", r"00000000-0000-4000-8000-[0-9a-f]{12}"), ("id", r"\b0{12}[0-9a-f]{12}\b")):
            for found in re.findall(pattern, text):
                self.number(stem, found)
        for name, real in self.by_name.items():
            text = text.replace(real, f"<{name}>")
        return text


def pretty(value: Any, indent: int = 0) -> str:
    """JSON with every object and list on one line that fits on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k, ensure_ascii=False)}: {pretty(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + pretty(v, indent + 2) for v in value) + "\n" + " " * indent + "]"
