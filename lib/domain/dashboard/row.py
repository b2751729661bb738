"""Rows of the board: builds and tests with what is shown, counted and filtered of them (kcidb.md 4.5). Pure.

A row is made once from its report's view and its parent; what is asked of it often is worked out then.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lib.domain.dashboard.tally import NONE
from lib.domain.report.object import Build, Checkout, Test
from lib.domain.report.report import Fields

UNKNOWN = "Unknown"
"""Stands for a text that a report lacks wherever clients compare, sort or group by it."""
DUMMY = "dummy_"
"""Behind the origin, ids of builds that nobody made begin so: tests hang from them that ran without one (kcidb.md 5.1).
"""

IssueKey = tuple[str, int]
"""An issue's id and version."""


class _Row:
    """What builds and tests have in common."""

    __slots__ = ()
    view: Build | Test
    checkout: Any

    @property
    def checkout_origin(self) -> str:
        """The origin of its checkout; its own, when the checkout is unknown."""
        origin: str = self.checkout.get("origin", self.view["origin"])
        return origin


class BuildRow(_Row):
    """A build under its checkout (empty when that is unknown). `issues` are those seen in it, once they are linked."""

    __slots__ = ("architecture", "checkout", "compiler", "config", "issues", "lab", "status", "view")

    def __init__(self, view: Build, checkout: Checkout) -> None:
        self.view: Build = view
        self.checkout: Checkout = checkout
        self.status: str = view.get("status", NONE)
        self.config: str = view.get("config_name") or UNKNOWN
        self.architecture: str = view.get("architecture") or UNKNOWN
        self.compiler: str = view.get("compiler") or UNKNOWN
        self.lab: str = text_of(view.get("misc"), "lab") or UNKNOWN
        self.issues: list[IssueKey] = []

    kind = "build"

    @property
    def is_hidden(self) -> bool:
        """Whether it is no build, but what tests without one hang from."""
        return is_dummy(self.view["id"])


class TestRow(_Row):
    """A test under its build. It is a boot or a test, by its path. `is_whole`: its whole environment is shown."""

    __slots__ = ("build", "compatibles", "is_whole", "issues", "kind", "lab", "path", "platform", "status", "view")
    __test__ = False

    def __init__(self, view: Test, build: BuildRow) -> None:
        self.view: Test = view
        self.build = build
        self.status: str = view.get("status", NONE)
        self.path: str = view.get("path", "")
        self.kind = "boot" if is_boot(self.path) else "test"
        environment = view.get("environment") or {}
        self.platform: str = text_of(environment.get("misc"), "platform") or UNKNOWN
        self.compatibles: list[str] = environment.get("compatible") or []
        misc = view.get("misc")
        self.lab: str = text_of(misc, "runtime") or text_of(misc, "lab") or UNKNOWN
        self.issues: list[IssueKey] = []
        self.is_whole = False

    # What a test shares with its build.
    @property
    def checkout(self) -> Checkout:
        return self.build.checkout

    @property
    def config(self) -> str:
        return self.build.config

    @property
    def architecture(self) -> str:
        return self.build.architecture

    @property
    def compiler(self) -> str:
        return self.build.compiler

    @property
    def started(self) -> str | None:
        """When it started, or its checkout did."""
        return self.view.get("start_time") or self.checkout.get("start_time") or None

    @property
    def environment_compatible(self) -> list[str] | None:
        """What its platform is compatible with; None for nothing."""
        return self.compatibles or None

    @property
    def environment_misc(self) -> Fields:
        """Its platform, among all that is known of its environment when that is shown whole."""
        misc = self.view.get("environment", {}).get("misc") if self.is_whole else None
        return {**(misc or {}), "platform": self.platform}


class StoredTest(TestRow):
    """A test by itself. `changed_at` is of its report."""

    __slots__ = ("changed_at",)

    def __init__(self, view: Test, build: BuildRow, changed_at: str) -> None:
        super().__init__(view, build)
        self.changed_at = changed_at

    @property
    def stated_environment(self) -> Fields:
        """What its origin states of the environment; a platform always has its place."""
        return {"platform": None, **((self.view.get("environment") or {}).get("misc") or {})}


Row = BuildRow | TestRow


def is_boot(path: str) -> bool:
    """Whether a test of this path is a boot (kcidb.md 4.5)."""
    return path == "boot" or path.startswith("boot.")


def is_dummy(build_id: str) -> bool:
    """Whether a build of this id was made up for tests without one."""
    return build_id.partition(":")[2].startswith(DUMMY)


def text_of(misc: Any, name: str) -> str | None:
    """A text in a `misc`, which may hold anything."""
    value = misc.get(name) if isinstance(misc, Mapping) else None
    return value if isinstance(value, str) else None


def in_order(rows: list[Any]) -> list[Any]:
    """Rows by when they started, then by id."""
    return sorted(rows, key=lambda row: (row.view.get("start_time") or "", row.view["id"]))
