"""The documents of one collection: those of now, and the old versions that reads at an earlier time need."""

from __future__ import annotations

import bisect
from collections.abc import Iterator, Sequence

from tests.emulators.firestore.document import Document
from tests.emulators.firestore.filter import Condition, Disjunct
from tests.emulators.firestore.limits import READ_TIME_S_MAX
from tests.emulators.firestore.lookup import Lookup
from tests.emulators.firestore.path import Path

KEPT_US = READ_TIME_S_MAX * 1_000_000
SMALL = 100
"""So many documents are looked at one by one."""
NARROWING = ("==", "contains", "<", "<=", ">", ">=")


class Collection:
    """Documents by id. `path` is relative (`a`, `a/x/b`); times are commit times in microseconds."""

    def __init__(self, path: str) -> None:
        self.path = path
        self.id = path.rpartition("/")[2]
        self.live: dict[str, Document] = {}
        self.changed_at = 0
        self._ids: list[str] = []
        self._past: dict[str, list[tuple[int, Document | None]]] = {}
        self._listed: list[Document] | None = []
        self._lookups: dict[tuple[Path, bool], Lookup] = {}

    def put(self, id: str, document: Document | None, at: int) -> None:
        """Store a version, or None for a deletion, that is valid from a commit on."""
        self._keep(id, at)
        before = self.live.pop(id, None)
        if before and not document:
            del self._ids[bisect.bisect_left(self._ids, id)]
        if document:
            if not before:
                bisect.insort(self._ids, id)
            self.live[id] = document
        for lookup in self._lookups.values():
            if before:
                lookup.remove(before)
            if document:
                lookup.add(document)
        self.changed_at = at
        self._listed = None

    def _keep(self, id: str, at: int) -> None:
        """Put the version that ends now aside, and forget what nobody may read any more."""
        versions = self._past.setdefault(id, [])
        versions.append((at, self.live.get(id)))
        while versions[0][0] < at - KEPT_US:
            del versions[0]

    def get(self, id: str, at: int | None = None) -> Document | None:
        """The document now, or as it was right after the commits up to a time."""
        if at is not None and at < self.changed_at:
            versions = self._past.get(id, ())
            ended = bisect.bisect_right(versions, at, key=lambda version: version[0])
            if ended < len(versions):
                return versions[ended][1]
        return self.live.get(id)

    def documents(self, at: int | None = None) -> list[Document]:
        """All documents in order of their ids, now or as of a time."""
        if at is not None and at < self.changed_at:
            return list(self._documents_at(at))
        if self._listed is None:
            self._listed = [self.live[id] for id in self._ids]
        return self._listed

    def _documents_at(self, at: int) -> Iterator[Document]:
        for id in sorted(self.live.keys() | self._past.keys()):
            document = self.get(id, at)
            if document is not None:
                yield document

    def narrowed(self, disjuncts: Sequence[Disjunct], at: int | None = None) -> list[Document]:
        """Documents in order of their ids, all among them that meet one of the disjuncts."""
        is_past = at is not None and at < self.changed_at
        if is_past or len(self.live) <= SMALL:
            return self.documents(at)
        found: set[str] = set()
        for disjunct in disjuncts:
            ids = self._narrow(disjunct)
            if ids is None:
                return self.documents()
            found |= ids
        return [self.live[id] for id in sorted(found)]

    def _narrow(self, disjunct: Disjunct) -> set[str] | None:
        """Ids by the field of a disjunct that leaves the fewest; None when it narrows nothing."""
        fields: dict[tuple[Path, bool], list[Condition]] = {}
        for condition in disjunct:
            if condition.op in NARROWING:
                fields.setdefault((condition.path, condition.op == "contains"), []).append(condition)
        if not fields:
            return None
        spans = [((lookup := self._lookup(*key)).span(own), lookup) for key, own in fields.items()]
        span, lookup = min(spans, key=lambda pair: len(pair[0]))
        return lookup.ids(span)

    def _lookup(self, path: Path, is_by_element: bool) -> Lookup:
        lookup = self._lookups.get((path, is_by_element))
        if lookup is None:
            lookup = self._lookups[path, is_by_element] = Lookup(path, is_by_element, self.live.values())
        return lookup
