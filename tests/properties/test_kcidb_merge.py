"""Over every store: the merged state is a function of the set of submissions (kcidb.md 2.8), whatever happens."""

from __future__ import annotations

import itertools
import json
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.dialects.kcidb.codec import decode, read
from lib.dialects.kcidb.codec import opened as opened_text
from lib.domain.report.canonical import canonical
from lib.domain.report.report import KINDS
from tests import build
from tests.properties import intakes
from tests.properties.intakes import (
    LATER,
    SENDER,
    STORES,
    Submission,
    intake_of,
    is_killed,
    killed_at,
    submissions,
    submit,
)
from tests.properties.turns import interleave

quick = settings(max_examples=25, suppress_health_check=list(HealthCheck))
deep = settings(quick, max_examples=400)


@pytest.fixture(autouse=True)
def pieces(monkeypatch):
    """Two copies a transaction, so that most submissions take several; long texts in parts."""
    monkeypatch.setattr("lib.domain.ingest.intake.PIECE_COPIES_NEAR", 2)
    monkeypatch.setattr("lib.domain.ingest.intake.PIECE_COPIES_FAR", 2)


def check_whatever_happens(opened, data):
    some = data.draw(submissions())
    open_store = opened()
    store, arrived = open_store(), set()
    turns = st.tuples(st.sampled_from(range(len(some))), st.integers(1, 9), st.booleans(), st.booleans())
    for n, commits, is_committed, is_swept in data.draw(st.lists(turns, max_size=8)):
        # Most are killed on the way; each time another process takes it up, then or later.
        doomed = killed_at(open_store(), commits, is_committed=is_committed)
        now = some[n].at + (LATER if n in arrived else LATER * 0)
        is_killed(lambda n=n, now=now, doomed=doomed: submit(intake_of(doomed), some[n], now))
        if intake_of(store).load(some[n].sent.id) is not None:
            arrived.add(n)
        if is_swept:
            intake_of(open_store()).sweep(some[n].at + LATER)
    for n, submission in enumerate(some):
        if n not in arrived:
            submit(intake_of(store), submission)
    intake_of(store).sweep(some[0].at + LATER * 2)
    assert intakes.state(store) == intakes.expected(some)
    assert intakes.last_told(store) == intakes.views_told(store)
    assert {doc.body["state"] for doc in intakes.docs(store, "submission")} == {"merged"}


@quick
@given(st.data())
def test_whatever_happens(opened, data):
    """(2, 3) any order, any duplication, killed at any commit, swept at any time."""
    check_whatever_happens(opened, data)


@pytest.mark.full
@pytest.mark.timeout(1200)
@deep
@given(st.data())
def test_whatever_happens_in_depth(opened, data):
    check_whatever_happens(opened, data)


PASSED = {"id": "a:x", "origin": "a", "build_id": "a:b1", "status": "PASS", "log_excerpt": "x" * 300}
FAILED = {**PASSED, "status": "FAIL", "comment": "flaky", "log_excerpt": "y" * 300}
TESTS = {
    "version": {"major": 5, "minor": 3},
    "checkouts": [{"id": "a:c1", "origin": "a", "comment": "x" * 500}],
    "tests": [PASSED, FAILED, {**PASSED, "id": "a:y"}, {**FAILED, "id": "a:z"}],
}
RETRY = {
    "version": {"major": 5, "minor": 3},
    "builds": [{"id": "a:b1", "origin": "a", "checkout_id": "a:c1", "status": "PASS"}],
    "tests": [{**PASSED, "id": "a:z", "misc": {"n": 1}}, {**FAILED, "id": "a:y", "misc": {"n": 2, "m": 1}}],
}
BOTH = [Submission(TESTS, build.NOW), Submission(RETRY, build.NOW - timedelta(hours=1))]
COMMITS_MAX = 20
"""More than anything below takes."""


@pytest.fixture
def parts(monkeypatch):
    monkeypatch.setattr("lib.domain.ingest.submission.INLINE_CHARS_MAX", 100)
    monkeypatch.setattr("lib.domain.ingest.submission.PART_CHARS", 100)


@pytest.mark.parametrize("is_committed", [True, False])
def test_killed_at_any_commit_and_swept(opened, parts, is_committed):
    """(3) whoever is killed just after a commit, or just before it, is replaced by whoever runs next."""
    for commits in range(1, COMMITS_MAX):
        open_store = opened()
        store = open_store()
        submit(intake_of(store), BOTH[1])
        doomed = killed_at(open_store(), commits, is_committed=is_committed)
        was_killed = is_killed(lambda doomed=doomed: submit(intake_of(doomed), BOTH[0]))
        doomed = killed_at(open_store(), commits, is_committed=is_committed)
        was_killed |= is_killed(lambda doomed=doomed: intake_of(doomed).sweep(build.NOW + LATER))
        intake_of(open_store()).sweep(build.NOW + LATER)
        submit(intake_of(open_store()), BOTH[0])
        assert intakes.state(store) == intakes.expected(BOTH)
        assert intakes.last_told(store) == intakes.views_told(store)
        if not was_killed:
            break
    assert 3 < commits < COMMITS_MAX - 1


