"""Lists of views: the reports of KCIDB found by what is asked of nodes (`view`).

Kind by kind, parents first, each in the order of the views' ids, which never changes. What a filter asks of a field
that the store indexes becomes a scan of it; all filters are then checked on the views themselves, within the store's
cap of documents read. Reports that a node alone tells of are left out, for the node is listed already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from lib.domain.bridge.view import ID_DIGITS, NODE_KIND, REVISION, SUBMITTER, Family, view_of
from lib.domain.query.query import Filter, Query, matches
from lib.domain.query.search import ResultPage
from lib.domain.report.link import LINKS
from lib.domain.report.loader import load_reports
from lib.domain.report.report import COLLECTION, KINDS, Fields, Key, is_projected_only
from lib.errors import Invalid, TooCostly
from lib.store.collection import cut
from lib.store.port import IN_VALUES_MAX, Body, Doc, Scan, Store, Where, decode_cursor, encode_cursor

PAGE_DOCS = 200
PAGE_DOCS_MIN = 20
IDS_MAX = 100
"""Most ids that one query names."""
INDEXED_CHARS_MAX = 200
"""A longer text may not be indexed whole."""
ALONE = Where("alone", "==", None)
PARENTS: Mapping[str, tuple[str, str]] = {kind: next(iter(LINKS[kind].items())) for kind in ("builds", "tests")}
"""Of a kind, the kind above it and the field that names it."""
REVISION_FIELDS: Mapping[str, str] = {
    f"data.kernel_revision.{name}": REVISION[name] for name in ("tree", "url", "branch", "commit")
}
"""Paths of nodes that are indexed fields of checkouts."""


class _Split(NamedTuple):
    """What the store answers of a query for one kind; `is_exact`: all of it, so that counting reads nothing."""

    where: tuple[Where, ...]
    is_exact: bool


@dataclass(slots=True)
class Views:
    """Find, count and load views. `docs_max` is the store's cap of documents read, `origin` that of nodes."""

    store: Store
    docs_max: int
    origin: str

    def load(self, id: str) -> Doc | None:
        """The view of this id, or None."""
        for kind in KINDS:
            doc = self._report(kind, id)
            if doc is not None and not is_projected_only(doc.body):
                return self._shown(kind, [doc])[0]
        return None

    def page(self, query: Query) -> ResultPage:
        """The views of a page. Raises TooCostly past the cap, Invalid for a cursor of another list."""
        want = self.docs_max if query.limit is None else query.limit
        found: list[Doc] = []
        skip = query.offset
        for kind, doc in self._stream(query.filters, query.after, want):
            if skip:
                skip -= 1
                continue
            found.append(doc)
            if len(found) == want:
                return ResultPage(found, encode_cursor(kind, doc.key))
        return ResultPage(found, None)

    def count(self, filters: tuple[Filter, ...]) -> int:
        """How many views meet the filters, exactly. Raises TooCostly past the cap."""
        if _ids_of(filters) is None:
            splits = {kind: self._split(kind, filters) for kind in _kinds(filters)}
            if all(split is None or split.is_exact for split in splits.values()):
                return sum(self.store.count(COLLECTION[k], s.where) for k, s in splits.items() if s is not None)
        return sum(1 for _ in self._stream(filters, None, PAGE_DOCS))

    def _stream(self, filters: tuple[Filter, ...], after: str | None, want: int) -> Iterator[tuple[str, Doc]]:
        """The matching views, each with its kind; the key of a view here is its report's."""
        ids = _ids_of(filters)
        start = None if after is None else _place(after)
        kinds = [kind for kind in _kinds(filters) if start is None or KINDS.index(kind) >= KINDS.index(start[0])]
        read = 0
        for kind in kinds:
            place = start[1] if start is not None and start[0] == kind else None
            pages = self._scan(kind, filters, place, want) if ids is None else self._named(kind, ids, place)
            for docs in pages:
                read += len(docs)
                if read > self.docs_max:
                    raise TooCostly(_cap_words(self.docs_max))
                for report, view in zip(docs, self._shown(kind, docs), strict=True):
                    if matches(view.body, filters):
                        yield kind, Doc(report.key, view.rev, view.body)

    def _scan(self, kind: str, filters: tuple[Filter, ...], after: str | None, want: int) -> Iterator[list[Doc]]:
        """The reports of a kind that may match, page by page, in the order of their keys."""
        split = self._split(kind, filters)
        cursor = None if after is None else encode_cursor(None, after)
        while split is not None:
            size = min(PAGE_DOCS, want if split.is_exact else max(2 * want, PAGE_DOCS_MIN))
            page = self.store.find(COLLECTION[kind], Scan(split.where, "", size, cursor))
            yield page.docs
            cursor = page.next
            if cursor is None:
                return

    def _named(self, kind: str, ids: Sequence[str], after: str | None) -> Iterator[list[Doc]]:
        """The reports of a kind with these views, in the order of their keys."""
        found = (self._report(kind, id) for id in sorted(set(ids)))
        yield [
            doc for doc in found
            if doc is not None and not is_projected_only(doc.body) and (after is None or doc.key > after)
        ]  # fmt: skip

    def _report(self, kind: str, id: str) -> Doc | None:
        """The stored report of a kind whose key begins with these digits."""
        page = self.store.find(COLLECTION[kind], Scan((), "", 1, encode_cursor(None, id)))
        return page.docs[0] if page.docs and page.docs[0].key[:ID_DIGITS] == id else None

    def _told(self, kind: str, id: str) -> Doc | None:
        """The report that a node tells of."""
        return self.store.load(COLLECTION[kind], Key(kind, f"{self.origin}:{id}").store_key)

    def _shown(self, kind: str, docs: Sequence[Doc]) -> list[Doc]:
        """The views of some reports of a kind, under their own ids."""
        objects = [doc.body["object"] for doc in docs]
        builds = self._above("builds", [o["build_id"] for o in objects]) if kind == "tests" else {}
        stems = objects if kind == "builds" else [body["object"] for body in builds.values()]
        checkouts = self._above("checkouts", [stem["checkout_id"] for stem in stems])
        shown = []
        for doc, fields in zip(docs, objects, strict=True):
            build = builds.get(fields["build_id"]) if kind == "tests" else None
            stem = fields if kind == "builds" else _object(build)
            checkout = checkouts.get(stem.get("checkout_id", ""))
            parent = _teller(build if kind == "tests" else checkout)
            view = view_of(kind, doc.body, Family(_object(build), _object(checkout), parent))
            shown.append(Doc(view["id"], doc.rev, view))
        return shown

    def _above(self, kind: str, ids: Sequence[str]) -> dict[str, Body]:
        """The reports of these ids, as far as they are there."""
        docs = load_reports(self.store, (Key(kind, id) for id in ids))
        return {key.id: doc.body for key, doc in docs.items() if doc is not None}

    def _split(self, kind: str, filters: tuple[Filter, ...]) -> _Split | None:
        """The scan that finds what may match; None when nothing can."""
        where, rest = [ALONE], []
        for f in filters:
            term = _term(kind, f)
            if term is not None:
                where.append(term)
            elif f.path != "kind":
                rest.append(f)
        ids = self._parents(kind, [f for f in rest if _is_plain(f)])
        if ids is not None:
            if not ids:
                return None
            where.append(Where(PARENTS[kind][1], "in", ids))
        return _Split(tuple(where), not rest)

    def _parents(self, kind: str, filters: Sequence[Filter]) -> tuple[str, ...] | None:
        """What a kind's reports may hang from, by these filters, as the index has it; None when they do not tell, or of
        too many for one scan."""
        if kind not in PARENTS:
            return () if any(f.path == "parent" for f in filters) else None
        above = PARENTS[kind][0]
        for f in filters:
            if f.path == "parent":
                doc = self._report(above, f.value) or self._told(above, f.value)
                return () if doc is None else (cut(doc.body["object"]["id"]),)
        revision = [Where(REVISION_FIELDS[f.path], "==", f.value) for f in filters if f.path in REVISION_FIELDS]
        return self._of_revision(above, revision) if revision else None

    def _of_revision(self, kind: str, revision: Sequence[Where]) -> tuple[str, ...] | None:
        """The ids of the checkouts of a revision, or of their builds; None when they are too many for one scan."""
        where = tuple(revision)
        if kind == "builds":
            checkouts = self._of_revision("checkouts", revision)
            if not checkouts:
                return checkouts
            where = (Where("checkout_id", "in", checkouts),)
        docs = self.store.find(COLLECTION[kind], Scan(where, "", IN_VALUES_MAX + 1)).docs
        return None if len(docs) > IN_VALUES_MAX else tuple(dict.fromkeys(cut(d.body["object"]["id"]) for d in docs))


