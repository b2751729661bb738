"""Submissions are kept as they came and merged once, whole or piece by piece, whoever is killed meanwhile."""

from __future__ import annotations

import json
from typing import Any

import pytest

from lib.domain.account.access import Actor
from lib.domain.event.ledger import Ledger
from lib.domain.ingest.intake import Intake, Sender
from lib.domain.ingest.sent import Copy, Document, Sent
from lib.domain.ingest.size import FIELD_BYTES_MAX
from lib.domain.ingest.submission import pack
from lib.domain.report.canonical import digest
from lib.domain.report.report import COLLECTION, key_of
from lib.errors import Forbidden, Malformed, Unavailable
from tests import build

LAB = Sender(Actor("submitter:lab-1", "submitter:lab-1", origins=frozenset(["a"])), "rest")
SOURCE = "https://hub.example.org/"


def objects(**lists: list[dict[str, Any]]) -> dict[str, Any]:
    return {"version": {"major": 5, "minor": 3}, **lists}


def decode(raw: bytes, is_partial: bool) -> Sent:
    """As a dialect does, of what is in normal form already."""
    value = json.loads(raw)
    copies = [Copy(key_of(kind, o), o) for kind, os in value.items() if kind != "version" for o in os]
    if any("broken" in copy.fields for copy in copies):
        raise Malformed([{"rule": "broken", "msg": "broken"}])
    return Sent(digest(value), (5, 3), tuple(copies))


def test_case(name: str, **more: Any) -> dict[str, Any]:
    return {"id": f"a:{name}", "origin": "a", "build_id": "a:b1", **more}


test_case.__test__ = False


@pytest.fixture
def intake(store, bus) -> Intake:
    return Intake(store, Ledger(store, bus, lambda news: None), decode, SOURCE)


def submit(intake: Intake, document: dict[str, Any], now=build.NOW, sender: Sender = LAB):
    raw = json.dumps(document).encode()
    return intake.submit(decode(raw, False), raw, sender, now)


def report(store, kind: str, fields: dict[str, Any]) -> dict[str, Any] | None:
    doc = store.load(COLLECTION[kind], key_of(kind, fields).store_key)
    return None if doc is None else doc.body


def test_a_submission_is_kept_as_it_came_and_merged_at_once(intake, store, clock):
    document = objects(checkouts=[{"id": "a:c1", "origin": "a"}], tests=[test_case("t1", path="ltp")])
    receipt = submit(intake, document)
    record = receipt.submission
    assert (record.state, receipt.is_duplicate, record.origins) == ("merged", False, ["a"])
    assert record.counts == {"checkouts": 1, "tests": 1} and record.token == "lab-1" and record.via == "rest"
    assert record.results == {"new": 2, "changed": 0, "unchanged": 0, "conflicts": 0}
    assert json.loads(intake.text(record.id)) == document
    body = report(store, "tests", {"id": "a:t1"})
    assert body["object"] == test_case("t1", path="ltp") and body["by"] == [0, 0, record.id]
    assert body["first_received"] == body["last_received"] == body["changed_at"] == record.received_at


def test_one_event_tells_what_a_submission_changed(intake, store, clock):
    first = submit(intake, objects(tests=[test_case("t1"), test_case("t2")])).submission
    second = submit(intake, objects(tests=[test_case("t1", status="PASS"), test_case("t2")])).submission
    told = [event.body["data"] for event in store.read("kcidb", 0, 10)]
    assert [(t["op"], t["submission"], t["origins"]) for t in told] == [
        ("merged", first.id, ["a"]), ("merged", second.id, ["a"]),
    ]  # fmt: skip
    assert [[(o["id"], o["is_new"]) for o in t["objects"]] for t in told] == [
        [("a:t1", True), ("a:t2", True)], [("a:t1", False)],
    ]  # fmt: skip
    assert told[1]["objects"][0]["digest"] == digest(test_case("t1", status="PASS"))
    assert second.results == {"new": 0, "changed": 2, "unchanged": 0, "conflicts": 0}


