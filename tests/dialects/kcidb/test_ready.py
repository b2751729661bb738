"""Golden cases of credentials, purposes, readiness and watches (`tests/dialects/golden.py`)."""

from __future__ import annotations

from pathlib import Path

import pytest

from lib.dialects.kcidb.codec import decode_text
from lib.domain.hub import Hub
from lib.outbound.memory import MemoryCourier, MemoryPost
from tests.dialects import golden

CASES = Path(__file__).parent / "cases"
ALL = golden.cases(CASES / f"{name}.json" for name in ("credentials", "purposes", "readiness", "watches"))


@pytest.fixture
def hub(store, bus, auth, clock, ids):
    return Hub(
        store, bus, auth, clock=clock, ids=ids, decode=decode_text, post=MemoryPost(), courier=MemoryCourier()
    )  # fmt: skip


@golden.each(ALL)
def test_case(case, play, request):
    golden.judge(case, play(case.body), request)


def test_every_case_names_its_source():
    golden.check_forms(ALL)
