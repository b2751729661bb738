"""Golden cases of reading: what a client asks, and to the byte what it gets (`tests/dialects/kernelci/test_golden.py`
says how they are written and run).

`given.reports` are documents that were merged before: each `document`, the submission's id as `source`, `at`.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests import reports
from tests.dialects.kernelci.test_golden import play, pretty, rewrite, store  # noqa: F401 - fixtures

CASES = Path(__file__).parent / "cases"
NAMES = ("read", "query", "export", "conflicts")
RUNS = [
    pytest.param(kind, CASES / f"{name}.json", index, case, id=f"{kind}: {name}: {case['name']}")
    for kind in ("sqlite", "firestore")
    for name in NAMES
    for index, case in enumerate(json.loads((CASES / f"{name}.json").read_text()))
]


@pytest.mark.parametrize(("store", "file", "index", "case"), RUNS, indirect=["store"])
def test_case(store, file, index, case, play, request):  # noqa: F811 - the fixtures
    for told in case["given"]["reports"]:
        reports.keep(store, told["document"], told["source"], told["at"])
    replies = play({"exchanges": case["exchanges"]})
    if request.config.getoption("--update-golden"):
        rewrite(file, index, replies)
        return
    for step, reply in zip(case["exchanges"], replies, strict=True):
        assert pretty(reply) == pretty(step.get("reply")), step["request"]


def test_every_case_names_its_source():
    for run in RUNS:
        assert set(run.values[3]) <= {"name", "source", "given", "exchanges"}
        assert run.values[3]["source"]
