"""What is stored is what the submissions make of it, byte for byte; what is not is found and mended."""

from __future__ import annotations

import pytest

from lib.domain.event.ledger import Ledger
from lib.domain.ingest.intake import Intake
from lib.domain.ingest.rebuild import Rebuild
from lib.domain.report.report import COLLECTION, key_of
from lib.store.sqlite.store import SqliteStore
from tests.domain.ingest.test_intake import SOURCE, decode, objects, submit, test_case

test_case.__test__ = False


@pytest.fixture
def intake(store, bus) -> Intake:
    return Intake(store, Ledger(store, bus, lambda news: None), decode, SOURCE)


@pytest.fixture
def rebuild(store, clock):
    scratch = SqliteStore("", clock=clock)
    yield Rebuild(store, scratch, decode)
    scratch.close()


def fill(intake, clock) -> None:
    submit(intake, objects(tests=[test_case(f"t{n}", log_excerpt="x" * 500) for n in range(30)]))
    for n, status in enumerate(("PASS", "FAIL", "MISS")):
        submit(intake, objects(tests=[test_case("t1", status=status, misc={"n": n})]), clock.advance(hours=1))
    submit(intake, objects(checkouts=[{"id": "a:c", "origin": "a"}]), clock.advance(hours=1))


def test_a_store_that_is_right_has_no_differences(intake, rebuild, clock):
    fill(intake, clock)
    assert rebuild.replay() == 5
    assert list(rebuild.compare()) == []


def test_what_is_wrong_is_named_and_mended(intake, rebuild, store, clock):
    fill(intake, clock)
    changed, lost, strange = (key_of("tests", {"id": f"a:{n}"}).store_key for n in ("t1", "t2", "strange"))

    def spoil(tx):
        body = tx.load(COLLECTION["tests"], changed).body
        tx.load(COLLECTION["tests"], lost)
        body["object"]["status"] = "PASS"
        tx.save(COLLECTION["tests"], changed, body)
        tx.drop(COLLECTION["tests"], lost)
        tx.create(COLLECTION["tests"], strange, {**body, "object": {**body["object"], "id": "a:strange"}})

    store.transact(spoil)
    rebuild.replay()
    found = list(rebuild.compare())
    assert {(d.name, d.stored is None, d.made is None) for d in found} == {
        ("a:t1", False, False), ("a:t2", True, False), ("a:strange", False, True),
    }  # fmt: skip
    rebuild.mend(found, "2024-02-01T12:00:00.000000Z")
    assert list(rebuild.compare()) == []
