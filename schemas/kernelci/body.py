"""KernelCI wire models: the bodies of requests and replies of the KernelCI API (kernelci.md 2 and 4).

These models validate inputs. The codec writes replies directly from stored documents; the models of replies only
document them. Called by `lib.dialects.kernelci`.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, AnyHttpUrl, BaseModel, ConfigDict, Field, StringConstraints

INT_MAX = 2**63 - 1
"""Largest integer that a store can index."""

Kind = Literal["checkout", "kbuild", "job", "test", "regression", "process"]
State = Literal["running", "available", "closing", "done"]
Result = Literal["pass", "fail", "skip", "incomplete"]

NodeId = Annotated[str, StringConstraints(pattern=r"^[0-9a-fA-F]{24}$", to_lower=True)]
WebUrl = AnyHttpUrl
"""An http(s) URL; its text is the normalised form (`http://h` → `http://h/`)."""


def _utc(instant: datetime) -> datetime:
    """The instant in UTC; a naive one is UTC already (kernelci.md 4.1)."""
    if instant.tzinfo is None:
        return instant.replace(tzinfo=UTC)
    try:
        return instant.astimezone(UTC)
    except OverflowError as error:
        raise ValueError("should be a moment of the years 1 to 9999") from error


Instant = Annotated[datetime, AfterValidator(_utc)]
"""ISO 8601 (`T` or space, fraction, `Z` or offset, a date alone) or a unix number; aware UTC inside."""


def _unique(names: list[str]) -> list[str]:
    if len(set(names)) != len(names):
        raise ValueError("items should be unique")
    return names


UniqueNames = Annotated[list[str], AfterValidator(_unique)]


class NodeEdit(BaseModel):
    """A node in a PUT: an omitted field keeps its stored value or falls back to its default. Unknown keys are
    ignored."""

    model_config = ConfigDict(extra="ignore")

    id: NodeId | None = None
    kind: str = "node"
    name: str
    path: list[str] = Field(default_factory=list)
    group: str | None = None
    parent: NodeId | None = None
    state: State = "running"
    result: Result | None = None
    artifacts: dict[str, WebUrl] | None = Field(default_factory=dict)
    data: dict[str, Any] | None = Field(default_factory=dict)
    debug: dict[str, Any] | None = Field(default_factory=dict)
    jobfilter: list[str] | None = None
    platform_filter: list[str] | None = Field(default_factory=list)
    created: Instant | None = None
    updated: Instant | None = None
    # A default of None would make null acceptable. An omitted value means six hours from now.
    timeout: Instant = Field(default=datetime.min.replace(tzinfo=UTC), json_schema_extra={"default": None})
    holdoff: Instant | None = None
    owner: str | None = None
    submitter: str | None = None
    treeid: str | None = None
    user_groups: UniqueNames = Field(default_factory=list)
    processed_by_kcidb_bridge: bool = False
    retry_counter: Annotated[int, Field(strict=True, ge=-INT_MAX, le=INT_MAX)] = 0


class NodeIn(NodeEdit):
    """A node in a POST or in a hierarchy: its path is given."""

    path: list[str]


class NodePatch(BaseModel):
    """The fields of a node that a PATCH may change (kernelci.md 2.4). A null `state` changes nothing. Other keys are
    ignored."""

    model_config = ConfigDict(extra="ignore")

    state: State | None = None
    result: Result | None = None
    artifacts: dict[str, WebUrl] | None = None
    data: dict[str, Any] | None = None
    debug: dict[str, Any] | None = None
    jobfilter: list[str] | None = None
    platform_filter: list[str] | None = None
    timeout: Instant = Field(default=datetime.min.replace(tzinfo=UTC), json_schema_extra={"default": None})
    holdoff: Instant | None = None
    processed_by_kcidb_bridge: bool = False


class NodeMerge(NodePatch):
    """As NodePatch, under `merge=1`: objects merge member by member, null removes a member (RFC 7396)."""

    artifacts: dict[str, WebUrl | None] | None = None  # type: ignore[assignment]


class NodeSetIn(BaseModel):
    """A flag for many nodes (kernelci.md 2.4, batch). Clients send the value as a text."""

    nodes: list[NodeId]
    field: str
    value: bool | str


class HierarchyIn(BaseModel):
    """A tree of nodes. Documents the shape; the codec walks it without recursion. `child_nodes` may also be `{}`."""

    node: NodeIn
    child_nodes: list[HierarchyIn]


_EMAIL = re.compile(r"[^@\s]+@[^@\s]+\Z")


def _email(text: str) -> str:
    """An address with one `@`, its domain in lower case."""
    if _EMAIL.match(text) is None:
        raise ValueError("should be an email address")
    name, _, domain = text.partition("@")
    return f"{name}@{domain.lower()}"


Email = Annotated[str, StringConstraints(max_length=254), AfterValidator(_email)]


class RegisterIn(BaseModel):
    """A new user account (kernelci.md 2.2). Other fields, `is_verified` included, are ignored."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=200)]
    email: Email
    password: Annotated[str, StringConstraints(min_length=1)]
    is_superuser: bool = False
    groups: UniqueNames = []