def test_the_same_again_changes_nothing_at_all(intake, store, clock):
    document = objects(tests=[test_case("t1", log_excerpt="x" * 1000)])
    first = submit(intake, document)
    stored = {name: store.find(name, scan()).docs for name in ("submission", "kcidb_test", "excerpt", "event")}
    again = submit(intake, document, clock.advance(hours=1))
    assert again.is_duplicate and again.submission == first.submission
    assert stored == {name: store.find(name, scan()).docs for name in stored}


def scan():
    from lib.store.port import Scan

    return Scan()


def test_an_object_listed_twice_is_merged_as_two(intake, store):
    record = submit(intake, objects(tests=[test_case("t1", status="PASS"), test_case("t1", status="FAIL")])).submission
    assert record.results == {"new": 1, "changed": 0, "unchanged": 0, "conflicts": 1}
    assert report(store, "tests", {"id": "a:t1"})["object"]["status"] == "FAIL"


def test_an_excerpt_is_stored_once_whoever_sends_it(intake, store):
    text = "panic\n" * 500
    submit(intake, objects(tests=[test_case("t1", log_excerpt=text), test_case("t2", log_excerpt=text)]))
    submit(intake, objects(tests=[test_case("t3", log_excerpt=text)]))
    (excerpt,) = store.find("excerpt", scan()).docs
    assert excerpt.body == {"text": text}
    assert report(store, "tests", {"id": "a:t3"})["object"]["log_excerpt"]["sha256"] == excerpt.key


def test_results_of_another_origin_are_refused_and_nothing_is_kept(intake, store):
    document = objects(tests=[test_case("t1"), {"id": "b:t1", "origin": "b", "build_id": "a:b1"}])
    with pytest.raises(Forbidden, match="tests b:t1: you may not submit results of the origin b"):
        submit(intake, document)
    assert store.find("submission", scan()).docs == store.find("kcidb_test", scan()).docs == []
    boss = Sender(Actor("1" * 24, "boss", is_superuser=True), "rest")
    assert submit(intake, document, sender=boss).submission.token is None


def test_a_repeat_by_one_who_may_not_tell_it_is_looked_at_again(intake):
    raw = json.dumps(objects(tests=[test_case("t1")])).encode()
    document = Document(raw, decode(raw, False).id, lambda is_partial: decode(raw, is_partial))
    intake.take(document, LAB, build.NOW)
    with pytest.raises(Forbidden):
        intake.take(document, Sender(Actor("2", "other"), "rest"), build.NOW)


def test_nobody_waives_the_test_of_another(intake):
    def waiver(test: str) -> dict[str, Any]:
        made = {"id": f"_:waived:1:{test}", "origin": "_", "issue_id": "_:waived", "issue_version": 1, "present": True}
        return objects(incidents=[{**made, "test_id": test}])

    assert submit(intake, waiver("a:t1")).submission.state == "merged"
    with pytest.raises(Forbidden, match="of the origin b"):
        submit(intake, waiver("b:t1"))


def test_what_upgrades_make_is_anybodys(intake):
    waived = {"id": "_:waived", "origin": "_", "version": 1, "comment": "Test waived as unreliable"}
    assert submit(intake, objects(issues=[waived])).submission.state == "merged"


@pytest.mark.parametrize(("name", "value"), [
    ("comment", "x" * FIELD_BYTES_MAX), ("environment", {"compatible": ["a,b"] * 10_000}),
])  # fmt: skip
def test_a_large_value_is_refused_with_its_name(intake, name, value):
    with pytest.raises(Malformed) as refused:
        submit(intake, objects(tests=[test_case("t1", comment="x" * 1000), test_case("t2", **{name: value})]))
    (problem,) = refused.value.problems
    assert (problem["object"], problem["rule"]) == ("a:t2", "size") and name in problem["msg"]


