"""Inspection: what one object is ready for, what it lacks for the rest, and what was told of it (kcidb.md 4.4)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import NamedTuple

from lib.domain.query.budget import Budget
from lib.domain.readiness.catalog import PurposeCatalog
from lib.domain.readiness.purpose import Catalog, Purpose
from lib.domain.readiness.readiness import Missing, Readiness, Report, evaluate
from lib.domain.readiness.relatives import ArchiveRelatives, report_of
from lib.domain.report.archive import Archive
from lib.domain.report.report import SINGULAR, Key
from lib.errors import NotFound, TooCostly
from lib.store.port import Scan, Store, Where

FIRED_MAX = 1000
"""Most tellings of one object that are looked through for the first of each purpose."""

ADVICE = "more than %d objects are below, too many to look through for one answer"


class PurposeReadiness(NamedTuple):
    """One purpose, how far the object is, and when the first watch was told of it (canonical text)."""

    purpose: Purpose
    outcome: Readiness
    fired_at: str | None


class Inspection(NamedTuple):
    """An object's readiness for each purpose that speaks of its kind."""

    key: Key
    lines: list[PurposeReadiness]


class _Kin(ArchiveRelatives):
    """Reads what is below an object once for all purposes, as far as they look, and no more than so much in all."""

    def __init__(self, archive: Archive, docs_max: int) -> None:
        super().__init__(archive)
        self._budget, self.last_kind = Budget(docs_max, ADVICE), ""
        self._below: dict[tuple[str, tuple[str, ...]], tuple[list[Report | None], Iterator[Report]]] = {}

    def children(self, kind: str, field: str, ids: Iterable[str]) -> Iterator[Report]:
        wanted = kind, tuple(ids)
        if wanted not in self._below:
            self._below[wanted] = [], super().children(kind, field, wanted[1])
        known, rest = self._below[wanted]
        for n in count():
            if n == len(known):
                self.last_kind = kind
                self._budget.spend()
                # The last entry is None, once it is known to be the last.
                known.append(next(rest, None))
            report = known[n]
            if report is None:
                return
            yield report


@dataclass(slots=True)
class Inspector:
    """Looks at one object as it is now. Anybody may ask, so it reads at most `docs_max` objects below that one: a
    watch, whose cost is its owner's, looks further (`CHILDREN_MAX`)."""

    store: Store
    archive: Archive
    purposes: PurposeCatalog
    docs_max: int

    def inspect(self, kind: str, id: str, version: int | None, now: datetime) -> Inspection:
        """Look at an object; of an issue without a version, at its newest. Raises NotFound."""
        report = self._find(kind, id, version)
        if report is None:
            raise NotFound(SINGULAR[kind], id)
        catalog, kin = self.purposes.catalog(now), _Kin(self.archive, self.docs_max)
        fired = self._fired(report.key)
        purposes = [purpose for purpose in catalog.values() if kind in purpose.needs]
        outcomes = [self._evaluate(p, report, kin, catalog, now) for p in purposes]
        return Inspection(
            report.key, [PurposeReadiness(p, o, fired.get(p.name)) for p, o in zip(purposes, outcomes, strict=True)]
        )

    def _evaluate(self, purpose: Purpose, report: Report, kin: _Kin, catalog: Catalog, now: datetime) -> Readiness:
        try:
            return evaluate(purpose, report, kin, catalog, now)
        except TooCostly as error:
            return Readiness((Missing(kin.last_kind, str(error)),))

    def _find(self, kind: str, id: str, version: int | None) -> Report | None:
        if kind == "issues" and version is None:
            body = self.archive.newest(id)
        else:
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
