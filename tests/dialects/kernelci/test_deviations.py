"""docs/deviations.md names every oddity and every accepted key that the code has."""

from pathlib import Path

import pytest

from lib.dialects.kernelci.codec_query import ACCEPTED
from lib.dialects.wire import EXCEPTIONS

ROWS = (Path(__file__).parents[3] / "docs" / "deviations.md").read_text().splitlines()


@pytest.mark.parametrize("oddity", EXCEPTIONS, ids=[f"{o.route} {o.status}" for o in EXCEPTIONS])
def test_each_oddity_is_documented(oddity):
    assert any(f"`{oddity.route}` | {oddity.case} | {oddity.status}" in row for row in ROWS)


@pytest.mark.parametrize("accepted", [a for a in ACCEPTED if a.keys != ("any",)], ids=lambda a: a.route)
def test_each_accepted_key_is_documented(accepted):
    assert any(f"`{accepted.route}` | {', '.join(f'`{k}`' for k in accepted.keys)} |" in row for row in ROWS)
