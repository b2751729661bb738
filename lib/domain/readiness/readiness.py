"""Readiness: whether an object is good enough for a purpose, and what is missing, field by field (kcidb.md 4.4). Pure:
what stands around the object is asked of `Kin`.

Every condition is looked at, so that a submitter hears at once of all that is missing, and the watchman when to look
again: `settles_at` is the instant at which time alone will have made the object ready, None when only a change can.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timedelta
from typing import Any, NamedTuple, Protocol

from lib.clock import stamp, unstamp
from lib.domain.query.operator import holds
from lib.domain.readiness.purpose import (
    ROUTES,
    SELF,
    VERDICT,
    Above,
    Also,
    Catalog,
    Condition,
    Either,
    OneOf,
    Purpose,
    Settled,
    Specified,
    is_judging,
    looks_below,
)
from lib.domain.report.link import LINKS
from lib.domain.report.path import value_at
from lib.domain.report.report import SINGULAR, Fields, Key, key_of

CHILDREN_MAX = 100_000
"""Most objects below one that are looked through. Past that only a finish time tells that it is complete."""
SHOWN_CHARS_MAX = 200


class Report(NamedTuple):
    """An object as the purposes see it: its view, and when its stored report last changed (canonical text)."""

    kind: str
    fields: Fields
    changed_at: str

    @property
    def key(self) -> Key:
        return key_of(self.kind, self.fields)


class Relatives(Protocol):
    """What stands around an object."""

    def parent(self, key: Key) -> Report | None:
        """The report of this key."""

    def children(self, kind: str, field: str, ids: Iterable[str]) -> Iterator[Report]:
        """The reports of a kind that name one of these ids in a field."""


class Missing(NamedTuple):
    """A condition that does not hold: of which field (`build.config_name`: of the object above), in words, and when
    time alone will have met it."""

    field: str
    what: str
    settles_at: str | None = None


class Readiness(NamedTuple):
    """`by_timeout`: ready because time passed, not because somebody said so."""

    missing: tuple[Missing, ...]
    by_timeout: bool = False

    @property
    def is_ready(self) -> bool:
        return not self.missing

    @property
    def settles_at(self) -> str | None:
        """When time alone will have made it ready (canonical text)."""
        instants = [m.settles_at for m in self.missing]
        return None if not instants or None in instants else max(i for i in instants if i is not None)


MET = Readiness(())


def evaluate(purpose: Purpose, report: Report, kin: Relatives, catalog: Catalog, now: datetime) -> Readiness:
    """Whether an object is ready for a purpose that speaks of its kind."""
    return _Look(kin, catalog, now).all(purpose, purpose.needs[report.kind], report, "")


class _Look:
    """One evaluation at one instant."""

    def __init__(self, kin: Relatives, catalog: Catalog, now: datetime) -> None:
        self._kin, self._catalog, self._now = kin, catalog, now

    def all(self, purpose: Purpose, needs: Iterable[Condition], report: Report, prefix: str) -> Readiness:
        """All of these; what is missing, each once. `prefix` begins the names of the fields."""
        met = [self._one(purpose, condition, report, prefix) for condition in needs]
        missing = dict.fromkeys(m for outcome in met for m in outcome.missing)
        return Readiness(tuple(missing), not missing and any(outcome.by_timeout for outcome in met))

    def _one(self, purpose: Purpose, condition: Condition, report: Report, prefix: str) -> Readiness:
        if isinstance(condition, Specified | OneOf):
            return _of_field(condition, report, prefix)
        if isinstance(condition, Either):
            return self._either(purpose, condition, report, prefix)
        if isinstance(condition, Above):
            return self._above(purpose, condition, report, prefix)
        if isinstance(condition, Also):
            other = self._catalog[condition.purpose]
            return self.all(other, other.needs[report.kind], report, prefix)
        assert purpose.settle is not None
        return self._settled(condition, report, prefix, purpose.settle)

    def _either(self, purpose: Purpose, condition: Either, report: Report, prefix: str) -> Readiness:
        missing: dict[Missing, None] = {}
        timed: Readiness | None = None
        for one in condition.of:
            outcome = self._one(purpose, one, report, prefix)
            if outcome.is_ready and not outcome.by_timeout:
                return MET
            timed = outcome if outcome.is_ready else timed
            missing |= dict.fromkeys(outcome.missing)
        return timed or Readiness((_one_of(list(missing)),))

    def _above(self, purpose: Purpose, condition: Above, report: Report, prefix: str) -> Readiness:
        found = climb(report, condition.kind, self._kin, prefix)
        if isinstance(found, Missing):
            return Readiness((found,))
        return self.all(purpose, condition.needs, found, f"{prefix}{SINGULAR[condition.kind]}.")

    def _settled(self, condition: Settled, report: Report, prefix: str, settle: timedelta) -> Readiness:
        quiet_since = stamp(self._now - settle)
        field = prefix + condition.below if condition.below != SELF else prefix.rstrip(".") or "changed_at"
        if report.changed_at > quiet_since:
            return Readiness((_restless(field, report.changed_at, settle),))
        if condition.below == SELF:
            return Readiness((), by_timeout=True)
        count = 0
        for child in _below(report, condition.below, self._kin):
            count += 1
            fault = _unsettled(child, condition.below, field, quiet_since, settle)
            if count > CHILDREN_MAX:
                fault = Missing(field, f"more than {CHILDREN_MAX} are known: only a finish time tells that it is all")
            if fault is not None:
                return Readiness((fault,))
        if not count:
            return Readiness((Missing(field, "no build of it is known yet"),))
        return Readiness((), by_timeout=True)


def _of_field(condition: Specified | OneOf, report: Report, prefix: str) -> Readiness:
    value = value_at(report.fields, condition.field)
    field = prefix + condition.field
    if isinstance(condition, Specified):
        return MET if value is not None else Readiness((Missing(field, "is not given"),))
    if holds("in", (value,), condition.values):
        return MET
    wanted = ", ".join(map(_shown, condition.values))
    if value is None:
        return Readiness((Missing(field, f"is not given; wanted: {wanted}"),))
    return Readiness((Missing(field, f"is {_shown(value)}; wanted: {wanted}"),))


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= SHOWN_CHARS_MAX else text[:SHOWN_CHARS_MAX] + "…"


def _one_of(missing: list[Missing]) -> Missing:
    """What is missing where one of several would do: time alone helps as soon as it helps any of them."""
    if len(missing) == 1:
        return missing[0]
    instants = [m.settles_at for m in missing if m.settles_at is not None]
    fields, words = " or ".join(dict.fromkeys(m.field for m in missing)), {m.what for m in missing}
    if words == {"is not given"}:
        return Missing(fields, "none of them is given")
    what = "; or ".join(f"{m.field}: {m.what}" for m in missing)
    return Missing(fields, f"one would do: {what}", min(instants, default=None))


def climb(report: Report, target: str, kin: Relatives, prefix: str = "") -> Report | Missing:
    """The object of a kind above this one, or what is missing on the way."""
    fault: Missing | None = None
    for route in ROUTES[report.kind, target]:
        at, where = report, prefix
        for step in route:
            found = _step(at, step, kin, where)
            if isinstance(found, Missing):
                # Of several ways, the one that the object names tells what is missing.
                is_named = LINKS[report.kind][route[0]] in report.fields
                fault = found if fault is None or is_named else fault
                break
            at, where = found, f"{where}{SINGULAR[step]}."
        else:
            return at
    assert fault is not None
    return fault


def _step(report: Report, kind: str, kin: Relatives, prefix: str) -> Report | Missing:
    field = LINKS[report.kind][kind]
    id = report.fields.get(field)
    if id is None:
        return Missing(prefix + field, "is not given")
    version = report.fields["issue_version"] if kind == "issues" else None
    parent = kin.parent(Key(kind, id, version))
    if parent is not None:
        return parent
    name = _shown(id) if version is None else f"{_shown(id)} of version {version}"
    return Missing(prefix + field, f"no {SINGULAR[kind]} {name} has come yet")


def _below(checkout: Report, kind: str, kin: Relatives) -> Iterator[Report]:
    """The builds of a checkout and, where those are asked for, their tests."""
    ids = []
    for build in kin.children("builds", "checkout_id", [checkout.fields["id"]]):
        yield build
        ids.append(build.fields["id"])
    if kind == "tests":
        yield from kin.children("tests", "build_id", ids)


def _unsettled(child: Report, kind: str, field: str, quiet_since: str, settle: timedelta) -> Missing | None:
    if child.kind == kind and child.fields.get(VERDICT[kind]) is None:
        return Missing(field, f"the {SINGULAR[kind]} {_shown(child.fields['id'])} has no {VERDICT[kind]} yet")
    return _restless(field, child.changed_at, settle) if child.changed_at > quiet_since else None


def _restless(field: str, changed_at: str, settle: timedelta) -> Missing:
    ends = stamp(unstamp(changed_at) + settle)
    return Missing(field, f"something changed at {changed_at}; settled at {ends} if nothing else does", ends)


def verdict_of(purpose: Purpose, report: Report, kin: Relatives, catalog: Catalog) -> Mapping[str, Any]:
    """How the object went, as far as the purpose asks: its verdict, and how many of each status are below it. Empty
    where the purpose does not depend on it."""
    field = VERDICT.get(report.kind)
    if field is None or not is_judging(purpose, report.kind, catalog):
        return {}
    verdict: dict[str, Any] = {field: report.fields.get(field)}
    wanted = looks_below(purpose, report.kind, catalog)
    if wanted:
        counts: Mapping[str, Counter[str]] = {kind: Counter() for kind in ("builds", "tests")}
        for child in _below(report, "tests" if "tests" in wanted else "builds", kin):
            counts[child.kind][child.fields.get("status") or "NULL"] += 1
        verdict |= {kind: dict(sorted(found.items())) for kind, found in counts.items() if found}
    return verdict
