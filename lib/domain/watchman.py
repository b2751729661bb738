"""The watchman: looks through the log of changed reports, and tells the watches what became ready (kcidb.md 4.4).

He reads the channel `kcidb` behind a stored position; of each report that changed he looks at itself, at what is below
it where a purpose looks upwards, page by page, and puts its checkout down to be looked at later where one looks
downwards (`appointment.py`). The position and the pages that are left are one small document, saved after each step, so
that a killed run goes on where it was; what it did twice shows nowhere (`firing.py`). While nobody watches he does not
even look.
"""

from __future__ import annotations

import logging
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lib.domain.agenda import Agenda
from lib.domain.appointment import Appointments
from lib.domain.archive import CHILDREN, Archive
from lib.domain.firing import Finding, Firing
from lib.domain.kin import ArchiveKin, report_of
from lib.domain.merger import CHANNEL
from lib.domain.purpose import Catalog, is_judging, looks_below
from lib.domain.reach import DESCENDANTS, Reach, reach_of
from lib.domain.readiness import Report, evaluate, verdict_of
from lib.domain.report import COLLECTION, KINDS, Key
from lib.domain.watch import CURSOR, Standing, Watches
from lib.store.indexes import cut
from lib.store.port import Doc, Event, Scan, Store, Tx, Where

log = logging.getLogger(__name__)

EVENTS_AT_ONCE = 20
CHILDREN_AT_ONCE = 200
"""Children of one object that one step looks at."""
STEPS_MAX = 200
"""Most steps of one run; the next one goes on."""
WAITING_MAX = 50_000
"""Most pages that may wait: those of more are not looked at, and the log says so."""


class Change(NamedTuple):
    """A report that changed, and whether it is new."""

    key: Key
    is_new: bool


class Page(NamedTuple):
    """Children that are still to be looked at: those of an object, by the n-th entry of `CHILDREN`, behind a cursor;
    `targets` are the kinds that matter."""

    kind: str
    id: str
    entry: int
    after: str | None
    targets: Sequence[str]


@dataclass(slots=True)
class Watchman:
    """Goes his round: `run`."""

    store: Store
    archive: Archive
    watches: Watches
    agenda: Agenda
    firing: Firing
    appointments: Appointments = field(init=False)

    def __post_init__(self) -> None:
        self.appointments = Appointments(self.store, self.archive, self.firing)

    def run(self, now: datetime) -> int:
        """Look through what changed, and keep the appointments that are due; gives how many watches were told."""
        standing = self.watches.standing(now)
        if not standing:
            return 0
        round = _Round(self, standing, self.agenda.catalog(now), now)
        told = 0
        for _ in range(STEPS_MAX):
            cursor = self.store.load("cursor", CURSOR)
            if cursor is None:
                break
            pages = [Page(*entry) for entry in cursor.body["waiting"]]
            if pages:
                told += round.look_below(pages.pop(0), pages)
                position = cursor.body["position"]
            else:
                events = self.store.read(CHANNEL, cursor.body["position"], EVENTS_AT_ONCE)
                if not events:
                    break
                told += round.look_at(_changes(events), pages)
                position = events[-1].seq
            self._save(cursor, position, pages)
        return told + self.appointments.keep(standing, round.catalog, now)

    def _save(self, seen: Doc, position: int, pages: Sequence[Page]) -> None:
        """Go on from here, unless another run has gone on meanwhile."""

        def work(tx: Tx) -> None:
            doc = tx.load("cursor", CURSOR)
            if doc is not None and doc.rev == seen.rev:
                tx.save("cursor", CURSOR, {"position": position, "waiting": [list(page) for page in pages]})

        self.store.transact(work)


def _changes(events: Iterable[Event]) -> list[Change]:
    """The reports that these events tell of, each once, parents first. What is no such event is passed over."""
    found: dict[Key, bool] = {}
    for event in events:
        data = event.body["data"]
        for entry in data.get("objects", ()) if isinstance(data, dict) else ():
            key = Key(entry["kind"], entry["id"], entry.get("version"))
            found[key] = found.get(key, False) or bool(entry.get("is_new"))
    return sorted((Change(key, is_new) for key, is_new in found.items()), key=lambda c: KINDS.index(c.key.kind))


