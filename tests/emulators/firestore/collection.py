"""The documents of one collection: those of now, and the old versions that reads at an earlier time need."""

from __future__ import annotations

import bisect
from collections.abc import Iterator

from tests.emulators.firestore.document import Document
from tests.emulators.firestore.limits import READ_TIME_S_MAX

KEPT_US = READ_TIME_S_MAX * 1_000_000


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

    def put(self, id: str, document: Document | None, at: int) -> None:
        """Store a version, or None for a deletion, that is valid from a commit on."""
        self._keep(id, at)
        if document is None:
            if self.live.pop(id, None):
                del self._ids[bisect.bisect_left(self._ids, id)]
        else:
            if id not in self.live:
                bisect.insort(self._ids, id)
            self.live[id] = document
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
