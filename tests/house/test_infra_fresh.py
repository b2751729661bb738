"""The generated files of infra/ are what their sources say now."""

from __future__ import annotations

from infra import generated


def test_they_are_fresh():
    stale = [path.name for path, text in generated.files().items() if path.read_text() != text]
    assert stale == [], "run `make infra-files`"
