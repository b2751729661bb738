"""Telemetry: what services tell of jobs, labs and devices, kept for two weeks; statistics and anomalies of it
(kernelci.md 2.6 and 4.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lib.clock import stamp_milliseconds
from lib.domain.query.budget import Budget
from lib.domain.query.query import Filter, Query, plan
from lib.domain.query.search import Searcher
from lib.domain.query.source import Source, stream
from lib.errors import Invalid, TooCostly, TooLarge
from lib.ids import Ids
from lib.store import indexes
from lib.store.port import WRITES_MAX, Body, Doc, Store, Tx

EVENTS_AT_ONCE_MAX = WRITES_MAX
"""Most events of one request: they are written together or not at all."""
EVENTS_READ_MAX = 100_000
"""Most events that one statistic reads. More is refused, never cut."""
GROUPS_MAX = 10_000
"""Most groups of one statistic."""
SOURCE = Source("telemetry", docs_max=1000)
ADVICE = (
    "more than %d events would be read: ask for less time (since, until, window), or for one kind, runtime, "
    "device_type or job_name"
)

OUTCOMES = ("pass", "fail", "incomplete", "skip")
RESULT_KINDS = ("job_result", "test_result")
ERROR_KINDS = ("runtime_error", "job_skip")
Group = tuple[str | None, ...]


@dataclass(slots=True)
class GroupTally:
    """How a group of events turned out; `last` is the newest of them, `last_error` the newest that names an error."""

    total: int = 0
    outcomes: dict[str, int] = field(default_factory=lambda: dict.fromkeys(OUTCOMES, 0))
    infra_error: int = 0
    last: Body = field(default_factory=dict)
    last_error: Body = field(default_factory=dict)

    def add(self, event: Body) -> None:
        """Count one more event, later than those before it."""
        self.total += 1
        if event["result"] in self.outcomes:
            self.outcomes[event["result"]] += 1
        self.infra_error += event["is_infra_error"]
        self.last = event
        if event["error_type"] or event["error_msg"]:
            self.last_error = event

    @property
    def failed(self) -> int:
        return self.outcomes["fail"] + self.outcomes["incomplete"]

    @property
    def infra_rate(self) -> float:
        return self.infra_error / self.total

    @property
    def fail_rate(self) -> float:
        return self.failed / self.total


@dataclass(frozen=True, slots=True)
class Anomalies:
    """Where results fail too often, and which errors came too often; worst first."""

    results: Sequence[tuple[Group, GroupTally]]
    errors: Sequence[tuple[Group, GroupTally]]


@dataclass(slots=True)
class Telemetry:
    """Add, find, count, tally."""

    store: Store
    search: Searcher
    ids: Ids

    def add(self, events: Sequence[Mapping[str, Any]], now: datetime) -> int:
        """Keep events, all or none; one without a `ts` happened now. Gives how many."""
        if not events:
            raise Invalid("", "no events")
        if len(events) > EVENTS_AT_ONCE_MAX:
            raise TooLarge(f"at most {EVENTS_AT_ONCE_MAX} events at a time")
        bodies = [(self.ids.record(now), {**event, "ts": stamp_milliseconds(event["ts"] or now)}) for event in events]

        def work(tx: Tx) -> int:
            for key, body in bodies:
                tx.create("telemetry", key, body)
            return len(bodies)

        return self.store.transact(work)

    def find(self, query: Query) -> list[Doc]:
        """Events of a page, by the time they happened, oldest first."""
        return self.search.find("telemetry", query, "ts")

    def count(self, filters: tuple[Filter, ...]) -> int:
        """How many events meet the filters. Raises TooCostly when more than EVENTS_READ_MAX would have to be read."""
        split = plan(indexes.TELEMETRY, filters, "")
        if not split.residual:
            return self.store.count("telemetry", split.where)
        return sum(1 for _ in self._stream(filters))

    def tally(self, names: Sequence[str], filters: Sequence[Filter]) -> list[tuple[Group, GroupTally]]:
        """The events that meet the filters, by the values of these fields; the largest group first."""
        groups = _Groups(names)
        for event in self._stream(filters):
            groups.add(event)
        return sorted(groups.tallies.items(), key=lambda pair: (-pair[1].total, _sortable(pair[0])))

    def anomalies(self, since: datetime, threshold: float, min_total: int, *, by_device: bool) -> Anomalies:
        """What went wrong since then: groups of at least `min_total` events, results that failed (or were the
        infrastructure's fault) at a rate of at least `threshold`."""
        kinds = ("job_result",) if by_device else RESULT_KINDS
        recent = Filter("ts", "gte", stamp_milliseconds(since))
        results = _Groups(("runtime", "device_type", *(("device_id",) if by_device else ())))
        errors = _Groups(("runtime", "error_type"))
        for event in self._stream((recent, Filter("kind", "in", (*kinds, *ERROR_KINDS)))):
            if event["kind"] in ERROR_KINDS:
                errors.add(event)
            elif event["device_id"] or not by_device:
                results.add(event)
        failing = [pair for pair in results.of(min_total) if max(pair[1].infra_rate, pair[1].fail_rate) >= threshold]
        failing.sort(key=lambda pair: (-pair[1].infra_rate, -pair[1].fail_rate, _sortable(pair[0])))
        often = sorted(errors.of(min_total), key=lambda pair: (-pair[1].total, _sortable(pair[0])))
        return Anomalies(failing, often)

    def _stream(self, filters: Sequence[Filter]) -> Iterator[Body]:
        """The events that meet the filters, oldest first. Raises TooCostly past EVENTS_READ_MAX."""
        budget = Budget(EVENTS_READ_MAX, ADVICE)
        split = plan(indexes.TELEMETRY, filters, "ts")
        return (doc.body for doc in stream(self.store, SOURCE, split, "ts", budget))


class _Groups:
    """Events by the values of some fields, each counted into the tally of its group."""

    def __init__(self, names: Sequence[str]) -> None:
        self.tallies: dict[Group, GroupTally] = {}
        self._names = names

    def add(self, event: Body) -> None:
        """Count one more event, later than those before it. Raises TooCostly past GROUPS_MAX."""
        group = tuple(event[name] for name in self._names)
        tally = self.tallies.get(group)
        if tally is None:
            if len(self.tallies) >= GROUPS_MAX:
                raise TooCostly(f"more than {GROUPS_MAX} groups: group by less, or filter")
            tally = self.tallies[group] = GroupTally()
        tally.add(event)

    def of(self, min_total: int) -> list[tuple[Group, GroupTally]]:
        """The groups of at least so many events."""
        return [pair for pair in self.tallies.items() if pair[1].total >= min_total]


def _sortable(group: Group) -> tuple[str, ...]:
    return tuple(value or "" for value in group)