def left_pending(opened):
    """A hub in which both submissions were accepted, and nothing of them merged."""
    open_store = opened()
    for submission in BOTH:
        doomed = killed_at(open_store(), 1)
        assert is_killed(lambda doomed=doomed, submission=submission: submit(intake_of(doomed), submission))
    return open_store


def check_two_sweeps(opened, schedule, calls):
    open_store = left_pending(opened)
    interleave(
        [lambda store: intake_of(store).sweep(build.NOW + LATER)] * 2, [open_store(), open_store()], schedule, calls
    )
    store = open_store()
    assert intakes.state(store) == intakes.expected(BOTH)
    assert intakes.last_told(store) == intakes.views_told(store)
    assert [doc.body["state"] for doc in intakes.docs(store, "submission")] == ["merged"] * 2
    assert [doc.body["done"] for doc in intakes.docs(store, "submission")] in ([5, 3], [3, 5])


@pytest.mark.parametrize("schedule", list(itertools.product([0, 1], repeat=5)))
def test_two_sweeps_that_take_turns_at_every_commit(opened, schedule):
    """(4)"""
    check_two_sweeps(opened, schedule, ("transact",))


@quick
@given(st.lists(st.integers(0, 1), max_size=30))
def test_two_sweeps_that_take_turns_at_every_call(opened, schedule):
    """(4)"""
    check_two_sweeps(opened, schedule, ("transact", "find", "load", "load_many"))


@quick
@given(submissions())
def test_what_is_exported_may_be_sent_again(opened, some):
    """(8) no value changes by it, and an empty hub shows the same."""
    store, other = opened()(), opened()()
    for submission in some:
        submit(intake_of(store), submission)
    before, exported = intakes.values(store), intakes.export(store)
    again = Submission(exported, build.NOW + LATER)
    submit(intake_of(store), again)
    assert intakes.values(store) == before
    submit(intake_of(other), again)
    assert canonical(intakes.export(other)) == canonical(intakes.export(store)) == canonical(exported)


@quick
@given(submissions())
def test_how_results_are_packed_is_provenance_alone(opened, some):
    """(9) an object a submission, or all in one."""
    whole, single, joined = opened()(), opened()(), opened()()
    lists = {kind: [one for s in some for one in s.document.get(kind, ())] for kind in KINDS}
    for submission in some:
        submit(intake_of(whole), submission)
    for kind, objects in lists.items():
        for one in objects:
            submit(intake_of(single), Submission({**VERSION, kind: [one]}, build.NOW))
    submit(intake_of(joined), Submission({**VERSION, **lists}, build.NOW))
    assert intakes.values(whole) == intakes.values(single) == intakes.values(joined)


VERSION = {"version": {"major": 5, "minor": 3}}


@quick
@given(st.data())
def test_a_repeat_changes_nothing_at_all(opened, data):
    """(14) no time, no rev, no event; by the same bytes or by the same JSON."""
    some = data.draw(submissions())
    store = opened()()
    for submission in some:
        submit(intake_of(store), submission)
    before = intakes.everything(store)
    for submission in data.draw(st.permutations(some)):
        for raw in (submission.raw, respelt(submission.document)):
            sent = decode(read(raw))
            assert intake_of(store).submit(sent, raw, SENDER, build.NOW + LATER).is_duplicate
            assert intake_of(store).take(opened_text(raw), SENDER, build.NOW + LATER).is_duplicate
    intake_of(store).sweep(build.NOW + LATER * 2)
    assert intakes.everything(store) == before


def respelt(document):
    """The same JSON in other bytes."""
    turned = {name: document[name] for name in reversed(document)}
    return b"\n" + json.dumps(turned, indent=2, ensure_ascii=True).encode() + b" "


@quick
@given(submissions())
def test_a_relabelled_minor_changes_only_the_id(opened, some):
    """(16) what is valid in a minor is the same in a later one."""
    store, relabelled = opened()(), opened()()
    for submission in some:
        submit(intake_of(store), submission)
        older = {**submission.document, "version": {"major": 5, "minor": minor_of(submission.document)}}
        submit(intake_of(relabelled), Submission(older, submission.at))
    assert intakes.values(store) == intakes.values(relabelled)


def minor_of(document):
    """The first minor of 5 that has all the fields of a document."""
    names = {name for kind in KINDS for one in document.get(kind, ()) for name in one}
    test_names = {name for one in document.get("tests", ()) for name in one}
    if "input_files" in test_names:
        return 3
    if "categories" in names:
        return 2
    return 1 if any(name.startswith("origin_") for name in names) else 0


@quick
@given(submissions())
def test_all_stores_give_the_same(some):
    """(18) the same submissions: the same documents, the same export, the same news."""
    stores = [open_hub()() for open_hub in STORES.values()]
    for store, submission in itertools.product(stores, some):
        submit(intake_of(store), submission)
    found = [(intakes.everything(store), canonical(intakes.export(store))) for store in stores]
    for store in stores:
        store.close()
    # The log of each store has its own numbers.
    for stored, _ in found:
        stored["event"] = [(event[3], event[4]["data"]) for event in stored["event"]]
    assert all(one == found[0] for one in found)
