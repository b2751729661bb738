"""No set of submissions that are taken makes a report that cannot be stored, nor a transaction that is too large."""

from __future__ import annotations

import pytest

from lib.domain.ingest.size import FIELD_BYTES_MAX, INDEXED_BYTES_MAX
from lib.domain.report.canonical import canonical
from lib.domain.report.join import LOST_BYTES_MAX
from schemas.kcidb.field import Flag, Free, List, Number, Struct
from schemas.kcidb.version import NEWEST, versions
from tests import build
from tests.properties import intakes
from tests.properties.intakes import Submission, intake_of, submit

COMMIT_BYTES_MAX = 10 * 1024 * 1024
"""What Firestore writes at once; a document that is replaced counts as well."""
VERSION = {"version": {"major": 5, "minor": 3}}


def filled(kind, letter, size):
    """An object of a kind, every field so long."""
    struct = versions()[NEWEST][kind]
    fields = {name: longest(name, field.type, letter, size) for name, field in struct.fields.items()}
    fields = {name: value for name, value in fields.items() if value is not None}
    return {**fields, "id": "a:x", "origin": "a"} | ({"version": 1} if kind == "issues" else {})


def longest(name, type_, letter, size):
    if isinstance(type_, Struct):
        parts = {
            n: longest(n, f.type, letter, size - (100 if name == "number" else 0)) for n, f in type_.fields.items()
        }
        return {n: v for n, v in parts.items() if v is not None}
    if isinstance(type_, List):
        item = longest(name, type_.of, letter, INDEXED_BYTES_MAX.get(f"environment.{name}", size) // 2 - 100)
        return [item]
    if isinstance(type_, Free):
        return {"x": letter * (size - 8)}
    if isinstance(type_, Flag):
        return None  # verdicts: the longest is to win
    if isinstance(type_, Number):
        return ord(letter)
    return text(name, type_, letter, size)


def text(name, type_, letter, size):
    if type_.values or type_.format == "date-time":
        return None
    start = "a@" if name == "message_id" else "https://x/" if type_.format == "uri" or name.endswith("url") else ""
    if name in ("build_id", "checkout_id", "issue_id", "test_id"):
        start = "a:"
    size = min(size - len(start) - 2, (type_.chars_max or size) - len(start))
    if type_.pattern and name in ("git_commit_hash", "patchset_hash"):
        size = {"git_commit_hash": 40, "patchset_hash": 64}[name]
    return start + letter * size


@pytest.mark.parametrize("kind", versions()[NEWEST])
def test_a_report_as_large_as_can_be(opened, kind):
    store = opened()()
    for letter, size in zip("abcde", [LOST_BYTES_MAX] * 3 + [FIELD_BYTES_MAX, 300], strict=True):
        submit(intake_of(store), Submission({**VERSION, kind: [filled(kind, letter, size)]}, build.NOW))
    (doc,) = intakes.docs(store, f"kcidb_{kind[:-1]}")
    assert len(doc.body["lost"]) > 4
    assert 2 * len(canonical(doc.body)) < COMMIT_BYTES_MAX - 500_000


def test_small_copies_of_large_reports(opened, monkeypatch):
    """What they change is more than one transaction writes: they are merged in several."""
    monkeypatch.setattr("lib.store.firestore.tx.BYTES_MAX", 100_000)
    store = opened()()
    some = [{"id": f"a:{n}", "origin": "a", "build_id": "a:b", "misc": {"x": "y" * 9000}} for n in range(30)]
    for one in some:
        submit(intake_of(store), Submission({**VERSION, "tests": [one]}, build.NOW))
    small = [{"id": one["id"], "origin": "a", "build_id": "a:b", "status": "PASS"} for one in some]
    record = submit(intake_of(store), Submission({**VERSION, "tests": small}, build.NOW)).submission
    assert (record.state, record.done, record.results["changed"]) == ("merged", 30, 30)
    assert all(doc.body["object"]["status"] == "PASS" for doc in intakes.docs(store, "kcidb_test"))
