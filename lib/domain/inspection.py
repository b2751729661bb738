"""Inspection: what one object is ready for, what it lacks for the rest, and what was told of it (kcidb.md 4.4)."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lib.domain.agenda import Agenda
from lib.domain.archive import Archive
from lib.domain.kin import ArchiveKin, report_of
from lib.domain.purpose import Purpose
from lib.domain.readiness import Outcome, Report, evaluate
from lib.domain.report import SINGULAR, Key
from lib.errors import NotFound
from lib.store.indexes import cut
from lib.store.port import Scan, Store, Where

FIRED_MAX = 1000
"""Most tellings of one object that are looked through for the first of each purpose."""


class Line(NamedTuple):
    """One purpose, how far the object is, and when the first watch was told of it (canonical text)."""

    purpose: Purpose
    outcome: Outcome
    fired_at: str | None


class Inspection(NamedTuple):
    """An object's readiness for each purpose that speaks of its kind."""

    key: Key
    lines: list[Line]


@dataclass(slots=True)
class Inspector:
    """Looks at one object as it is now."""

    store: Store
    archive: Archive
    agenda: Agenda

    def inspect(self, kind: str, id: str, version: int | None, now: datetime) -> Inspection:
        """Look at an object; of an issue without a version, at its newest. Raises NotFound."""
        report = self._find(kind, id, version)
        if report is None:
            raise NotFound(SINGULAR[kind], id)
        catalog, kin = self.agenda.catalog(now), ArchiveKin(self.archive)
        fired = self._fired(report.key)
        purposes = [purpose for purpose in catalog.values() if kind in purpose.needs]
        return Inspection(
            report.key, [Line(p, evaluate(p, report, kin, catalog, now), fired.get(p.name)) for p in purposes]
        )

    def _find(self, kind: str, id: str, version: int | None) -> Report | None:
        if kind == "issues" and version is None:
            docs = self.archive.find("issues", (Where("issue_id", "==", cut(id)),))
            found = [report_of(kind, doc.body) for doc in docs if doc.body["object"]["id"] == id]
            return max(found, key=lambda report: report.fields["version"], default=None)
        body = self.archive.load(Key(kind, id, version if kind == "issues" else None))
        return None if body is None else report_of(kind, body)

    def _fired(self, key: Key) -> dict[str, str]:
        """When the first watch of each purpose was told of the object."""
        docs = self.store.find("kcidb_fired", Scan((Where("object", "==", key.store_key),), limit=FIRED_MAX)).docs
        found: dict[str, str] = {}
        for doc in docs:
            purpose, at = doc.body["purpose"], doc.body["fired_at"]
            found[purpose] = min(at, found.get(purpose, at))
        return found
