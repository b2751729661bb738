"""Scheduled checks: objects to be evaluated again once time has passed, one document for a watch and an object
(kcidb.md 4.4).

An object that only time keeps from being ready has one, and so has a checkout below which something changed: it is
evaluated once all is quiet, not with every test that arrives. Each is claimed before it is done. One that is made anew
meanwhile stays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.clock import stamp
from lib.domain.event.due import claim, due, held, work_off
from lib.domain.notify.notification import Finding, Notifications
from lib.domain.notify.watch import ActiveWatch, fired_key
from lib.domain.readiness.purpose import Catalog, looks_below, settle_of
from lib.domain.readiness.readiness import Missing, Report, climb, evaluate, verdict_of
from lib.domain.readiness.relatives import ArchiveRelatives
from lib.domain.report.archive import Archive
from lib.domain.report.report import Key
from lib.store.port import Body, Doc, Store, Tx

KEPT_MAX = 500
"""Most scheduled checks of one run; the next run continues."""
READ_MAX = 100
MADE_AT_ONCE = 100
LEASE = timedelta(minutes=5)
"""How long it may take to read through a checkout before another run tries."""
RETRY = timedelta(seconds=10)
"""When one is looked at again whose watch is there, and not known yet."""


@dataclass(slots=True)
class ScheduledChecks:
    """Makes and does scheduled checks."""

    store: Store
    archive: Archive
    notifications: Notifications

    def make(self, watch_id: str, key: Key, due_at: str) -> None:
        """Schedule a check of an object, unless an earlier one is scheduled."""
        self._make([(watch_id, key, due_at)])

    def make_above(
        self,
        reports: Sequence[Report],
        standing: Sequence[ActiveWatch],
        catalog: Catalog,
        kin: ArchiveRelatives,
        now: datetime,
    ) -> None:
        """Have the checkouts above these be looked at, for the watches that ask what is below them, once the shortest
        of their settle times has passed."""
        wanted: dict[tuple[str, Key], str] = {}
        above = {r.key: r for report in reports if not isinstance(r := climb(report, "checkouts", kin), Missing)}
        for one in standing:
            settle = settle_of(one.purpose, "checkouts", catalog)
            if settle is None or not looks_below(one.purpose, "checkouts", catalog):
                continue
            for key, checkout in above.items():
                if one.watch.matches(checkout, kin):
                    wanted[one.watch.id, key] = stamp(now + settle)
        made = [(watch_id, key, due_at) for (watch_id, key), due_at in wanted.items()]
        for start in range(0, len(made), MADE_AT_ONCE):
            self._make(made[start : start + MADE_AT_ONCE])

    def _make(self, entries: Sequence[tuple[str, Key, str]]) -> None:
        keys = [fired_key(watch_id, key.store_key) for watch_id, key, _ in entries]
        known = self.store.load_many("kcidb_due", keys)
        pairs = zip(known, entries, strict=True)
        if all(doc is not None and not _is_to_change(doc, due_at) for doc, (*_, due_at) in pairs):
            return

        def work(tx: Tx) -> None:
            docs = tx.load_many("kcidb_due", keys)
            for key, (watch_id, object, due_at), doc in zip(keys, entries, docs, strict=True):
                if doc is None or _is_to_change(doc, due_at):
                    (tx.create if doc is None else tx.save)("kcidb_due", key, _body(watch_id, object, due_at))

        self.store.transact(work)

    def keep(self, standing: Sequence[ActiveWatch], catalog: Catalog, now: datetime) -> int:
        """Do the checks that are due; gives how many watches were notified."""
        by_id = {one.watch.id: one for one in standing}
        return work_off(
            self.store, "kcidb_due", due(now, READ_MAX), lambda doc: self._keep(doc.key, by_id, catalog, now),
            pages_max=KEPT_MAX // READ_MAX,
        )  # fmt: skip

    def _keep(self, key: str, standing: Mapping[str, ActiveWatch], catalog: Catalog, now: datetime) -> int:
        told = 0
        for claimed in claim(self.store, "kcidb_due", [key], now, LEASE, _mark):
            told, again_at = self._check(claimed.body, standing, catalog, now)
            self._end(claimed, again_at)
        return told

    def _check(
        self, body: Body, standing: Mapping[str, ActiveWatch], catalog: Catalog, now: datetime
    ) -> tuple[int, str | None]:
        """Evaluate the object of a check; gives how many watches were notified, and when to check again, if at all."""
        one = standing.get(body["watch"])
        if one is None:
            # Perhaps another process made the watch just now. Then a later run, which knows it, does the check.
            is_stored = self.store.load("kcidb_watch", body["watch"]) is not None
            return 0, stamp(now + RETRY) if is_stored else None
        kin = ArchiveRelatives(self.archive)
        found = kin.load([Key(body["kind"], body["id"], body["version"])])
        if not found or body["kind"] not in one.purpose.needs:
            return 0, None
        (report,) = found
        outcome, told = evaluate(one.purpose, report, kin, catalog, now), 0
        if outcome.is_ready:
            verdict = verdict_of(one.purpose, report, kin, catalog)
            is_meant = one.watch.matches(report, kin)
            told = self.notifications.tell([Finding(one.watch, report, is_meant, outcome, verdict)], now)
        return told, outcome.settles_at

    def _end(self, claimed: Doc, again_at: str | None) -> None:
        """Drop a check or put it off. One that was made anew meanwhile stays as it is."""

        def work(tx: Tx) -> None:
            for doc in held(tx, "kcidb_due", [claimed]):
                if again_at is None:
                    tx.drop("kcidb_due", doc.key)
                else:
                    tx.save("kcidb_due", doc.key, {**doc.body, "due_at": again_at, "is_claimed": False})

        self.store.transact(work)


def _body(watch_id: str, key: Key, due_at: str) -> Body:
    return {
        "watch": watch_id, "kind": key.kind, "id": key.id, "version": key.version, "due_at": due_at,
        "is_claimed": False,
    }  # fmt: skip


def _mark(body: Body) -> Body:
    """What a claim changes: a check that is made meanwhile replaces one that is claimed."""
    return {"is_claimed": True}


def _is_to_change(doc: Doc, due_at: str) -> bool:
    """Whether the object is being checked right now, perhaps without what is new, or would be checked too late."""
    return bool(doc.body["is_claimed"]) or due_at < doc.body["due_at"]
