"""What reading KCIDB's objects may cost over Firestore, as its stand-in bills it: what is shown, and a few more."""

from __future__ import annotations

import os

import pytest

from tests.benchmarks import cost
from tests.build import firestore, reports

BUILDS, TESTS = 10, 10
CHILDREN = BUILDS + BUILDS * TESTS + BUILDS
EXCERPTS = BUILDS
SCANS = 1 + 1 + 1 + 4
"""Of a checkout's builds, their tests, their incidents, and the incidents of a hundred tests, thirty at a time."""


@pytest.fixture(scope="module")
def desk():
    desk = cost.Desk()
    if os.environ[firestore.HOST] != firestore.server().address:
        pytest.skip("another emulator has no meter")
    for n in range(1, 4):
        reports.keep(desk.store, reports.checkout(n, BUILDS, TESTS), f"s{n}")
    yield desk
    desk.close()


def reads(desk, request, body=...):
    bill = desk.cost(lambda: desk.ask(request, body))
    assert bill.writes == bill.deletes == 0
    return bill.reads


@pytest.mark.parametrize(("request_", "most"), [
    ("GET /kcidb/tests/maestro:c1-b0-t1", 1),
    ("GET /kcidb/tests/maestro:c1-b0-t0", 2),
    ("GET /kcidb/tests/maestro:c1-b0-t1?parents=1", 3),
    ("GET /kcidb/issues/maestro:i1", 2),
    ("GET /kcidb/builds/maestro:c1-b0?children=tests&limit=4", 1 + 4 + 1 + 1),
    ("GET /kcidb/checkouts/maestro:c1?children=1", 1 + CHILDREN + EXCERPTS + SCANS),
    ("GET /kcidb/export?format=pages&limit=20&kind=builds", 20 + 1),
    ("GET /kcidb/conflicts?origin=maestro", 5),
    ("GET /kcidb/count?origin=maestro", 5),
])  # fmt: skip
def test_a_read_costs_what_it_shows_and_a_few_more(desk, request_, most):
    assert reads(desk, request_) <= most


def test_a_query_costs_what_it_shows(desk):
    asked = {"tests": [f"maestro:c1-b0-t{n}" for n in range(TESTS)], "parents": True}
    assert reads(desk, "POST /kcidb/query", asked) <= TESTS + 2 + 1
