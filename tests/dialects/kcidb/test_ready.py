"""Golden cases of purposes, readiness and watches: what a client asks, and to the byte what it gets, over both stores
(`tests/dialects/kernelci/test_golden.py` says how they are written and run)."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lib.dialects.kcidb.codec import decode_text
from lib.domain.hub import Hub
from lib.outbound.memory import MemoryCourier, MemoryPost
from tests.dialects.kernelci.test_golden import play, pretty, rewrite, store  # noqa: F401 - fixtures

CASES = Path(__file__).parent / "cases"
NAMES = ("purposes", "readiness", "watches")
RUNS = [
    pytest.param(kind, CASES / f"{name}.json", index, case, id=f"{kind}: {name}: {case['name']}")
    for kind in ("sqlite", "firestore")
    for name in NAMES
    for index, case in enumerate(json.loads((CASES / f"{name}.json").read_text()))
]


@pytest.fixture
def hub(store, bus, auth, clock, ids):  # noqa: F811 - the fixture
    return Hub(
        store, bus, auth, clock=clock, ids=ids, decode=decode_text, post=MemoryPost(), courier=MemoryCourier()
    )  # fmt: skip


@pytest.mark.parametrize(("store", "file", "index", "case"), RUNS, indirect=["store"])
def test_case(store, file, index, case, play, request):  # noqa: F811 - the fixtures
    replies = play(case)
    if request.config.getoption("--update-golden"):
        rewrite(file, index, replies)
        return
    for step, reply in zip(case["exchanges"], replies, strict=True):
        assert pretty(reply) == pretty(step.get("reply")), step["request"]


def test_every_case_names_its_source():
    for run in RUNS:
        assert set(run.values[3]) <= {"name", "source", "given", "exchanges"}
        assert run.values[3]["source"]
