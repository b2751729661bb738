"""The board: reads for one answer of the dashboard, in as few documents as it takes (kcidb.md 4.5).

Everything it gives are views of reports and rows over them. Verbs by noun are in `tree`, `history`,
`hardware`, `issue`, `report`, `compare`, `results`, which work on what is read through here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from lib.domain.dashboard.row import BuildRow, IssueKey, Row, TestRow, in_order
from lib.domain.query.budget import Budget
from lib.domain.report.archive import Archive
from lib.domain.report.object import Build, Checkout, Issue, Test
from lib.domain.report.report import Key
from lib.store.collection import cut
from lib.store.port import Body, Scalar, Where

ADVICE = "more than %d documents would be read: ask for less time, or for one tree"


@dataclass(slots=True)
class Rows:
    """What hangs from some checkouts: builds that somebody made, and all tests, whatever they hang from."""

    builds: list[BuildRow] = field(default_factory=list)
    tests: list[TestRow] = field(default_factory=list)

    def __iter__(self) -> Iterator[Row]:
        yield from self.builds
        yield from self.tests


@dataclass(slots=True)
class DashboardReader:
    """Reads until its budget is spent. One an answer."""

    archive: Archive
    budget: Budget

    def find(self, kind: str, *where: Where, order: str = "", page: int = 1000) -> Iterator[Body]:
        """The bodies of the reports that meet all conditions, as far as they are asked for."""
        for doc in self.archive.find(kind, where, order, page):
            self.budget.spend()
            yield doc.body

    def first(self, kind: str, *where: Where, order: str = "") -> Body | None:
        """The first of them, or None."""
        return next(self.find(kind, *where, order=order, page=1), None)

    def children(self, kind: str, name: str, ids: Iterable[str]) -> Iterator[Body]:
        """The bodies of the reports of a kind that name one of these ids in a field."""
        for doc in self.archive.children(kind, name, ids):
            self.budget.spend()
            yield doc.body

    def views(self, kind: str, ids: Iterable[str]) -> dict[str, Any]:
        """The reports of these ids, as far as there are any: id → view."""
        found = self.archive.load_many((Key(kind, id) for id in ids), self.budget)
        return {key.id: body["object"] for key, body in found.items()}

    def issues(self, keys: Iterable[IssueKey]) -> dict[IssueKey, Issue]:
        """The issues of these ids and versions, as far as there are any."""
        found = self.archive.load_many((Key("issues", *key) for key in keys), self.budget)
        return {(view["id"], view["version"]): view for view in (body["object"] for body in found.values())}

    def checkouts(
        self, commit: str, url: str = "", branch: str = "", tree: str = "", origin: str = ""
    ) -> list[Checkout]:
        """The checkouts of a commit, oldest first; "" leaves a condition out."""
        wanted = {
            "git_commit_hash": commit, "git_repository_url": url, "git_repository_branch": branch, "tree_name": tree,
            "origin": origin,
        }  # fmt: skip
        found = [
            body["object"]
            for body in self.find("checkouts", same("git_commit_hash", commit))
            if all(body["object"].get(name) == value for name, value in wanted.items() if value)
        ]
        return sorted(found, key=lambda view: (view.get("start_time") or "", view["id"]))

    def rows(self, checkouts: Sequence[Checkout], *, tests: bool = True) -> Rows:
        """Everything that hangs from these checkouts; without `tests`, the builds alone."""
        above = {view["id"]: view for view in checkouts}
        builds = {}
        for body in self.children("builds", "checkout_id", above):
            view = body["object"]
            builds[view["id"]] = BuildRow(view, above[view["checkout_id"]])
        rows = Rows(in_order([row for row in builds.values() if not row.is_hidden]))
        if tests:
            views = (body["object"] for body in self.children("tests", "build_id", builds))
            rows.tests = in_order([TestRow(view, builds[view["build_id"]]) for view in views])
        return rows

    def hang(self, tests: Iterable[Test]) -> list[TestRow]:
        """Tests under their builds and checkouts, as far as those are there."""
        tests = list(tests)
        builds = self.hang_builds(self.views("builds", (view["build_id"] for view in tests)).values())
        return [TestRow(v, builds.get(v["build_id"]) or _unknown(v["build_id"])) for v in tests]

    def hang_builds(self, builds: Iterable[Build]) -> dict[str, BuildRow]:
        """Builds under their checkouts, as far as those are there, by id."""
        builds = list(builds)
        checkouts = self.views("checkouts", (view["checkout_id"] for view in builds))
        return {view["id"]: BuildRow(view, checkouts.get(view["checkout_id"], {})) for view in builds}

    def link(self, rows: Rows) -> None:
        """Note in each row the issues that were seen in it, or that nobody says were not."""
        for name, some in (("build_id", rows.builds), ("test_id", rows.tests)):
            by_id = {row.view["id"]: row for row in some}
            for body in self.children("incidents", name, by_id):
                view = body["object"]
                if view.get("present") is not False:
                    by_id[view[name]].issues.append((view["issue_id"], view["issue_version"]))
            for row in some:
                if len(row.issues) > 1:
                    row.issues = sorted(set(row.issues))


def _unknown(build_id: str) -> BuildRow:
    """A build that is not stored."""
    view: Any = {"id": build_id}
    checkout: Any = {}
    return BuildRow(view, checkout)


def same(name: str, value: Scalar) -> Where:
    """The condition that a field has this value. Long texts are indexed by their beginning: compare what is found."""
    return Where(name, "==", cut(value) if isinstance(value, str) else value)


def instant_text(at: datetime) -> str:
    """An instant as reports write it (kcidb.md 2.3)."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def since(at: datetime, name: str = "start_time") -> Where:
    """The condition that a time of a report is not before an instant."""
    return Where(name, ">=", instant_text(at))


def until(at: datetime, name: str = "start_time") -> Where:
    """The condition that a time of a report is not after an instant."""
    return Where(name, "<=", instant_text(at))
