"""The readiness follower: finds in the log which reports changed, and notifies the watches of what became ready
(kcidb.md 4.4).

It reads the channel `kcidb` from a stored position. Of each changed report it checks the report itself. If a purpose
looks upwards, it also checks the reports below, page by page. If a purpose looks downwards, it schedules a later check
of the checkout (`scheduled_check.py`). The position and the remaining pages are one small document, saved after each
step, so a killed run continues where it was. A repeated step has no visible effect (`notification.py`). Without
watches the follower reads nothing.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lib.domain.notify.notification import Finding, Notifications
from lib.domain.notify.reach import DESCENDANTS, Reach, reach_of
from lib.domain.notify.scheduled_check import ScheduledChecks
from lib.domain.notify.watch import ActiveWatch, Watches
from lib.domain.readiness.catalog import PurposeCatalog
from lib.domain.readiness.purpose import Catalog, is_judging, looks_below
from lib.domain.readiness.readiness import Readiness, Report, evaluate, verdict_of
from lib.domain.readiness.relatives import ArchiveRelatives, report_of
from lib.domain.report.archive import Archive
from lib.domain.report.link import CHILDREN
from lib.domain.report.report import COLLECTION, KINDS, Key
from lib.errors import BLAMELESS, FAULTS
from lib.store.collection import cut
from lib.store.port import Event, Scan, Store, Where

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 20
OBJECTS_AT_ONCE = 2000
"""Of so many reports, those of one more event included, one step looks through."""
CHILDREN_AT_ONCE = 200
"""Children of one object that one step looks at."""
STEPS_MAX = 200
"""Most steps of one run; the next one goes on."""
WAITING_MAX = 50_000
"""Most pages that may wait: those of more are not looked at, and the log says so."""


class ChangedReport(NamedTuple):
    """A report that changed, and whether it is new."""

    key: Key
    is_new: bool


class ChildPage(NamedTuple):
    """Children that are still to be looked at: those of an object, by the n-th entry of `CHILDREN`, behind a cursor;
    `targets` are the kinds that matter."""

    kind: str
    id: str
    entry: int
    after: str | None
    targets: Sequence[str]


@dataclass(slots=True)
class ReadinessFollower:
    """Evaluates what changed."""

    store: Store
    archive: Archive
    watches: Watches
    purposes: PurposeCatalog
    notifications: Notifications
    checks: ScheduledChecks = field(init=False)

    def __post_init__(self) -> None:
        self.checks = ScheduledChecks(self.store, self.archive, self.notifications)

    def run(self, now: datetime) -> int:
        """Evaluate what changed and the checks that are due; gives how many watches were notified."""
        standing = self.watches.standing(now)
        if not standing:
            return 0
        this = _Round(self, standing, self.purposes.catalog(now), now)
        told = 0
        for _ in range(STEPS_MAX):
            place = self.watches.log.load()
            if place is None:
                break
            pages, position = [ChildPage(*entry) for entry in place.body["waiting"]], None
            if pages:
                told += this.look_below(pages.pop(0), pages)
            elif events := self.watches.log.read(place, EVENTS_AT_ONCE):
                changes, position = _changes(events)
                told += this.look_at(changes, pages)
            else:
                break
            self.watches.log.advance(place, position, waiting=[list(page) for page in pages])
        return told + self.checks.keep(standing, this.catalog, now)


def _changes(events: Sequence[Event]) -> tuple[list[ChangedReport], int]:
    """The reports that the first of these events tell of, each once, parents first; and the position behind those.

    No more is believed of an event than that these reports should be looked at; what is no such event is passed over.
    """
    found: dict[Key, bool] = {}
    position = 0
    for event in events:
        data = event.body["data"]
        entries = data.get("objects") if isinstance(data, dict) else None
        for entry in entries if isinstance(entries, list) else ():
            if (key := _key_of(entry)) is not None:
                found[key] = found.get(key, False) or entry.get("is_new") is True
        position = event.seq
        if len(found) >= OBJECTS_AT_ONCE:
            break
    changes = [ChangedReport(key, is_new) for key, is_new in found.items()]
    return sorted(changes, key=lambda change: KINDS.index(change.key.kind)), position


def _key_of(entry: object) -> Key | None:
    """The key of an entry of an event; None for what is none."""
    if not isinstance(entry, dict) or entry.get("kind") not in KINDS or not isinstance(entry.get("id"), str):
        return None
    version = entry.get("version")
    is_right = type(version) is int if entry["kind"] == "issues" else version is None
    return Key(entry["kind"], entry["id"], version) if is_right else None


@dataclass(slots=True)
class _Round:
    """One run, with what it knows."""

    follower: ReadinessFollower
    standing: Sequence[ActiveWatch]
    catalog: Catalog
    now: datetime
    reach: Reach = field(init=False)
    seen: frozenset[Key] = frozenset()
    """The reports of the last step: one below another of them was evaluated with it."""

    def __post_init__(self) -> None:
        self.reach = reach_of(self.standing, self.catalog)

    def look_at(self, changes: Sequence[ChangedReport], pages: list[ChildPage]) -> int:
        """Look at reports that changed; adds the pages of what is below them."""
        kin = ArchiveRelatives(self.follower.archive)
        is_new = {change.key: change.is_new for change in changes}
        reports = kin.load(list(is_new))
        self.seen = frozenset(is_new)
        told = self._consider(reports, kin)
        for report in reports:
            targets = self.reach.down(report.kind, is_new[report.key])
            if targets:
                _add(pages, _pages_of(report.kind, report.fields["id"], targets))
        above = [r for r in reports if r.kind in self.reach.upwards]
        self.follower.checks.make_above(above, self.standing, self.catalog, kin, self.now)
        return told

    def look_below(self, page: ChildPage, pages: list[ChildPage]) -> int:
        """Look at one page of children; adds, before all others, what is below them, and then the next page."""
        child_kind, field_name = CHILDREN[page.kind][page.entry]
        scan = Scan((Where(field_name, "==", cut(page.id)),), "", CHILDREN_AT_ONCE, page.after)
        found = self.follower.store.find(COLLECTION[child_kind], scan)
        reports = [report_of(child_kind, doc.body) for doc in found.docs]
        reports = [report for report in reports if report.fields.get(field_name) == page.id]
        more = [] if found.next is None else [page._replace(after=found.next)]
        deeper = DESCENDANTS[child_kind].intersection(page.targets)
        inner = [p for report in reports for p in _pages_of(child_kind, report.fields["id"], deeper)] if deeper else []
        waiting = [*inner, *more, *pages]
        pages.clear()
        _add(pages, waiting)
        if child_kind not in page.targets:
            return 0
        unseen = [report for report in reports if report.key not in self.seen]
        return self._consider(unseen, ArchiveRelatives(self.follower.archive))

    def _consider(self, reports: Sequence[Report], kin: ArchiveRelatives) -> int:
        """Notify the watches of reports that are ready; schedule checks of those that only time keeps from it."""
        kin.prepare(reports)
        findings: list[Finding] = []
        known: dict[tuple[str, Key], Readiness] = {}
        for one in self.standing:
            for report in reports:
                if report.kind in one.purpose.needs:
                    findings += self._find_safely(one, report, kin, known)
        return self.follower.notifications.tell(findings, self.now)

    def _find_safely(
        self, one: ActiveWatch, report: Report, kin: ArchiveRelatives, known: dict[tuple[str, Key], Readiness]
    ) -> list[Finding]:
        """As `_find`; a failure of one report or watch is logged, and the others go on."""
        try:
            finding = self._find(one, report, kin, known)
        except BLAMELESS:
            raise
        except FAULTS:
            log.exception("watch %s: %s %s cannot be looked at", one.watch.id, report.kind, report.fields["id"])
            return []
        return [] if finding is None else [finding]

    def _find(
        self, one: ActiveWatch, report: Report, kin: ArchiveRelatives, known: dict[tuple[str, Key], Readiness]
    ) -> Finding | None:
        """What may be new about a report; `known` are the outcomes of this step by purpose and report."""
        purpose, key = one.purpose, report.key
        is_meant = one.watch.matches(report, kin)
        # Of one that is not ready, or not meant, something is said only if it was before: that its verdict is another.
        is_final = not is_judging(purpose, key.kind, self.catalog) or bool(looks_below(purpose, key.kind, self.catalog))
        if not is_meant and is_final:
            return None
        outcome = known.get((purpose.name, key))
        if outcome is None:
            outcome = known[purpose.name, key] = evaluate(purpose, report, kin, self.catalog, self.now)
        if is_meant and not outcome.is_ready and outcome.settles_at is not None:
            self.follower.checks.make(one.watch.id, key, outcome.settles_at)
        if not outcome.is_ready and is_final:
            return None
        return Finding(one.watch, report, is_meant, outcome, verdict_of(purpose, report, kin, self.catalog))


def _pages_of(kind: str, id: str, targets: frozenset[str]) -> list[ChildPage]:
    """The first pages of what is below an object, as far as it leads to the targets."""
    made = []
    for n, (child, _) in enumerate(CHILDREN[kind]):
        wanted = tuple(sorted(targets & ({child} | DESCENDANTS[child])))
        if wanted:
            made.append(ChildPage(kind, id, n, None, wanted))
    return made


def _add(pages: list[ChildPage], more: Sequence[ChildPage]) -> None:
    room = WAITING_MAX - len(pages)
    if len(more) > room:
        log.error(
            "readiness follower: %d pages of children are left out, more than %d wait", len(more) - room, WAITING_MAX
        )
    pages += more[:room]