class UserEdit(BaseModel):
    """The fields of a user that may change (kernelci.md 2.2, PATCH); null changes nothing. `groups` replaces the
    set."""

    username: Annotated[str, StringConstraints(min_length=1, max_length=200)] | None = None
    email: Email | None = None
    password: Annotated[str, StringConstraints(min_length=1)] | None = None
    groups: UniqueNames | None = None
    is_active: bool | None = None
    is_superuser: bool | None = None
    is_verified: bool | None = None


class PasswordIn(BaseModel):
    """The form that changes a password (kernelci.md 2.2)."""

    username: Annotated[str, StringConstraints(min_length=1)]
    password: Annotated[str, StringConstraints(min_length=1)]
    new_password: Annotated[str, StringConstraints(min_length=1)]


class GroupIn(BaseModel):
    """A new group of users."""

    name: Annotated[str, StringConstraints(min_length=1)]


class LoginIn(BaseModel):
    """The login form. A blank optional field counts as absent."""

    username: Annotated[str, StringConstraints(min_length=1)]
    password: Annotated[str, StringConstraints(min_length=1)]
    grant_type: Literal["", "password"] = ""
    scope: str = ""
    client_id: str = ""
    client_secret: str = ""


class NodeOut(BaseModel):
    """A node as it is read. Instants are naive UTC."""

    id: str
    kind: Kind
    name: str
    path: list[str]
    group: str | None
    parent: str | None
    state: State
    result: Result | None
    artifacts: dict[str, str] | None
    data: dict[str, Any] | None
    debug: dict[str, Any] | None
    jobfilter: list[str] | None
    platform_filter: list[str] | None
    created: datetime
    updated: datetime
    timeout: datetime
    holdoff: datetime | None
    owner: str | None
    submitter: str | None
    treeid: str | None
    user_groups: list[str]
    processed_by_kcidb_bridge: bool
    retry_counter: int


class NodePage(BaseModel):
    """A page of nodes, oldest first; `total` counts all that match. `next` is the `after` of the next page, null on the
    last page; it is present when `after`, `sort` or `fields` was given. With `fields` a node shows only these."""

    items: list[NodeOut]
    total: int
    limit: int
    offset: int
    next: str | None = None


class StateCounts(BaseModel):
    """Nodes by state."""

    running: int
    available: int
    closing: int
    done: int


class ResultCounts(BaseModel):
    """Nodes by result; `null`: nodes without a result yet."""

    model_config = ConfigDict(populate_by_name=True)

    passed: int = Field(alias="pass")
    fail: int
    skip: int
    incomplete: int
    null: int


class TreeCounts(BaseModel):
    """The number of nodes of a tree, its root included."""

    total: int
    state: StateCounts
    result: ResultCounts


class TreeRead(BaseModel):
    """A node and all its descendants, oldest first. With `counts=1` there are no items."""

    root: str
    items: list[NodeOut] = []
    counts: TreeCounts


class GroupRead(BaseModel):
    """A group of users."""

    id: str
    name: str


class GroupMade(BaseModel):
    """A created group, with the order of keys of that reply."""

    name: str
    id: str


class GroupPage(BaseModel):
    """A page of groups, oldest first."""

    items: list[GroupRead]
    total: int
    limit: int
    offset: int


class UserRead(BaseModel):
    """A user as others see it: never a password hash."""

    id: str
    email: str
    is_active: bool
    is_superuser: bool
    is_verified: bool
    username: str
    groups: list[GroupRead]


class UserItem(UserRead):
    """A user in a list."""

    revision_id: None = None


class UserPage(BaseModel):
    """A page of users, oldest first."""

    items: list[UserItem]
    total: int
    limit: int
    offset: int


class TokenRead(BaseModel):
    """The reply to a login."""

    access_token: str
    token_type: Literal["bearer"]


class HelloRead(BaseModel):
    """The greeting of the API's root."""

    message: str
