"""Purposes: what an object must be good enough for, as named lists of conditions (kcidb.md 4.4). Pure data.

`readiness.py` evaluates them, `form.py` reads and writes them as JSON. A condition speaks of the object itself,
of one above it, or of all below it; all of a list must hold.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import NamedTuple

from lib.domain.report.order import VERDICTS

VERDICT: Mapping[str, str] = {kind: field for kind, (field, _) in VERDICTS.items() if field}
"""The field of a kind that says how it went."""

ROUTES: Mapping[tuple[str, str], tuple[tuple[str, ...], ...]] = {
    ("builds", "checkouts"): (("checkouts",),),
    ("tests", "builds"): (("builds",),),
    ("tests", "checkouts"): (("builds", "checkouts"),),
    ("incidents", "issues"): (("issues",),),
    ("incidents", "tests"): (("tests",),),
    ("incidents", "builds"): (("builds",), ("tests", "builds")),
    ("incidents", "checkouts"): (("builds", "checkouts"), ("tests", "builds", "checkouts")),
}
"""The ways up from a kind to another; of several the first that the object names."""

BELOW: Mapping[str, tuple[str, ...]] = {"checkouts": ("builds", "tests")}
"""Of which kinds one may ask that all below are settled."""
SELF = "self"


@dataclass(frozen=True, slots=True)
class Specified:
    """A field is given, whatever it says: true for good once it is (kcidb.md 2.8, property 11)."""

    field: str


@dataclass(frozen=True, slots=True)
class OneOf:
    """A field has one of these values."""

    field: str
    values: tuple[str | int | bool, ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one of these holds."""

    of: tuple[Condition, ...]


@dataclass(frozen=True, slots=True)
class Above:
    """The object above of this kind is there, and meets these."""

    kind: str
    needs: tuple[Condition, ...] = ()


@dataclass(frozen=True, slots=True)
class Settled:
    """Something of this kind is below, each has its verdict, and for the purpose's settle time nothing changed; of
    `self`: the object did not change for so long. What holds by it, holds by timeout."""

    below: str


@dataclass(frozen=True, slots=True)
class Also:
    """The object is ready for another purpose too."""

    purpose: str


Condition = Specified | OneOf | Either | Above | Settled | Also


@dataclass(frozen=True, slots=True)
class Purpose:
    """What its objects must have, by kind. `settle` is the time of its `Settled` conditions."""

    name: str
    about: str
    needs: Mapping[str, tuple[Condition, ...]]
    settle: timedelta | None = None
    is_builtin: bool = False


Catalog = Mapping[str, Purpose]
"""All purposes by name; what one of them refers to is in it."""


def _built_in(name: str, about: str, settle: timedelta | None = None, **needs: tuple[Condition, ...]) -> Purpose:
    return Purpose(name, about, needs, settle, is_builtin=True)


_STATUS = Specified("status")
_FAILED = OneOf("status", ("FAIL", "ERROR"))
_LOG = Either((Specified("log_url"), Specified("log_excerpt")))

_TABLE = (
    _built_in(
        "linked", "the parent object is here, up to a checkout",
        builds=(Above("checkouts"),), tests=(Above("builds"), Above("checkouts")),
    ),
    _built_in(
        "revision", "says which revision of the source it is",
        checkouts=(Specified("git_commit_hash"), Specified("patchset_hash")),
    ),
    _built_in(
        "listed", "can be listed under its tree",
        checkouts=(
            Also("revision"), Either((Specified("tree_name"), Specified("git_repository_url"))),
            Specified("git_repository_branch"), Specified("start_time"),
        ),
    ),
    _built_in(
        "result", "says how it went",
        checkouts=(Specified("valid"),), builds=(_STATUS,), tests=(_STATUS,),
    ),
    _built_in(
        "hardware", "a result that says on which hardware",
        tests=(
            Also("result"), Either((Specified("environment.compatible"), Specified("environment.misc.platform"))),
        ),
    ),
    _built_in(
        "history", "can be compared with earlier and later runs: regressions, flakiness",
        tests=(
            Also("hardware"), Specified("path"),
            Above("builds", (Specified("config_name"), Specified("architecture"))),
            Above("checkouts", (Also("listed"),)),
        ),
    ),
    _built_in(
        "triage", "a failure that somebody can look into",
        builds=(_FAILED, _LOG), tests=(_FAILED, _LOG),
    ),
    _built_in(
        "builds-complete", "no more builds of this checkout are to come", timedelta(hours=1),
        checkouts=(Either((Specified("origin_builds_finish_time"), Settled("builds"))),),
    ),
    _built_in(
        "tests-complete", "no more tests of this checkout are to come", timedelta(hours=3),
        checkouts=(Either((Specified("origin_tests_finish_time"), Settled("tests"))),),
    ),
    _built_in(
        "report", "builds and tests are complete: time to report on the checkout",
        checkouts=(Also("builds-complete"), Also("tests-complete")),
    ),
    _built_in(
        "issue-link", "links a known issue to a known build or test, and says whether it was seen",
        incidents=(Above("issues"), Either((Above("builds"), Above("tests"))), Specified("present")),
    ),
)  # fmt: skip

