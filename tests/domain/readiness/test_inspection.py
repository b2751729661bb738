"""Inspection: anybody may ask, so that its cost has a bound, however much is below an object."""

from __future__ import annotations

import pytest

from lib.domain.hub import Hub, Policy
from lib.store.sqlite.store import SqliteStore
from tests.build.ready import BUILD, CHECKOUT, ISSUE, LONG_AGO, TEST, put


@pytest.fixture
def inspect(bus, auth, clock, ids):
    """The lines of an inspection by purpose, and how many reports were read for it."""
    store = SqliteStore("", clock=clock)
    put(store, "checkouts", CHECKOUT, LONG_AGO)
    put(store, "builds", {**BUILD, "status": "PASS"}, LONG_AGO)
    for n in range(20):
        put(store, "tests", {**TEST, "id": f"a:t{n:02}"}, LONG_AGO)
    for version in (1, 2, 3):
        put(store, "issues", {**ISSUE, "version": version}, LONG_AGO)
    read = []

    def inspect(docs_max, kind="checkouts", id="a:c1"):
        read.clear()
        hub = Hub(store, bus, auth, clock=clock, ids=ids, policy=Policy(query_docs_max=docs_max))
        find = type(hub.archive).find

        def noted(self, kind, *more, **by):
            for doc in find(self, kind, *more, **by):
                read.append(kind)
                yield doc

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(type(hub.archive), "find", noted)
            inspection = hub.inspector.inspect(kind, id, None, clock())
        return inspection, {line.purpose.name: line.outcome for line in inspection.lines}, read

    yield inspect
    store.close()


def test_what_is_below_is_read_once_for_all_purposes(inspect):
    _, outcomes, read = inspect(100)
    assert outcomes["builds-complete"].is_ready and outcomes["tests-complete"].is_ready and outcomes["report"].is_ready
    assert len(read) == 21


def test_of_too_many_it_says_so(inspect):
    _, outcomes, read = inspect(10)
    assert outcomes["builds-complete"].is_ready and outcomes["listed"].is_ready
    for name in ("tests-complete", "report"):
        (missing,) = outcomes[name].missing
        assert missing.field == "tests" and missing.what.startswith("more than 10 objects are below")
    assert len(read) <= 10


def test_of_many_versions_the_newest_is_read(inspect):
    inspection, _, read = inspect(10, "issues", "a:i1")
    assert inspection.key.version == 3 and len(read) == 1
