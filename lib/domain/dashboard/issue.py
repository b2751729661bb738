"""Issues: which there are, and where each was seen first, last and at all (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from typing import NamedTuple

from lib.clock import stamp
from lib.domain.dashboard.reader import DashboardReader, same
from lib.domain.dashboard.row import IssueKey
from lib.domain.report.archive import KEYS_AT_ONCE
from lib.domain.report.object import Checkout, Incident, Issue
from lib.domain.report.report import Key
from lib.store.collection import cut
from lib.store.port import Body, Where

LOOKED_AT_ONCE = 10
LOOKED_MAX = 50
"""Incidents looked through, from the first on or from the last back, for one whose checkout is known."""
INCIDENTS_MAX = 2000
"""The newest incidents of an issue whose trees are named."""

MARKS = {"mainline": "mainline", "next": "linux-next", "linux-next": "linux-next"}
"""What a tree's name tells of where an issue has got to; names that begin with `stable` are stable's."""


@dataclass(frozen=True, slots=True)
class Sighting:
    """An issue seen at a checkout, and when the hub first heard of it."""

    version: int
    heard_at: str
    checkout: Checkout


class VersionTree(NamedTuple):
    """A branch that a version of an issue was seen in."""

    tree_name: str | None
    git_repository_branch: str | None


@dataclass(frozen=True, slots=True)
class IssueVersion:
    """A version of an issue, the trees (name, branch) it was seen in, and what those say of where it has got to."""

    id: str
    version: int
    trees: list[VersionTree]
    tags: list[str]


@dataclass(slots=True)
class Occurrences:
    """Where an issue was seen: first, last, and in which trees (name, branch) by version. `versions` are those that
    were asked for or seen."""

    first: Sighting | None
    last: Sighting | None
    trees: dict[int, set[tuple[str, str]]] = field(default_factory=dict)
    versions: dict[str, IssueVersion] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class IssueFilter:
    """Which issues are asked for; what is empty leaves all."""

    origins: frozenset[str] = frozenset()
    culprits: frozenset[str] = frozenset()
    categories: frozenset[str] = frozenset()

    def takes(self, issue: Issue) -> bool:
        """Whether an issue is asked for."""
        if self.origins and issue["origin"] not in self.origins:
            return False
        if self.culprits and not any(issue.get("culprit", {}).get(name) for name in self.culprits):
            return False
        return not self.categories or not self.categories.isdisjoint(issue.get("categories", ()))


def list_issues(board: DashboardReader, begin: datetime, end: datetime) -> list[Body]:
    """The issues that changed in a time, each by the body of its newest version; newest change first."""
    where = Where("changed_at", ">=", stamp(begin)), Where("changed_at", "<=", stamp(end))
    ids = [body["object"]["id"] for body in board.find("issues", *where, order="changed_at")]
    found = newest_versions(board, ids).values()
    return sorted(found, key=lambda body: (body["changed_at"], body["object"]["id"]), reverse=True)


def newest_versions(board: DashboardReader, ids: Iterable[str]) -> dict[str, Body]:
    """The body of the newest version of each of these issues, as far as there is one."""
    wanted = list(dict.fromkeys(ids))
    found: dict[str, Body] = {}
    for at in range(0, len(wanted), KEYS_AT_ONCE):
        some = wanted[at : at + KEYS_AT_ONCE]
        for body in board.find("issues", Where("issue_id", "in", tuple(dict.fromkeys(map(cut, some))))):
            view = body["object"]
            known = found.get(view["id"])
            if view["id"] in some and (known is None or known["object"]["version"] < view["version"]):
                found[view["id"]] = body
    return found


def load_issue(board: DashboardReader, id: str, version: int | None) -> Body | None:
    """An issue of this version, or of the newest; None when there is none."""
    if version is None:
        return newest_versions(board, (id,)).get(id)
    return board.archive.load(Key("issues", id, version))


def first_sighting(board: DashboardReader, id: str, order: str = "first_received") -> Sighting | None:
    """Where an issue was seen first (by `order`, last), among the checkouts that are known. What was heard of at one
    time is ordered by when it was checked out."""
    incidents = board.find("incidents", same("issue_id", id), order=order, page=LOOKED_AT_ONCE)
    seen = (body for body in incidents if _shows(body["object"], id))
    found: list[Sighting] = []
    for _ in range(0, LOOKED_MAX, LOOKED_AT_ONCE):
        some = list(islice(seen, LOOKED_AT_ONCE))
        found += _place(board, some)
        if len(some) < LOOKED_AT_ONCE or (found and some[-1]["first_received"] != found[0].heard_at):
            break
    choose = max if order.startswith("-") else min
    return choose(found, key=_when, default=None)


def _when(sighting: Sighting) -> tuple[str, str, str]:
    return sighting.heard_at, sighting.checkout.get("start_time", ""), sighting.checkout["id"]


def spread(board: DashboardReader, id: str, versions: Iterable[int] = ()) -> Occurrences:
    """Where an issue was seen; its trees as far as its newest INCIDENTS_MAX incidents tell."""
    found = Occurrences(first_sighting(board, id), first_sighting(board, id, "-first_received"))
    incidents = board.find("incidents", same("issue_id", id), order="-first_received")
    some = [body for body in islice(incidents, INCIDENTS_MAX) if _shows(body["object"], id)]
    for sighting in _place(board, some):
        place = sighting.checkout.get("tree_name", ""), sighting.checkout.get("git_repository_branch", "")
        found.trees.setdefault(sighting.version, set()).add(place)
    for version in sorted({*versions, *found.trees}):
        trees = found.trees.get(version, set())
        named = [VersionTree(name or None, branch or None) for name, branch in sorted(trees)]
        found.versions[str(version)] = IssueVersion(id, version, named, marks_of(trees))
    return found


def marks_of(trees: Iterable[tuple[str, str]]) -> list[str]:
    """What the trees an issue was seen in say of where it has got to."""
    names = {name for name, _ in trees}
    found = {MARKS[name] for name in names if name in MARKS}
    return sorted(found | {"stable" for name in names if name.startswith("stable")})


def targets(board: DashboardReader, key: IssueKey, name: str) -> list[str]:
    """The builds (`build_id`) or tests (`test_id`) that a version of an issue was seen in."""
    found = board.find("incidents", same("issue_id", key[0]))
    views = (body["object"] for body in found if _shows(body["object"], *key))
    return [view[name] for view in views if name in view]


def _shows(incident: Incident, id: str, version: int | None = None) -> bool:
    """Whether an incident says that the issue was seen, or at least not that it was not."""
    if incident["issue_id"] != id or incident.get("present") is False:
        return False
    return version is None or incident["issue_version"] == version


def _place(board: DashboardReader, incidents: Sequence[Body]) -> list[Sighting]:
    """Incidents at their checkouts, as far as those are known."""
    views = [body["object"] for body in incidents]
    tests = board.views("tests", (view["test_id"] for view in views if "test_id" in view))
    build_ids = [view.get("build_id") or tests.get(view.get("test_id", ""), {}).get("build_id", "") for view in views]
    builds = board.hang_builds(board.views("builds", filter(None, build_ids)).values())
    return [
        Sighting(body["object"]["issue_version"], body["first_received"], builds[build_id].checkout)
        for body, build_id in zip(incidents, build_ids, strict=True)
        if build_id in builds and builds[build_id].checkout
    ]
