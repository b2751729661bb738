"""Notifications: what a watch was sent about an object, and the event of it, as one write (kcidb.md 4.4).

A watch is notified once of an object that is ready, and once more of every verdict that is new after that: a
correction. The record under `fired_key` says what was sent. What it holds is not sent again, so all of this may run
twice and in parallel.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple

from lib.clock import stamp
from lib.domain.event.delivery import deliver
from lib.domain.event.due import in_parts
from lib.domain.event.event import READY_CHANNEL, News, body_of
from lib.domain.event.ledger import Ledger
from lib.domain.notify.sender import receiver_of
from lib.domain.notify.watch import Watch, fired_key
from lib.domain.readiness.readiness import Readiness, Report
from lib.domain.report.canonical import digest
from lib.domain.report.path import value_at
from lib.store.port import Body, Doc, Store, Tx

TYPE = "org.kernelci.kcidb.ready.v1"
FIRED_AT_ONCE = 100
"""Most notifications of one transaction: three or four writes each."""
VERDICTS_MAX = 20
"""Most verdicts of one object that a watch is notified of."""

SUMMARY: Mapping[str, tuple[str, ...]] = {
    "checkouts": (
        "origin", "tree_name", "git_repository_url", "git_repository_branch", "git_commit_hash", "git_commit_name",
        "patchset_hash", "start_time", "valid",
    ),
    "builds": ("origin", "checkout_id", "architecture", "config_name", "compiler", "start_time", "status", "log_url"),
    "tests": (
        "origin", "build_id", "path", "environment.misc.platform", "environment.compatible", "start_time", "status",
        "log_url",
    ),
    "issues": ("origin", "version", "report_url", "report_subject", "comment"),
    "incidents": ("origin", "issue_id", "issue_version", "build_id", "test_id", "present"),
}  # fmt: skip
"""What an event says of its object; the whole is one request away."""
VALUE_CHARS_MAX = 500
ITEMS_MAX = 10


class Finding(NamedTuple):
    """What was found of an object for a watch: whether its filter means it, whether it is ready, and its verdict as far
    as the purpose asks."""

    watch: Watch
    report: Report
    is_meant: bool
    outcome: Readiness
    verdict: Mapping[str, Any]

    @property
    def key(self) -> str:
        return fired_key(self.watch.id, self.report.key.store_key)


@dataclass(slots=True)
class Notifications:
    """Notifies watches, each once."""

    store: Store
    ledger: Ledger
    source: str

    def tell(self, findings: Sequence[Finding], now: datetime) -> int:
        """Notify of what is new; gives how many notifications were made."""
        told = 0
        for start in range(0, len(findings), FIRED_AT_ONCE):
            some = findings[start : start + FIRED_AT_ONCE]
            known = self.store.load_many("kcidb_fired", [f.key for f in some])
            fresh = [f for f, doc in zip(some, known, strict=True) if _is_news(f, doc)]
            told += in_parts(fresh, lambda some: self._write(some, now), _name)
        return told

    def _write(self, findings: Sequence[Finding], now: datetime) -> int:
        """Of these, record and append what is still new in the transaction."""

        def work(tx: Tx) -> tuple[int, list[News]]:
            known = tx.load_many("kcidb_fired", [f.key for f in findings])
            fresh = [(f, doc) for f, doc in zip(findings, known, strict=True) if _is_news(f, doc)]
            news = []
            for finding, doc in fresh:
                news.append(self._news(finding, is_correction=doc is not None, now=now))
                if doc is None:
                    tx.create("kcidb_fired", finding.key, _record(finding, now))
                else:
                    told = [*doc.body["told"], digest(finding.verdict)]
                    tx.save("kcidb_fired", finding.key, {**doc.body, "told": told})
                if finding.watch.action != "event":
                    deliver(tx, finding.watch.id, receiver_of(finding.watch), news[-1], now)
            return len(fresh), news

        return self.ledger.write(now, work)

    def _news(self, finding: Finding, *, is_correction: bool, now: datetime) -> News:
        """The event; its id is the same however often it is made."""
        id = finding.key
        if is_correction:
            id = hashlib.sha256(f"{id}\0{digest(finding.verdict)}".encode()).hexdigest()
        data = _data(finding, is_correction=is_correction)
        return News(READY_CHANNEL, id, body_of(data, owner=finding.watch.user, source=self.source, type=TYPE))


def _is_news(finding: Finding, known: Doc | None) -> bool:
    """Whether it is a first readiness or, after that, a verdict that was not sent yet."""
    if known is None:
        return finding.is_meant and finding.outcome.is_ready
    told = known.body["told"]
    return bool(finding.verdict) and len(told) < VERDICTS_MAX and digest(finding.verdict) not in told


def _name(finding: Finding) -> str:
    return f"watch {finding.watch.id}: {finding.report.kind} {finding.report.fields['id']}"


def _record(finding: Finding, now: datetime) -> Body:
    key = finding.report.key
    return {
        "watch": finding.watch.id, "purpose": finding.watch.purpose, "object": key.store_key, "kind": key.kind,
        "id": key.id, "version": key.version, "fired_at": stamp(now), "by_timeout": finding.outcome.by_timeout,
        "told": [digest(finding.verdict)],
    }  # fmt: skip


def _data(finding: Finding, *, is_correction: bool) -> dict[str, Any]:
    """What an event says."""
    report, key = finding.report, finding.report.key
    return {
        "op": "corrected" if is_correction else "ready",
        "watch": finding.watch.id,
        "purpose": finding.watch.purpose,
        "kind": key.kind,
        "id": key.id,
        **({} if key.version is None else {"version": key.version}),
        "is_ready": finding.outcome.is_ready,
        "by_timeout": finding.outcome.by_timeout,
        "verdict": dict(finding.verdict),
        "digest": digest(report.fields),
        "summary": {path: _short(v) for path in SUMMARY[key.kind] if (v := value_at(report.fields, path)) is not None},
    }


def _short(value: Any) -> Any:
    if isinstance(value, str):
        return value[:VALUE_CHARS_MAX]
    if isinstance(value, list):
        return [_short(item) for item in value[:ITEMS_MAX]]
    return value if isinstance(value, int | float | bool) else None
