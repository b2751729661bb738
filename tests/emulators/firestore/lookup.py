"""Finds documents of one collection by one field, so that a query need not look at all of them.

For speed only: it narrows what a query looks at, and knows nothing of which indexes are declared.
"""

from __future__ import annotations

import bisect
import operator
from collections.abc import Iterable

from tests.emulators.firestore.document import Document
from tests.emulators.firestore.filter import Condition
from tests.emulators.firestore.path import Path
from tests.emulators.firestore.value import Key, elements

Entry = tuple[Key, str]

_KEY = operator.itemgetter(0)


class Lookup:
    """Pairs of a field's value, or each of its elements, and a document's id; sorted."""

    def __init__(self, path: Path, is_by_element: bool, documents: Iterable[Document]) -> None:
        self._path = path
        self._is_by_element = is_by_element
        self._entries = sorted(entry for document in documents for entry in self._entries_of(document))

    def _entries_of(self, document: Document) -> list[Entry]:
        key = document.key(self._path)
        if self._is_by_element:
            return [(element, document.id) for element in set(elements(key))]
        return [] if key is None else [(key, document.id)]

    def add(self, document: Document) -> None:
        for entry in self._entries_of(document):
            bisect.insort(self._entries, entry)

    def remove(self, document: Document) -> None:
        for entry in self._entries_of(document):
            del self._entries[bisect.bisect_left(self._entries, entry)]

    def span(self, conditions: Iterable[Condition]) -> range:
        """Where the entries stand that meet conditions on this field."""
        first, end = 0, len(self._entries)
        for _, op, key in conditions:
            low, high = self._span(op, key)
            first, end = max(first, low), min(end, high)
        return range(first, end)

    def _span(self, op: str, key: Key) -> tuple[int, int]:
        """Equal, or on one side within the values of one type."""
        if op in (">", ">="):
            side = bisect.bisect_right if op == ">" else bisect.bisect_left
            return side(self._entries, key, key=_KEY), bisect.bisect_left(self._entries, (key[0] + 1,), key=_KEY)
        if op in ("<", "<="):
            side = bisect.bisect_left if op == "<" else bisect.bisect_right
            return bisect.bisect_left(self._entries, (key[0],), key=_KEY), side(self._entries, key, key=_KEY)
        return bisect.bisect_left(self._entries, key, key=_KEY), bisect.bisect_right(self._entries, key, key=_KEY)

    def ids(self, span: range) -> set[str]:
        return {self._entries[at][1] for at in span}
