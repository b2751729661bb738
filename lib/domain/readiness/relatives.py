"""Kin: what stands around reports in the archive, each parent read once, those of many reports at a time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from lib.domain.readiness.readiness import Report
from lib.domain.report.archive import Archive
from lib.domain.report.link import parents_of
from lib.domain.report.report import Key
from lib.store.port import Body

PARENTS_MAX = 20_000
"""Most parents remembered at a time."""


def report_of(kind: str, body: Body) -> Report:
    """A stored report as the purposes see it."""
    return Report(kind, body["object"], body["changed_at"])


class ArchiveRelatives:
    """The kin port of `readiness` over the archive. Made for one look, since it remembers what it read."""

    def __init__(self, archive: Archive) -> None:
        self._archive = archive
        self._known: dict[Key, Report | None] = {}

    def parent(self, key: Key) -> Report | None:
        if key not in self._known:
            self._load([key])
        return self._known[key]

    def children(self, kind: str, field: str, ids: Iterable[str]) -> Iterator[Report]:
        return (report_of(kind, doc.body) for doc in self._archive.children(kind, field, ids))

    def load(self, keys: Sequence[Key]) -> list[Report]:
        """Those of these reports that are there, as they are now."""
        self._load(keys)
        found = (self.parent(key) for key in keys)
        return [report for report in found if report is not None]

    def prepare(self, reports: Sequence[Report]) -> None:
        """Read what is above these reports, level by level, each level in one go."""
        while reports:
            keys = dict.fromkeys(key for report in reports for key in parents_of(report.kind, report.fields))
            self._load([key for key in keys if key not in self._known])
            reports = [found for key in keys if (found := self.parent(key)) is not None]

    def _load(self, keys: Sequence[Key]) -> None:
        if len(self._known) + len(keys) > PARENTS_MAX:
            self._known.clear()
        found = self._archive.load_many(keys)
        self._known.update((key, report_of(key.kind, found[key]) if key in found else None) for key in keys)
