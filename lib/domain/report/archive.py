"""The archive: reads reports (kcidb.md 4.1). Every verb that shows a report or its children reads through here."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from lib.domain.query.budget import Budget
from lib.domain.query.source import every
from lib.domain.report.link import LINKS
from lib.domain.report.loader import load_reports
from lib.domain.report.report import COLLECTION, Fields, Key, is_lifted
from lib.errors import Invalid
from lib.store.collection import cut
from lib.store.port import Body, Doc, Page, Scan, Store, Where, decode_cursor

KEYS_AT_ONCE = 30
"""Parents whose children one scan finds (`IN_VALUES_MAX` of the store's port)."""
CURSOR_WORDS = "not a cursor of this list"


@dataclass(slots=True)
class Archive:
    """Reads stored reports."""

    store: Store

    def load(self, key: Key) -> Body | None:
        """The stored body of a report (`report.py`), None when there is none."""
        doc = self.store.load(COLLECTION[key.kind], key.store_key)
        return None if doc is None else doc.body

    def load_many(self, keys: Iterable[Key], budget: Budget | None = None) -> dict[Key, Body]:
        """The stored bodies of those of these reports that there are, kind by kind."""
        docs = load_reports(self.store, keys, budget)
        return {key: doc.body for key, doc in docs.items() if doc is not None}

    def newest(self, id: str) -> Body | None:
        """The highest version of an issue, None when there is none."""
        # Long ids are indexed by their beginning only.
        for doc in self.find("issues", (Where("issue_id", "==", cut(id)),), "-version", 1):
            if doc.body["object"]["id"] == id:
                return doc.body
        return None

    def find(self, kind: str, where: tuple[Where, ...], order: str = "", page: int = 1000) -> Iterator[Doc]:
        """The reports that meet all conditions, page by page."""
        return every(self.store, COLLECTION[kind], Scan(where, order, page))

    def page(self, kind: str, scan: Scan) -> Page:
        """One page of the reports of a kind."""
        return self.store.find(COLLECTION[kind], scan)

    def children(self, kind: str, field: str, ids: Iterable[str]) -> Iterator[Doc]:
        """The reports of a kind that name one of these ids in a field of `CHILDREN`."""
        wanted = list(dict.fromkeys(ids))
        for at in range(0, len(wanted), KEYS_AT_ONCE):
            some = wanted[at : at + KEYS_AT_ONCE]
            # Long ids are indexed by their beginning only.
            for doc in self.find(kind, (Where(field, "in", tuple(dict.fromkeys(map(cut, some)))),)):
                if doc.body["object"].get(field) in some:
                    yield doc

    def whole(self, views: Sequence[Fields]) -> list[Fields]:
        """The views with their log excerpts restored; each excerpt is read once."""
        digests = {v["log_excerpt"]["sha256"] for v in views if is_lifted(v.get("log_excerpt"))}
        if not digests:
            return list(views)
        texts = self._texts(sorted(digests))
        return [_filled(view, texts) for view in views]

    def submissions(self, ids: Sequence[str]) -> dict[str, Body]:
        """The records of these submissions; ids without a record, such as those of nodes, are left out."""
        docs = self.store.load_many("submission", ids)
        return {doc.key: doc.body for doc in docs if doc is not None}

    def close(self) -> None:
        """Close the store, for callers that own it."""
        self.store.close()

    def _texts(self, digests: Sequence[str]) -> dict[str, str]:
        docs = self.store.load_many("excerpt", digests)
        return {doc.key: doc.body["text"] for doc in docs if doc is not None}


def check_cursor(text: str) -> str | None:
    """The order value of a cursor of the store, None in key order. Raises Invalid."""
    try:
        value, key = decode_cursor(text)
    except Invalid as error:
        raise Invalid("cursor", CURSOR_WORDS) from error
    if not (value is None or isinstance(value, str)) or not f"{value}{key}".isascii():
        raise Invalid("cursor", CURSOR_WORDS)
    return value


def children_where(key: Key, kind: str) -> tuple[Where, ...]:
    """The conditions that find the children of one kind of a report. A long id is compared by its beginning only;
    `is_child` checks it completely."""
    where = Where(LINKS[kind][key.kind], "==", cut(key.id))
    return (where,) if key.version is None else (where, Where("issue_version", "==", key.version))


def _filled(view: Fields, texts: Mapping[str, str]) -> Fields:
    excerpt = view.get("log_excerpt")
    return {**view, "log_excerpt": texts[excerpt["sha256"]]} if is_lifted(excerpt) else view