@dataclass(slots=True)
class _Round:
    """One run, with what it knows."""

    man: Watchman
    standing: Sequence[Standing]
    catalog: Catalog
    now: datetime
    reach: Reach = field(init=False)
    seen: frozenset[Key] = frozenset()
    """What the last reports looked at were: whoever is below another one of them was looked at with it."""

    def __post_init__(self) -> None:
        self.reach = reach_of(self.standing, self.catalog)

    def look_at(self, changes: Sequence[Change], pages: list[Page]) -> int:
        """Look at reports that changed; adds the pages of what is below them."""
        kin = ArchiveKin(self.man.archive)
        is_new = {change.key: change.is_new for change in changes}
        reports = kin.load(list(is_new))
        self.seen = frozenset(is_new)
        told = self._consider(reports, kin, is_new)
        for report in reports:
            targets = self.reach.down(report.kind, is_new[report.key])
            if targets:
                _add(pages, _pages_of(report.kind, report.fields["id"], targets))
        above = [r for r in reports if r.kind in self.reach.upwards]
        self.man.appointments.make_above(above, self.standing, self.catalog, kin, self.now)
        return told

    def look_below(self, page: Page, pages: list[Page]) -> int:
        """Look at one page of children; adds, before all others, what is below them, and then the next page."""
        child_kind, field_name = CHILDREN[page.kind][page.entry]
        scan = Scan((Where(field_name, "==", cut(page.id)),), "", CHILDREN_AT_ONCE, page.after)
        found = self.man.store.find(COLLECTION[child_kind], scan)
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
        return self._consider(unseen, ArchiveKin(self.man.archive), {})

    def _consider(self, reports: Sequence[Report], kin: ArchiveKin, is_new: dict[Key, bool]) -> int:
        """Tell the watches of those that are ready; put down when to look again at those that only time keeps."""
        kin.prepare(reports)
        findings: list[Finding] = []
        for one in self.standing:
            for report in reports:
                if report.kind in one.purpose.needs:
                    finding = self._find(one, report, kin, is_new.get(report.key, False))
                    findings += [] if finding is None else [finding]
        return self.man.firing.tell(findings, self.now)

    def _find(self, one: Standing, report: Report, kin: ArchiveKin, is_new: bool) -> Finding | None:
        is_judged = is_judging(one.purpose, report.kind, self.catalog)
        counts_below = bool(looks_below(one.purpose, report.kind, self.catalog))
        # Nothing is to be said of one that is not ready, or not meant, unless something was said of it before.
        is_final = not is_judged or counts_below or is_new
        is_meant = one.watch.matches(report, kin)
        if not is_meant and is_final:
            return None
        outcome = evaluate(one.purpose, report, kin, self.catalog, self.now)
        if is_meant and not outcome.is_ready and outcome.settles_at is not None:
            self.man.appointments.make(one.watch.id, report.key, outcome.settles_at)
        if not outcome.is_ready and is_final:
            return None
        return Finding(one.watch, report, is_meant, outcome, verdict_of(one.purpose, report, kin, self.catalog))


def _pages_of(kind: str, id: str, targets: frozenset[str]) -> list[Page]:
    """The first pages of what is below an object, as far as it leads to the targets."""
    made = []
    for n, (child, _) in enumerate(CHILDREN[kind]):
        wanted = tuple(sorted(targets & ({child} | DESCENDANTS[child])))
        if wanted:
            made.append(Page(kind, id, n, None, wanted))
    return made


def _add(pages: list[Page], more: Sequence[Page]) -> None:
    room = WAITING_MAX - len(pages)
    if len(more) > room:
        log.error("watchman: %d pages of children are left out, more than %d wait", len(more) - room, WAITING_MAX)
    pages += more[:room]