BUILT_IN: Catalog = {purpose.name: purpose for purpose in _TABLE}
"""The purposes that every hub has (kcidb.md 4.4)."""


class PlacedCondition(NamedTuple):
    """A condition somewhere in a purpose, of which kind it speaks, and whether that is the object's own."""

    kind: str
    condition: Condition
    is_own: bool


def walk(purpose: Purpose, kind: str, catalog: Catalog) -> Iterator[PlacedCondition]:
    """Every condition of a purpose for a kind, those it refers to included."""
    yield from _walk(purpose.needs.get(kind, ()), kind, catalog, is_own=True)


def _walk(needs: Iterable[Condition], kind: str, catalog: Catalog, *, is_own: bool) -> Iterator[PlacedCondition]:
    for condition in needs:
        yield PlacedCondition(kind, condition, is_own)
        if isinstance(condition, Either):
            yield from _walk(condition.of, kind, catalog, is_own=is_own)
        elif isinstance(condition, Above):
            yield from _walk(condition.needs, condition.kind, catalog, is_own=False)
        elif isinstance(condition, Also):
            yield from _walk(catalog[condition.purpose].needs.get(kind, ()), kind, catalog, is_own=is_own)


def is_lasting(purpose: Purpose, catalog: Catalog) -> bool:
    """Whether an object that is ready stays so for good: nothing is asked but that fields are given. What is inside
    `misc` is none of these, for `misc` is replaced as a whole (kcidb.md 2.3)."""
    return all(
        not isinstance(asked.condition, OneOf | Settled)
        and not (isinstance(asked.condition, Specified) and _is_inside(asked.condition.field))
        for kind in purpose.needs
        for asked in walk(purpose, kind, catalog)
    )


def _is_inside(field: str) -> bool:
    return field.startswith("number.") or "misc." in field


def is_judging(purpose: Purpose, kind: str, catalog: Catalog) -> bool:
    """Whether the verdict of an object is part of what it is ready for, so that another verdict is news."""
    own = [a.condition for a in walk(purpose, kind, catalog) if a.is_own]
    is_named = any(isinstance(c, Specified | OneOf) and c.field == VERDICT.get(kind) for c in own)
    return is_named or bool(looks_below(purpose, kind, catalog))


def looks_below(purpose: Purpose, kind: str, catalog: Catalog) -> frozenset[str]:
    """The kinds below that a purpose asks about."""
    settled = {a.condition.below for a in walk(purpose, kind, catalog) if isinstance(a.condition, Settled) and a.is_own}
    return frozenset(settled - {SELF})


def settle_of(purpose: Purpose, kind: str, catalog: Catalog) -> timedelta | None:
    """The shortest settle time of what a purpose asks below."""
    times = [p.settle for p in _made_of(purpose, kind, catalog) if p.settle is not None]
    return min(times, default=None)


def _made_of(purpose: Purpose, kind: str, catalog: Catalog) -> Iterator[Purpose]:
    yield purpose
    for asked in walk(purpose, kind, catalog):
        if asked.is_own and isinstance(asked.condition, Also):
            yield catalog[asked.condition.purpose]


def looks_above(purpose: Purpose, kind: str, catalog: Catalog) -> dict[str, bool]:
    """The kinds above that a purpose depends on, those on the way included, and whether it asks for more than that
    they are there."""
    found: dict[str, bool] = {}
    for asked in walk(purpose, kind, catalog):
        if isinstance(asked.condition, Above):
            for route in ROUTES[asked.kind, asked.condition.kind]:
                for step in route:
                    found.setdefault(step, False)
            found[asked.condition.kind] |= bool(asked.condition.needs)
    return found