@pytest.fixture
def small_pieces(monkeypatch):
    monkeypatch.setattr("lib.domain.ingest.intake.PIECE_COPIES_NEAR", 3)


def test_a_large_submission_is_merged_piece_by_piece(intake, store, small_pieces):
    document = objects(tests=[test_case(f"t{n}") for n in range(10)])
    record = submit(intake, document).submission
    assert (record.state, record.done, record.results["new"]) == ("merged", 10, 10)
    assert [len(e.body["data"]["objects"]) for e in store.read("kcidb", 0, 10)] == [3, 3, 3, 1]
    assert submit(intake, document).is_duplicate


def test_a_long_text_is_kept_in_parts(intake, store, monkeypatch):
    monkeypatch.setattr("lib.domain.ingest.submission.INLINE_CHARS_MAX", 100)
    monkeypatch.setattr("lib.domain.ingest.submission.PART_CHARS", 50)
    document = objects(tests=[test_case(f"t{n}", comment=str(n) * 50) for n in range(20)])
    record = submit(intake, document).submission
    assert record.state == "merged" and len(store.find("submission_part", scan()).docs) > 3
    assert json.loads(intake.text(record.id)) == document


def test_two_spellings_of_one_submission_never_mix(intake, store, monkeypatch):
    monkeypatch.setattr("lib.domain.ingest.submission.INLINE_CHARS_MAX", 100)
    monkeypatch.setattr("lib.domain.ingest.submission.PART_CHARS", 50)
    document = objects(tests=[test_case(f"t{n}", comment=str(n) * 50) for n in range(20)])
    wide = json.dumps(document, indent=2).encode()
    text, parts = pack(wide)
    half = len(parts) // 2
    intake._write_parts({**text, "parts": half}, parts[:half])  # and then it was killed
    record = submit(intake, document).submission
    assert intake.text(record.id) == json.dumps(document).encode()


def test_one_that_was_merged_before_is_not_decoded_again(intake, clock):
    raw = json.dumps(objects(tests=[test_case("t1")])).encode()
    asked = []
    document = Document(raw, decode(raw, False).id, lambda is_partial: asked.append(1) or decode(raw, is_partial))
    assert not intake.take(document, LAB, clock()).is_duplicate
    assert intake.take(document, LAB, clock()).is_duplicate
    assert asked == [1]


@pytest.mark.parametrize("fault", [Unavailable("the store is away"), RuntimeError("a mistake of ours")])
def test_a_failure_behind_the_acceptance_is_no_refusal(intake, store, clock, small_pieces, monkeypatch, fault):
    document = objects(tests=[test_case(f"t{n}") for n in range(10)])
    whole, left = store.transact, [3]

    def transact(work):
        left[0] -= 1
        if left[0] < 0:
            raise fault
        return whole(work)

    monkeypatch.setattr(store, "transact", transact)
    receipt = submit(intake, document)
    assert (receipt.submission.state, receipt.is_duplicate) == ("pending", False)
    monkeypatch.undo()
    intake.sweep(clock.advance(minutes=2))
    assert intake.load(receipt.submission.id).state == "merged"


def test_what_cannot_be_gone_on_with_holds_up_nobody(intake, store, clock, monkeypatch):
    monkeypatch.setattr("lib.domain.ingest.intake.SWEEP_MAX", 2)
    record = {
        "state": "pending",
        "received_at": "2024-01-01T00:00:00.000000Z",
        "sender": "x",
        "via": "rest",
        "bytes": 1,
    }
    good = json.dumps(objects(tests=[test_case("t1")]))

    def fill(tx):
        for n in range(5):
            tx.create("submission", f"{n:064}", {**record, "packed": "no zlib"})
        later = {**record, "received_at": "2024-01-02T00:00:00.000000Z", "text": good, "piece": 10}
        tx.create("submission", "f" * 64, later)

    store.transact(fill)
    with pytest.raises(Exception, match=r"\S"):
        intake.sweep(clock())
    assert intake.load("f" * 64).state == "merged"


