"""Golden cases of the hub's own routes (`tests/dialects/golden.py`)."""

from __future__ import annotations

from pathlib import Path

from tests.dialects import golden

ALL = golden.cases((Path(__file__).parent / "cases").glob("*.json"))


@golden.each(ALL)
def test_case(case, play, request):
    golden.judge(case, play(case.body), request)


def test_every_case_names_its_source():
    golden.check_forms(ALL)