def _object(body: Body | None) -> Fields:
    return {} if body is None else body["object"]


def _teller(body: Body | None) -> str | None:
    """The node that alone tells of a report."""
    return None if body is None or not is_projected_only(body) else body["node"]["id"]


def _is_plain(f: Filter) -> bool:
    """Whether a filter asks for one short text, which an index decides."""
    return f.op == "eq" and isinstance(f.value, str) and len(f.value) <= INDEXED_CHARS_MAX


def _term(kind: str, f: Filter) -> Where | None:
    """The condition on an indexed field that a filter is; None when it is none."""
    if not _is_plain(f):
        return None
    if f.path == "owner":
        return Where("origin", "==", f.value)
    if f.path == "submitter":
        return Where("origin", "==", f.value.removeprefix(SUBMITTER))
    if kind == "checkouts" and f.path in REVISION_FIELDS:
        return Where(REVISION_FIELDS[f.path], "==", f.value)
    return None


def _kinds(filters: tuple[Filter, ...]) -> list[str]:
    """The kinds whose views may match."""
    if any(f.path == "submitter" and _is_plain(f) and not f.value.startswith(SUBMITTER) for f in filters):
        return []
    asked = [f for f in filters if f.path == "kind"]
    return [kind for kind in KINDS if matches({"kind": NODE_KIND[kind]}, asked)]


def _ids_of(filters: tuple[Filter, ...]) -> list[str] | None:
    """The ids that a query names outright."""
    for f in filters:
        if f.path == "id" and f.op in ("eq", "in"):
            ids = [id for id in (f.value if f.op == "in" else (f.value,)) if isinstance(id, str)]
            if len(ids) > IDS_MAX:
                raise TooCostly(f"a query of reports names at most {IDS_MAX} ids")
            return ids
    return None


def _place(cursor: str) -> tuple[str, str]:
    kind, key = decode_cursor(cursor)
    if not isinstance(kind, str) or kind not in KINDS or not key.isalnum() or not key.isascii():
        raise Invalid("after", "not a cursor of this list")
    return kind, key


def _cap_words(docs_max: int) -> str:
    return (
        f"the query would read more than {docs_max} reports: add an equality filter on kind, owner, submitter, parent "
        "or data.kernel_revision.{tree,branch,commit,url}, or a limit"
    )