class Killed(BaseException):
    """The process ends here."""


def test_the_sweep_goes_on_where_a_killed_request_stood(intake, store, clock, small_pieces, monkeypatch):
    document = objects(tests=[test_case(f"t{n}") for n in range(10)])
    whole, left = store.transact, [3]

    def transact(work):
        if not left[0]:
            raise Killed
        left[0] -= 1
        return whole(work)

    monkeypatch.setattr(store, "transact", transact)
    with pytest.raises(Killed):
        submit(intake, document)
    left[0] = 100
    (doc,) = store.find("submission", scan()).docs
    assert (doc.body["state"], doc.body["done"]) == ("pending", 6)
    assert intake.sweep(clock()) == 0, "it may still be in good hands"
    assert intake.sweep(clock.advance(minutes=2)) == 1
    record = intake.load(doc.key)
    assert (record.state, record.done, record.results["new"]) == ("merged", 10, 10)
    assert report(store, "tests", {"id": "a:t9"})["first_received"] == record.received_at
    assert intake.sweep(clock.advance(minutes=2)) == 0


def test_what_can_never_be_merged_is_kept_with_its_reasons(intake, store, clock):
    raw = json.dumps(objects(tests=[test_case("t1", broken=1)])).encode()
    with pytest.raises(Malformed) as refused:
        decode(raw, False)
    failed = intake.fail("f" * 64, raw, refused.value, LAB, clock())
    assert (failed.state, failed.origins, failed.error_count) == ("failed", ["a"], 1)
    assert intake.fail("f" * 64, raw, refused.value, LAB, clock.advance(hours=1)) == failed
    assert intake.text(failed.id) == raw
    assert intake.find("a", "failed", 10, None)[0] == [failed]
    assert intake.find("b", "failed", 10, None)[0] == intake.find("a", "merged", 10, None)[0] == []


def test_what_would_change_is_foreseen_and_nothing_written(intake, store, clock):
    submit(intake, objects(tests=[test_case("t1", status="PASS", comment="slow")]))
    sent = decode(json.dumps(objects(tests=[test_case("t1", status="FAIL"), test_case("t2")])).encode(), False)
    before = store.generation()
    first, second = intake.foresee(sent, clock())
    assert first.fields == {"status": {"from": "PASS", "to": "FAIL"}} and not first.is_new
    assert second.is_new and second.fields["build_id"] == {"from": None, "to": "a:b1"}
    assert store.generation() == before


def test_one_and_true_are_two_values(intake, store, clock):
    submit(intake, objects(tests=[test_case("t1", misc={"a": 1})]))
    changed = objects(tests=[test_case("t1", misc={"a": True})])
    (foreseen,) = intake.foresee(decode(json.dumps(changed).encode(), False), clock())
    assert foreseen.fields["misc"]["to"]["a"] is True
    submit(intake, changed)
    _, second = (event.body["data"]["objects"] for event in store.read("kcidb", 0, 10))
    assert second[0]["digest"] == digest(test_case("t1", misc={"a": True}))


def test_one_that_goes_wrong_keeps_no_other_from_its_turn(intake, store, clock, small_pieces, monkeypatch):
    documents = [objects(tests=[test_case(f"{name}{n}") for n in range(5)]) for name in "ab"]
    merge = Intake._go_on
    monkeypatch.setattr(Intake, "_go_on", lambda self, record, sent, now: record)
    first, second = (submit(intake, document).submission for document in documents)

    def stumble(self, record, sent, now):
        if record.id == min(first.id, second.id):
            raise RuntimeError("a mistake of ours")
        return merge(self, record, sent, now)

    monkeypatch.setattr(Intake, "_go_on", stumble)
    with pytest.raises(RuntimeError):
        intake.sweep(clock.advance(minutes=2))
    assert [intake.load(id).state for id in sorted((first.id, second.id))] == ["pending", "merged"]
