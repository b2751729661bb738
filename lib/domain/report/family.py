"""Families: all ancestors and all descendants of reports (kcidb.md 4.1).

Reads only the reports that it returns, with one scan for every thirty parents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.domain.report.archive import CURSOR_WORDS, Archive, check_cursor, children_where
from lib.domain.report.link import CHILDREN, is_child, parents_of
from lib.domain.report.report import KINDS, Key, key_of
from lib.errors import Invalid, TooCostly
from lib.store.port import Body, Doc, Scan

REPORTS_MAX = 5000
"""Most ancestors or descendants that one request may find. More are refused, never cut."""
KEYS_AT_ONCE = 500
"""Parents that are loaded together."""

Bodies = dict[Key, Body]
"""Stored reports by their keys, in the order in which they were found."""


@dataclass(slots=True)
class Families:
    """Walks from reports to their relatives."""

    archive: Archive
    reports_max: int = REPORTS_MAX

    def load(self, keys: list[Key]) -> Bodies:
        """The existing reports of these keys, kind by kind."""
        found: Bodies = {}
        for kind in KINDS:
            some = list(dict.fromkeys(key for key in keys if key.kind == kind))
            for at in range(0, len(some), KEYS_AT_ONCE):
                part = some[at : at + KEYS_AT_ONCE]
                found.update((k, b) for k, b in zip(part, self.archive.load_many(part), strict=True) if b is not None)
        return found

    def children(self, roots: Bodies) -> Bodies:
        """All descendants of these reports, without the reports themselves. Raises TooCostly past REPORTS_MAX."""
        found: Bodies = {}
        # Children come after their parents in KINDS, so one pass reaches all descendants.
        for kind in KINDS:
            above = [key for key in (*roots, *found) if key.kind == kind]
            for below, field in CHILDREN[kind]:
                for doc in self._below(above, below, field):
                    key = key_of(below, doc.body["object"])
                    if key not in roots:
                        found[key] = doc.body
                    if len(found) > self.reports_max:
                        raise TooCostly(_cap_words(self.reports_max))
        return found

    def parents(self, of: Bodies) -> Bodies:
        """All stored ancestors of these reports, without the reports themselves."""
        found: Bodies = {}
        wanted = _above(of)
        # Parents come before their children in KINDS.
        for kind in reversed(KINDS):
            more = self.load([key for key in wanted if key.kind == kind and key not in of])
            found.update(more)
            wanted += _above(more)
        return found

    def page(self, key: Key, kind: str, limit: int, after: str | None) -> tuple[Bodies, str | None]:
        """One page of the direct children of one kind, and the cursor of the next page."""
        if kind not in dict(CHILDREN[key.kind]):
            raise Invalid("children", f"no {kind} hang from {key.kind}")
        if after is not None and check_cursor(after) is not None:
            raise Invalid("cursor", CURSOR_WORDS)
        found = self.archive.page(kind, Scan(children_where(key, kind), "", limit, after))
        views = ((doc.body["object"], doc.body) for doc in found.docs)
        return {key_of(kind, view): body for view, body in views if is_child(key, kind, view)}, found.next

    def _below(self, above: list[Key], kind: str, field: str) -> Iterator[Doc]:
        if above and above[0].kind == "issues":
            for key in above:
                docs = self.archive.find(kind, children_where(key, kind))
                yield from (doc for doc in docs if is_child(key, kind, doc.body["object"]))
        else:
            yield from self.archive.children(kind, field, (key.id for key in above))


def _above(bodies: Bodies) -> list[Key]:
    return [above for key, body in bodies.items() for above in parents_of(key.kind, body["object"])]


def _cap_words(reports_max: int) -> str:
    return (
        f"more than {reports_max} objects hang from what was asked for: ask for fewer ids, or page through those "
        "of one kind by children=builds, tests or incidents"
    )
