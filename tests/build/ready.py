"""Objects that are ready for every purpose, to take things away from, and where they stand: a dict, or a store."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from copy import deepcopy
from datetime import datetime
from typing import Any

from lib.clock import stamp
from lib.domain.readiness.readiness import Report
from lib.domain.report.canonical import digest
from lib.domain.report.report import COLLECTION, Fields, Key, key_of
from lib.store.port import Store
from tests.build import NOW

CHECKOUT: Fields = {
    "id": "a:c1", "origin": "a", "tree_name": "mainline", "git_repository_url": "https://git.example/linux.git",
    "git_repository_branch": "master", "git_commit_hash": "1" * 40, "patchset_hash": "",
    "start_time": "2026-01-01T00:00:00.000000+00:00", "valid": True,
}  # fmt: skip
BUILD: Fields = {
    "id": "a:b1", "origin": "a", "checkout_id": "a:c1", "status": "FAIL", "architecture": "arm64",
    "config_name": "defconfig", "log_url": "https://logs.example/b1",
}  # fmt: skip
TEST: Fields = {
    "id": "a:t1", "origin": "a", "build_id": "a:b1", "status": "FAIL", "path": "ltp.sem01",
    "environment": {"compatible": ["raspberrypi,4"], "misc": {"platform": "rpi4"}}, "log_url": "https://logs.example/t1",
}  # fmt: skip
ISSUE: Fields = {"id": "a:i1", "version": 1, "origin": "a"}
INCIDENT: Fields = {
    "id": "a:n1", "origin": "a", "issue_id": "a:i1", "issue_version": 1, "test_id": "a:t1", "present": True,
}  # fmt: skip
FAMILY: Mapping[str, Fields] = {
    "checkouts": CHECKOUT, "builds": BUILD, "tests": TEST, "issues": ISSUE, "incidents": INCIDENT,
}  # fmt: skip
LONG_AGO = "2020-01-01T00:00:00.000000Z"


class Shelf:
    """The kin port over a dict."""

    def __init__(self, reports: Iterable[Report] = ()) -> None:
        self.reports = {report.key: report for report in reports}

    def put(self, kind: str, fields: Fields, changed_at: str = LONG_AGO) -> Report:
        report = Report(kind, fields, changed_at)
        self.reports[report.key] = report
        return report

    def parent(self, key: Key) -> Report | None:
        return self.reports.get(key)

    def children(self, kind: str, field: str, ids: Iterable[str]) -> Iterator[Report]:
        wanted = set(ids)
        return (r for r in self.reports.values() if r.kind == kind and r.fields.get(field) in wanted)


def family(changed_at: str = LONG_AGO) -> Shelf:
    """All five, each a copy of its own."""
    return Shelf(Report(kind, deepcopy(fields), changed_at) for kind, fields in FAMILY.items())


def without(fields: Fields, path: str) -> Fields:
    """A copy that has nothing at a path."""
    made = deepcopy(fields)
    *steps, last = path.split(".")
    inner: Any = made
    for step in steps:
        inner = inner.get(step, {})
    inner.pop(last, None)
    return made


def body_of(fields: Fields, changed_at: str = stamp(NOW)) -> dict[str, Any]:
    """The stored form of a report that one copy tells of."""
    return {
        "object": fields, "by": [0, 0, "s"], "first_received": changed_at, "last_received": changed_at,
        "changed_at": changed_at,
    }  # fmt: skip


def put(store: Store, kind: str, fields: Fields, changed_at: str = stamp(NOW)) -> Key:
    """Store a report as it is now."""
    key = key_of(kind, fields)

    def work(tx: Any) -> None:
        is_new = tx.load(COLLECTION[kind], key.store_key) is None
        (tx.create if is_new else tx.save)(COLLECTION[kind], key.store_key, body_of(fields, changed_at))

    store.transact(work)
    return key


class Merges:
    """Stores reports as the merge does, and tells of them in the log."""

    def __init__(self, store: Store, clock: Callable[[], datetime]) -> None:
        self._store, self._clock = store, clock
        self._told = 0

    def __call__(self, *objects: tuple[str, Fields]) -> None:
        """These, in one piece of a submission."""
        entries = []
        for kind, fields in objects:
            key = key_of(kind, fields)
            is_new = self._store.load(COLLECTION[kind], key.store_key) is None
            put(self._store, kind, fields, stamp(self._clock()))
            entry = {"kind": kind, "id": key.id, "key": key.store_key, "digest": digest(fields), "is_new": is_new}
            entries.append(entry if key.version is None else {**entry, "version": key.version})
        self.tell(entries)

    def tell(self, entries: list[dict[str, Any]]) -> None:
        """An event, as the merge writes it."""
        self._told += 1
        key, data = f"merged-{self._told}", {"op": "merged", "submission": "s", "objects": entries}
        body = {"data": data, "owner": None, "source": "here", "type": "org.kernelci.kcidb.merged.v1", "attributes": {}}
        self._store.transact(lambda tx: tx.append("kcidb", key, body))
