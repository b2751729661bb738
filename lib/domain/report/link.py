"""Links: the parents of each kind of report, and the fields that name them (kcidb.md 1.2). Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lib.domain.report.report import KINDS, Key

LINKS: Mapping[str, Mapping[str, str]] = {
    "checkouts": {},
    "builds": {"checkouts": "checkout_id"},
    "tests": {"builds": "build_id"},
    "issues": {},
    "incidents": {"issues": "issue_id", "builds": "build_id", "tests": "test_id"},
}
"""For each kind, the kinds of its direct parents and the field that names the parent."""

CHILDREN: Mapping[str, tuple[tuple[str, str], ...]] = {
    above: tuple((kind, LINKS[kind][above]) for kind in KINDS if above in LINKS[kind]) for above in KINDS
}
"""For each kind, the kinds of its direct children and the field in which they name it."""


def parents_of(kind: str, view: Mapping[str, Any]) -> Iterator[Key]:
    """The keys of the direct parents that a report names, stored or not."""
    for above, field in LINKS[kind].items():
        id = view.get(field)
        if id is not None:
            yield Key(above, id, view["issue_version"] if above == "issues" else None)


def is_child(key: Key, kind: str, view: Mapping[str, Any]) -> bool:
    """Whether a report of this kind names `key` as its direct parent."""
    return key in parents_of(kind, view)
