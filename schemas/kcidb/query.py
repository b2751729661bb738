"""What reads of KCIDB's objects take and give (kcidb.md 4.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

IDS_MAX = 1000
"""Ids of one query, of all kinds together."""
VERSION_MAX = 2**63 - 1
Category = Literal["identity", "verdict", "detail", "more"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The classes of conflicts (kcidb.md 2.5)."""

Id = Annotated[str, Field(min_length=1)]
Ids = Annotated[list[Id], Field(max_length=IDS_MAX)]
Object = dict[str, Any]


class Lazy(BaseModel):
    """Built when it is first used: a function that serves none of these starts sooner."""

    model_config = ConfigDict(defer_build=True)


class QueryIn(Lazy):
    """Objects by their ids. An issue is named by its id, which means its newest version, or by `[id, version]`."""

    model_config = ConfigDict(extra="forbid", defer_build=True)

    checkouts: Ids = []
    builds: Ids = []
    tests: Ids = []
    issues: Annotated[
        list[Id | tuple[Id, Annotated[int, Field(strict=True, ge=0, le=VERSION_MAX)]]], Field(max_length=IDS_MAX)
    ] = []
    incidents: Ids = []
    parents: bool = False
    children: bool = False

    @property
    def count(self) -> int:
        """How many ids are named."""
        return sum(len(ids) for ids in (self.checkouts, self.builds, self.tests, self.issues, self.incidents))


class DocumentOut(Lazy):
    """A document of schema 5.3."""

    version: dict[str, int]
    checkouts: list[Object] = []
    builds: list[Object] = []
    tests: list[Object] = []
    issues: list[Object] = []
    incidents: list[Object] = []


class ConflictOut(Lazy):
    """A field that was told several values; a long value is told by its digest and its beginning."""

    field: str
    category: Category
    winner: Any
    losers: list[Any]
    has_more: bool


class ReceivedOut(Lazy):
    """When the submissions that hold an object came."""

    first: str
    last: str


class SourceOut(Lazy):
    """Where a value comes from: a submission's id, or `node:<id>`."""

    rank: int
    verdict: int
    source: str
    received_at: str | None = None
    sender: str | None = None
    via: str | None = None


class ReportOut(Lazy):
    """An object as merged."""

    object: Object
    conflicts: list[ConflictOut]
    received: ReceivedOut
    provenance: dict[str, SourceOut] = {}
    parents: dict[str, list[Object]] = {}
    children: dict[str, list[Object]] = {}
    next: str | None = None


class ContestedOut(Lazy):
    """A report that was told several values of some field."""

    kind: str
    id: str
    version: int | None = None
    changed_at: str
    conflicts: list[ConflictOut]


class ContestedPage(Lazy):
    """Some of them. There may be more as long as `next` is given, on pages without any, too."""

    items: list[ContestedOut]
    next: str | None


class ExportPage(Lazy):
    """A document of an export, and the cursor behind it."""

    document: DocumentOut
    next: str | None


class CountOut(Lazy):
    """How many objects of each kind there are."""

    checkouts: int
    builds: int
    tests: int
    issues: int
    incidents: int
