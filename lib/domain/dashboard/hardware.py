"""Hardware: what ran on a platform, or on what is compatible with a name, in a time (kcidb.md 4.5).

Of each tree only one checkout counts: the newest that ran there, or the one that is asked for.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from lib.domain.dashboard.reader import DashboardReader, Rows, same, since, until
from lib.domain.dashboard.row import UNKNOWN, BuildRow, TestRow, in_order
from lib.domain.dashboard.tree import CheckoutCounts, TreeKey, heads, tree_of
from lib.domain.report.object import Checkout
from lib.domain.report.report import Fields
from lib.store.port import Where

HEAD = "head"
"""In place of a commit: the newest."""


@dataclass(frozen=True, slots=True)
class Window:
    """Tests of an origin that started in a time."""

    origin: str
    begin: datetime
    end: datetime

    @property
    def conditions(self) -> tuple[Where, ...]:
        return same("origin", self.origin), since(self.begin), until(self.end)


@dataclass(slots=True)
class Hardware:
    """A platform, what it is compatible with, and what was found on it."""

    platform: str
    compatibles: dict[str, None] = field(default_factory=dict)
    counts: CheckoutCounts = field(default_factory=CheckoutCounts)

    @property
    def compatible_names(self) -> list[str] | None:
        """What it is compatible with, by name; None for nothing."""
        return sorted(self.compatibles) or None


@dataclass(slots=True)
class TreeOnHardware:
    """A tree that ran on some hardware: its place in the list of trees, in digits, its newest checkout there, and the
    commit that is shown, if any."""

    index: str
    head: Checkout
    commit: str | None
    counts: CheckoutCounts = field(default_factory=CheckoutCounts)

    @property
    def is_selected(self) -> bool:
        return self.commit is not None


@dataclass(slots=True)
class HardwareRuns:
    """What ran on one piece of hardware: its trees, the rows of their shown commits, and what it is compatible with."""

    trees: list[TreeOnHardware]
    rows: Rows
    compatibles: list[str]


def tests_on(board: DashboardReader, name: str, window: Window) -> list[TestRow]:
    """The tests on a platform of this name, or on one that is compatible with it."""
    found = {}
    for where in (same("platform", name), Where("compatible", "contains", same("", name).value)):
        for body in board.find("tests", where, *window.conditions, order="start_time"):
            found[body["object"]["id"]] = body["object"]
    rows = board.hang(found.values())
    return [row for row in rows if row.checkout and (row.platform == name or name in row.compatibles)]


def bench(tests: Sequence[TestRow], selected: Mapping[str, str]) -> HardwareRuns:
    """What is shown of tests on one piece of hardware. `selected` names commits (or HEAD) by a tree's place in the list
    of trees, in digits; empty, it means the newest of every tree."""
    newest = heads(row.checkout for row in tests)
    shown: dict[TreeKey, TreeOnHardware] = {}
    for place, key in enumerate(sorted(newest)):
        head = newest[key]
        commit = selected.get(str(place)) if selected else HEAD
        shown[key] = TreeOnHardware(str(place), head, head.get("git_commit_hash", "") if commit == HEAD else commit)
    kept = []
    for row in tests:
        tree = shown[tree_of(row.checkout)]
        if row.checkout.get("git_commit_hash", "") == tree.commit:
            kept.append(row)
    rows = Rows(_builds_of(kept), in_order(kept))
    for build in rows.builds:
        shown[tree_of(build.checkout)].counts.builds[build.status] += 1
    for row in kept:
        _count_test(shown[tree_of(row.checkout)].counts, row)
    compatibles = sorted({name for row in tests for name in row.compatibles})
    return HardwareRuns(list(shown.values()), rows, compatibles)


def list_hardware(board: DashboardReader, window: Window, commits: frozenset[str] = frozenset()) -> list[Hardware]:
    """All hardware that tests of an origin ran on, by platform. With `commits`, what ran of those; else, of the newest
    of each tree there."""
    views = (_lean(body["object"]) for body in board.find("tests", *window.conditions, order="start_time"))
    by_platform: dict[str, list[TestRow]] = {}
    for row in board.hang(views):
        if row.checkout and (name := _name_of(row)):
            by_platform.setdefault(name, []).append(row)
    found = []
    for name in sorted(by_platform):
        rows = by_platform[name]
        if commits:
            rows = [row for row in rows if row.checkout.get("git_commit_hash") in commits]
        else:
            newest = {view["git_commit_hash"] for view in heads(r.checkout for r in rows).values() if _is_named(view)}
            rows = [row for row in rows if row.checkout.get("git_commit_hash") in newest]
        if rows:
            found.append(_hardware(name, rows))
    return found


def hardware_of(rows: Iterable[TestRow]) -> list[Hardware]:
    """All hardware that these tests ran on, by platform."""
    by_platform: dict[str, list[TestRow]] = {}
    for row in rows:
        if name := _name_of(row):
            by_platform.setdefault(name, []).append(row)
    return [_hardware(name, by_platform[name]) for name in sorted(by_platform)]


def _is_named(checkout: Checkout) -> bool:
    return "git_commit_hash" in checkout


def _name_of(row: TestRow) -> str:
    """The platform of a test, or else the first thing it is compatible with; "" when nobody says."""
    if row.platform != UNKNOWN:
        return row.platform
    return row.compatibles[0] if row.compatibles else ""


def _hardware(name: str, rows: Sequence[TestRow]) -> Hardware:
    found = Hardware(name)
    for row in rows:
        found.compatibles.update(dict.fromkeys(row.compatibles))
        _count_test(found.counts, row)
    for build in _builds_of(rows):
        found.counts.builds[build.status] += 1
    return found


def _count_test(counts: CheckoutCounts, row: TestRow) -> None:
    (counts.boots if row.kind == "boot" else counts.tests)[row.status] += 1


def _builds_of(rows: Iterable[TestRow]) -> list[BuildRow]:
    """The builds that tests ran, each once, but for those nobody made or knows."""
    builds = {row.build.view["id"]: row.build for row in rows if row.build.checkout and not row.build.is_hidden}
    return in_order(list(builds.values()))


_KEPT = ("id", "origin", "build_id", "path", "status", "environment")


def _lean(view: Fields) -> Any:
    """What a list needs of a test: there may be very many."""
    return {name: view[name] for name in _KEPT if name in view}
