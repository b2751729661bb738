"""Families: all ancestors and all descendants of reports (kcidb.md 4.1).

Reads only the reports that it returns, with one scan for every thirty parents.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from lib.domain.query.budget import Budget
from lib.domain.report.archive import CURSOR_WORDS, Archive, check_cursor, children_where
from lib.domain.report.link import CHILDREN, is_child, parents_of
from lib.domain.report.report import KINDS, Key, key_of
from lib.errors import Invalid
from lib.store.port import Body, Doc, Scan

REPORTS_MAX = 5000
"""Most reports that one request may find below or above those it names. More is refused, never cut."""
ADVICE = (
    "more than %d objects hang from what was asked for: ask for fewer ids, or page through those "
    "of one kind by children=builds, tests or incidents"
)

Bodies = dict[Key, Body]
"""Stored reports by their keys, in the order in which they were found."""


@dataclass(slots=True)
class Families:
    """Walks from reports to their relatives."""

    archive: Archive
    reports_max: int = REPORTS_MAX

    def children(self, roots: Bodies) -> Bodies:
        """Everything that hangs from these reports, without them. Raises TooCostly past the cap."""
        found, budget = Bodies(), Budget(self.reports_max, ADVICE)
        # Whatever hangs from a kind stands after it in KINDS, so one pass reaches everything.
        for kind in KINDS:
            above = [key for key in (*roots, *found) if key.kind == kind]
            for below, field in CHILDREN[kind]:
                for doc in self._below(above, below, field):
                    key = key_of(below, doc.body["object"])
                    if key not in roots and key not in found:
                        budget.spend()
                        found[key] = doc.body
        return found

    def parents(self, of: Bodies) -> Bodies:
        """All stored ancestors of these reports, without the reports themselves."""
        found: Bodies = {}
        wanted = _above(of)
        # Parents come before their children in KINDS.
        for kind in reversed(KINDS):
            more = self.archive.load_many(key for key in wanted if key.kind == kind and key not in of)
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
