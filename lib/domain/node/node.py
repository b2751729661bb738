"""Nodes: the record, its state machine and its changes by the clock.

Pure: everything here is a function of its arguments. The rules are from kernelci.md 2.4, 4.1 and 6. The fields are
those of the KernelCI API, so that they have the same meaning in every dialect.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp, stamp_milliseconds, unstamp
from lib.errors import Invalid
from lib.store import indexes

KINDS = ("checkout", "kbuild", "job", "test", "regression", "process")
STATES = ("running", "available", "closing", "done")
RESULTS = ("pass", "fail", "skip", "incomplete")
PENDING = frozenset(("running", "available", "closing"))

TRANSITIONS: Mapping[str, frozenset[str]] = {
    "running": frozenset(("running", "available", "closing", "done")),
    "available": frozenset(("available", "closing", "done")),
    "closing": frozenset(("closing", "done")),
    "done": frozenset(("done",)),
}
"""For each state, the states that an edit may change it to (kernelci.md 6)."""

TIMEOUT_DEFAULT = timedelta(hours=6)
HIERARCHY_NODES_MAX = 20_000
DEPTH_MAX = 64
"""Most ancestors of one node."""

Draft = Mapping[str, Any]
"""The fields of a node that a caller gave: field → value, already of the right types. Omitted fields are absent."""

# A draft must not set these.
_RESERVED = frozenset(("id", "owner", "received_at", "ancestors", "rev", "updated", "finished_at"))
# An edit keeps these and ignores the draft.
_KEPT_ALWAYS = frozenset(("owner", "submitter", "user_groups"))
# An edit keeps these when the draft omits them. The KernelCI server resets them, which loses the tree.
_KEPT_IF_OMITTED = frozenset(("parent", "path", "treeid", "created", "kind"))

_INSTANTS = ("created", "updated", "timeout", "holdoff", "received_at", "finished_at")


@dataclass(slots=True)
class Node:
    """One node. Instants are aware UTC; `ancestors` are ids from the root down to the parent; `rev` is the store's.
    `finished_at` is the instant at which it became done with its present result; None for nodes from before this field
    existed."""

    id: str
    kind: str
    name: str
    path: list[str]
    created: datetime
    updated: datetime
    timeout: datetime
    received_at: datetime
    group: str | None = None
    parent: str | None = None
    state: str = "running"
    result: str | None = None
    artifacts: dict[str, str] | None = field(default_factory=dict)
    data: dict[str, Any] | None = field(default_factory=dict)
    debug: dict[str, Any] | None = field(default_factory=dict)
    jobfilter: list[str] | None = None
    platform_filter: list[str] | None = field(default_factory=list)
    holdoff: datetime | None = None
    owner: str | None = None
    submitter: str | None = None
    treeid: str | None = None
    user_groups: list[str] = field(default_factory=list)
    processed_by_kcidb_bridge: bool = False
    retry_counter: int = 0
    ancestors: list[str] = field(default_factory=list)
    finished_at: datetime | None = None
    rev: int = 0

    @property
    def is_pending(self) -> bool:
        return self.state in PENDING

    @property
    def due_at(self) -> datetime | None:
        """The next instant at which the clock changes this node; None when there is none."""
        if self.state == "done":
            return None
        if self.state == "available" and self.holdoff is not None:
            return min(self.holdoff, self.timeout)
        return self.timeout

    @property
    def line(self) -> list[str]:
        """The ids of the ancestors of a child of this node."""
        return [*self.ancestors, self.id]


_NAMES = tuple(f.name for f in fields(Node) if f.name != "rev")


def to_body(node: Node) -> dict[str, Any]:
    """The stored form: every field, instants cut to milliseconds (kernelci.md 4.1) as canonical texts, and the derived
    fields that the store indexes."""
    body = {name: getattr(node, name) for name in _NAMES}
    for name in ("created", "updated", "timeout", "holdoff", "finished_at"):
        if (instant := body[name]) is not None:
            body[name] = stamp_milliseconds(instant)
    body["received_at"] = stamp(node.received_at)
    body["pending"] = node.is_pending
    due = node.due_at
    body["due_at"] = None if due is None else body["holdoff" if due is node.holdoff else "timeout"]
    return body


def from_body(body: Mapping[str, Any], rev: int) -> Node:
    """The node of a stored body."""
    values = {name: body[name] for name in _NAMES if name in body}
    for name in _INSTANTS:
        if (text := values.get(name)) is not None:
            values[name] = unstamp(text)
    return Node(**values, rev=rev)


def create(draft: Draft, *, id: str, owner: str, now: datetime, parent: Node | None) -> Node:
    """A new node from a draft. Raises Invalid for an unsupported kind or an indexed value of the wrong type."""
    check_kind(draft.get("kind"))
    values = {k: v for k, v in draft.items() if k not in _RESERVED}
    values.setdefault("created", now)
    values.setdefault("timeout", now + TIMEOUT_DEFAULT)
    node = Node(id=id, owner=owner, updated=now, received_at=now, **values)
    node.finished_at = now if node.state == "done" else None
    place(node, parent)
    check_indexed(node)
    return node


def edit(stored: Node, draft: Draft, now: datetime) -> Node:
    """The node after a whole replacement by `draft` (kernelci.md 2.4, PUT).

    Omitted fields fall back to their defaults, except the fields that an edit keeps. The parent is the draft's; the
    caller sets the node's place in the tree. Raises Invalid for a forbidden transition.
    """
    edited = overwrite(stored, draft, now)
    check_transition(stored.state, edited.state)
    return edited


def overwrite(stored: Node, draft: Draft, now: datetime) -> Node:
    """As `edit`, without the check of the transition: a lab may answer after the timeout (kernelci.md 6)."""
    check_kind(draft.get("kind", stored.kind))
    values = {k: v for k, v in draft.items() if k not in _RESERVED and k not in _KEPT_ALWAYS}
    for name in _KEPT_IF_OMITTED:
        values.setdefault(name, getattr(stored, name))
    values.setdefault("timeout", now + TIMEOUT_DEFAULT)
    values.setdefault("state", stored.state)
    values["processed_by_kcidb_bridge"] = _bridge_flag(stored, values)
    node = Node(
        id=stored.id, owner=stored.owner, submitter=stored.submitter, user_groups=stored.user_groups,
        updated=now, received_at=stored.received_at, ancestors=stored.ancestors, rev=stored.rev, **values,
    )  # fmt: skip
    if node.parent == node.id:
        raise Invalid("parent", "a node cannot be its own parent")
    node.finished_at = finish(stored, node, now)
    check_indexed(node)
    return node


def finish(stored: Node, node: Node, now: datetime) -> datetime | None:
    """The `finished_at` of a node that is written at `now`."""
    if node.state != "done":
        return None
    is_same = stored.state == "done" and stored.result == node.result
    return stored.finished_at if is_same else now


def _bridge_flag(stored: Node, values: Mapping[str, Any]) -> bool:
    """The bridge's flag after an update: False, unless the request changes the stored value; a change of state forces
    False."""
    asked = bool(values.get("processed_by_kcidb_bridge", False))
    return asked and not stored.processed_by_kcidb_bridge and values["state"] == stored.state


def place(node: Node, parent: Node | None) -> None:
    """Put the node under its parent. Raises Invalid when the tree would be too deep or contain a cycle."""
    if parent is None:
        node.parent, node.ancestors = None, []
        return
    if node.id in parent.line:
        raise Invalid("parent", "the new parent is a descendant of the node")
    if len(parent.line) > DEPTH_MAX:
        raise Invalid("parent", f"a node has at most {DEPTH_MAX} ancestors")
    node.parent, node.ancestors = parent.id, parent.line


def check_kind(kind: object) -> None:
    """Raise Invalid for a kind without a model."""
    if kind not in KINDS:
        raise Invalid("kind", f"Unsupported node kind: {kind}")


def check_transition(old: str, new: str) -> None:
    """Raise Invalid for a transition that the state machine does not have."""
    if new not in TRANSITIONS[old]:
        raise Invalid("state", f"Transition not allowed with state: {old} -> {new}")


_INDEXED_DATA = tuple(f.path.split(".") for f in indexes.NODE.fields if f.path.startswith("data."))


def check_indexed(node: Node) -> None:
    """Raise Invalid for free data whose indexed members are not texts, since an index would skip them and answer
    wrongly."""
    for steps in _INDEXED_DATA:
        value: Any = node.data
        for depth, step in enumerate(steps[1:], 2):
            if value is None:
                break
            if not isinstance(value, dict):
                raise Invalid(".".join(steps[: depth - 1]), "must be an object or null")
            value = value.get(step)
        if value is not None and not isinstance(value, str):
            raise Invalid(".".join(steps), "must be text or null")


def time_out(node: Node, now: datetime) -> Node:
    """The node after its timeout: done, and incomplete when it had no result yet (kernelci.md 6)."""
    moved = _moved(node, "done", now)
    if node.result is None:
        moved.result = "incomplete"
        moved.data = {**(node.data or {}), "error_code": "node_timeout", "error_msg": "Node timed-out"}
    return moved


def settle(node: Node, has_pending: bool, now: datetime) -> Node | None:
    """The node after a check of its descendants: a closing node without pending ones is done; None when nothing
    changes."""
    return _moved(node, "done", now) if node.state == "closing" and not has_pending else None


def tick(node: Node, has_pending: bool, now: datetime) -> Node | None:
    """The node after the clock reached `now`: timed out, or past its holdoff, or settled; None when nothing changes."""
    if node.state == "done":
        return None
    if node.timeout < now:
        return time_out(node, now)
    if node.state == "available" and node.holdoff is not None and node.holdoff < now:
        return _moved(node, "closing" if has_pending else "done", now)
    return settle(node, has_pending, now)


def _moved(node: Node, state: str, now: datetime) -> Node:
    finished = now if state == "done" else None
    return replace(node, state=state, updated=now, processed_by_kcidb_bridge=False, finished_at=finished)
