"""Every rule that the code cites opens: «kernelci.md 2.4» is a section or a numbered item of
docs/protocol/kernelci.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from .rooms import ROOT

PROTOCOL = ROOT / "docs" / "protocol"
FILES = sorted(PROTOCOL.glob("*.md"))
CITING = [
    path for top in ("lib", "functions", "schemas", "infra", "tests", "docs")
    for pattern in ("*.py", "*.json", "*.md") for path in sorted((ROOT / top).rglob(pattern))
    if path.parent != PROTOCOL and path.name != "openapi.json"
]  # fmt: skip
NUMBER = r"\d{1,2}(?!\d)(?:\.\d+)*"
CITATION = re.compile(rf"(?<![\w/.-])(\w+)\.md ({NUMBER}(?:(?:,? and |,? to |, |; ){NUMBER}(?!\w))*)")


def numbers(text: str) -> set[str]:
    """What a file of rules has: its sections («2», «2.4») and the numbered items of each («3.12», «2.8.11»). The items
    of a section N.0 are those of N."""
    found, section = set(), ""
    for line in text.splitlines():
        if heading := re.match(rf"#+ ({NUMBER})\.? ", line):
            section = heading[1]
            found.add(section)
        elif item := re.match(r"(?:\| ?)?(\d+)\.? ", line):
            found.add(f"{section.removesuffix('.0')}.{item[1]}")
    return found


def cited(path: Path) -> Iterator[tuple[str, str]]:
    """The rules that a file cites: name of the file of rules, number."""
    text = re.sub(r"\s+", " ", path.read_text())
    for name, several in CITATION.findall(text):
        yield from ((name, number) for number in re.findall(NUMBER, several))


def test_each_citation_opens():
    known = {path.stem: numbers(path.read_text()) for path in FILES}
    closed = [
        f"{path.relative_to(ROOT)}: {name}.md {number}"
        for path in CITING for name, number in cited(path)
        if name in known and number not in known[name]
    ]  # fmt: skip
    assert closed == []


def test_each_file_of_rules_is_cited():
    names = {name for path in CITING for name, _ in cited(path)}
    assert {path.stem for path in FILES} <= names
    assert {"kernelci", "kcidb"} <= {path.stem for path in FILES}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_links_open(path):
    targets = re.findall(r"\]\(([^)#\s]+)\)", path.read_text()) + re.findall(
        r"^\[[^\]]+\]: (\S+)$", path.read_text(), re.M
    )
    assert [t for t in targets if not t.startswith("http") and not (path.parent / t.partition("#")[0]).exists()] == []
