"""The generated files of infra/ are what their sources say now."""

from __future__ import annotations

import pytest

from infra import generated

FILES = generated.files()


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_it_is_fresh(path):
    assert path.read_text() == FILES[path], "run `make infra-files`"
