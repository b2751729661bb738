"""Wire models of the routes that read KCIDB's objects (kcidb.md 4.1)."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

IDS_MAX = 1000
"""Most ids of one query, of all kinds together."""
VERSION_MAX = 2**63 - 1
Category = Literal["identity", "verdict", "detail", "more"]
CATEGORIES: tuple[Category, ...] = get_args(Category)
"""The classes of conflicts (kcidb.md 2.5)."""

Id = Annotated[str, Field(min_length=1)]
Ids = Annotated[list[Id], Field(max_length=IDS_MAX)]
Object = dict[str, Any]


class Lazy(BaseModel):
    """Built at the first use, so that a function that serves none of these starts faster."""

    model_config = ConfigDict(defer_build=True)


class QueryIn(Lazy):
    """Objects by their ids. An issue is named by its id, which selects its newest version, or by `[id, version]`."""

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
        """The number of named ids."""
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
    """A field with several values; a long value is shown as its digest and its beginning."""

    field: str
    category: Category
    winner: Any
    losers: list[Any]
    has_more: bool


class ReceivedOut(Lazy):
    """The times of arrival of the first and the last submission with an object."""

    first: str
    last: str


class SourceOut(Lazy):
    """The source of a value: a submission's id, or `node:<id>`."""

    rank: int
    verdict: int
    source: str
    received_at: str | None = None
    sender: str | None = None
    via: str | None = None


class ReportOut(Lazy):
    """A merged object."""

    object: Object
    conflicts: list[ConflictOut]
    received: ReceivedOut
    provenance: dict[str, SourceOut] = {}
    parents: dict[str, list[Object]] = {}
    children: dict[str, list[Object]] = {}
    next: str | None = None


class ContestedOut(Lazy):
    """A merged object that has a field with several values."""

    kind: str
    id: str
    version: int | None = None
    changed_at: str
    conflicts: list[ConflictOut]


class ContestedPage(Lazy):
    """A page of merged objects with conflicts. A page may be empty; there may be more as long as `next` is given."""

    items: list[ContestedOut]
    next: str | None


class ExportPage(Lazy):
    """A document of an export, and the cursor after it."""

    document: DocumentOut
    next: str | None


class CountOut(Lazy):
    """The number of objects of each kind."""

    checkouts: int
    builds: int
    tests: int
    issues: int
    incidents: int
