"""Reach: whose readiness a changed object may change, for the watches there are (kcidb.md 4.4). Pure.

A purpose that looks upwards (`linked`, `history`) makes an arriving checkout matter to the tests below it; one that
looks downwards (`report`) makes a test matter to its checkout. What no watch asks is looked at by nobody.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lib.domain.notify.watch import ActiveWatch
from lib.domain.readiness.purpose import Catalog, looks_above, looks_below
from lib.domain.report.link import CHILDREN
from lib.domain.report.report import KINDS


def _below() -> Mapping[str, frozenset[str]]:
    found: dict[str, frozenset[str]] = {}
    for kind in reversed(KINDS):
        children = {child for child, _ in CHILDREN[kind]}
        found[kind] = frozenset(children).union(*(found.get(child, frozenset()) for child in children))
    return found


DESCENDANTS = _below()
"""All kinds below a kind."""


@dataclass(frozen=True, slots=True)
class Reach:
    """Made of the standing watches. `when_new`, `when_changed`: kind that arrived or changed → the kinds below it that
    must be looked at; `upwards`: the kinds whose change matters to the checkout above."""

    when_new: Mapping[str, frozenset[str]]
    when_changed: Mapping[str, frozenset[str]]
    upwards: frozenset[str]

    def down(self, kind: str, is_new: bool) -> frozenset[str]:
        """The kinds below an object that must be looked at."""
        return self.when_new.get(kind, frozenset()) if is_new else self.when_changed.get(kind, frozenset())


def reach_of(standing: Sequence[ActiveWatch], catalog: Catalog) -> Reach:
    """How far a change reaches."""
    new: dict[str, set[str]] = {}
    changed: dict[str, set[str]] = {}
    upwards: set[str] = set()
    for one in standing:
        for kind in one.purpose.needs:
            # A filter asks for what the object above says, wherever it stands.
            asked = looks_above(one.purpose, kind, catalog) | dict.fromkeys(one.watch.relations, True)
            for above, is_for_fields in asked.items():
                if kind in DESCENDANTS[above]:
                    new.setdefault(above, set()).add(kind)
                    if is_for_fields:
                        changed.setdefault(above, set()).add(kind)
            for below in looks_below(one.purpose, kind, catalog):
                # The builds hold the tests together, and are asked how they went as well.
                upwards |= {"builds", below}
    return Reach(_frozen(new), _frozen(changed), frozenset(upwards))


def _frozen(sets: Mapping[str, set[str]]) -> Mapping[str, frozenset[str]]:
    return {name: frozenset(values) for name, values in sets.items()}
