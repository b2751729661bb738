"""Lists of views: the reports of KCIDB found by what is asked of nodes (`view`).

Kind by kind, parents first, each in the order of the views' ids, which never changes. What a filter asks of a field
that the store indexes becomes a scan of it; the other filters are checked on the views themselves, within the store's
cap of documents read. Reports that a node alone tells of are left out, for the node is listed already.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import islice

from lib.domain.bridge.view import ID_DIGITS, NODE_KIND, REVISION, SUBMITTER, Family, object_of, view_of
from lib.domain.query.budget import Budget
from lib.domain.query.query import Filter, Query, QueryPlan, matcher, matches, plan
from lib.domain.query.search import ResultPage, ids_of
from lib.domain.query.source import Source, stream
from lib.domain.report.link import LINKS
from lib.domain.report.loader import load_reports
from lib.domain.report.report import COLLECTION, KINDS, Fields, Key, is_projected_only
from lib.errors import Invalid, TooCostly
from lib.store.collection import Collection, Field, FieldType, cut
from lib.store.port import IN_VALUES_MAX, PAGE_DOCS_MAX, Body, Doc, Scan, Store, Where, decode_cursor, encode_cursor

IDS_MAX = 100
"""Most ids that one query names."""
PARENTS: Mapping[str, tuple[str, str]] = {kind: next(iter(LINKS[kind].items())) for kind in ("builds", "tests")}
"""Of a kind, the kind above it and the field that names it."""
REVISION_PATHS: Mapping[str, str] = {
    f"data.kernel_revision.{name}": REVISION[name] for name in ("tree", "url", "branch", "commit")
}
ABOVE = "above"
ALONE = Filter("alone", "eq", None)


def _indexed(kind: str) -> Collection:
    paths = {"owner": "origin", **(REVISION_PATHS if kind == "checkouts" else {})}
    if kind in PARENTS:
        paths[ABOVE] = PARENTS[kind][1]
    texts = (Field(name, FieldType.TEXT, path) for path, name in paths.items())
    return Collection(COLLECTION[kind], (Field("alone", FieldType.BOOL), *texts))


INDEXED: Mapping[str, Collection] = {kind: _indexed(kind) for kind in KINDS}
"""Of each kind, the indexed fields and the paths of nodes that they are. `alone` and ABOVE, the id of the object above,
are no paths of nodes."""
ADVICE = (
    "the query would read more than %d reports: add an equality filter on kind, owner, submitter, parent "
    "or data.kernel_revision.{tree,branch,commit,url}, or a limit"
)


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
        docs = list(islice(self._stream(query.filters, query.after, want), query.offset, query.offset + want))
        is_full = bool(docs) and len(docs) == want
        return ResultPage(docs, encode_cursor(object_of(docs[-1].body)[0], docs[-1].key) if is_full else None)

    def count(self, filters: tuple[Filter, ...]) -> int:
        """How many views meet the filters, exactly. Raises TooCostly past the cap."""
        if ids_of(filters) is None:
            splits = {kind: self._split(kind, filters) for kind in _kinds(filters)}
            if not any(split.residual for split in splits.values() if split is not None):
                return sum(self.store.count(COLLECTION[k], s.where) for k, s in splits.items() if s is not None)
        return sum(1 for _ in self._stream(filters, None, PAGE_DOCS_MAX))

    def _stream(self, filters: tuple[Filter, ...], after: str | None, want: int) -> Iterator[Doc]:
        """The matching views, each under the key of its report."""
        ids, budget = ids_of(filters), Budget(self.docs_max, ADVICE)
        if ids is not None and len(ids) > IDS_MAX:
            raise TooCostly(f"a query of reports names at most {IDS_MAX} ids")
        start, place = (KINDS[0], None) if after is None else _place(after)
        for kind in (kind for kind in _kinds(filters) if KINDS.index(kind) >= KINDS.index(start)):
            key = place if kind == start else None
            if ids is not None:
                yield from self._named(kind, ids, filters, key)
            elif (split := self._split(kind, filters)) is not None:
                source = Source(COLLECTION[kind], partial(self._shown, kind), docs_min=20, docs_max=200)
                cursor = None if key is None else encode_cursor(None, key)
                yield from stream(self.store, source, split, "", budget, after=cursor, want=want)

    def _named(self, kind: str, ids: Sequence[str], filters: tuple[Filter, ...], after: str | None) -> Iterator[Doc]:
        """The matching views of a kind with these ids, in the order of their keys."""
        found = (self._report(kind, id) for id in sorted(set(ids)))
        docs = [doc for doc in found if doc is not None and not is_projected_only(doc.body)]
        meets = matcher(filters)
        return (doc for doc in self._shown(kind, docs) if meets(doc.body) and (after is None or doc.key > after))

    def _report(self, kind: str, id: str) -> Doc | None:
        """The stored report of a kind whose key begins with these digits."""
        page = self.store.find(COLLECTION[kind], Scan((), "", 1, encode_cursor(None, id)))
        return page.docs[0] if page.docs and page.docs[0].key[:ID_DIGITS] == id else None

    def _told(self, kind: str, id: str) -> Doc | None:
        """The report that a node tells of."""
        return self.store.load(COLLECTION[kind], Key(kind, f"{self.origin}:{id}").store_key)

    def _shown(self, kind: str, docs: Sequence[Doc]) -> list[Doc]:
        """The views of some reports of a kind, under the keys of those."""
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
            shown.append(Doc(doc.key, doc.rev, view))
        return shown

    def _above(self, kind: str, ids: Sequence[str]) -> dict[str, Body]:
        """The reports of these ids, as far as they are there."""
        docs = load_reports(self.store, (Key(kind, id) for id in ids))
        return {key.id: doc.body for key, doc in docs.items() if doc is not None}

    def _split(self, kind: str, filters: tuple[Filter, ...]) -> QueryPlan | None:
        """The scan that finds what may match, and what is left to be checked on the views; None when nothing can."""
        ids = self._parents(kind, [f for f in filters if f.op == "eq" and isinstance(f.value, str)])
        if ids == ():
            return None
        above = () if ids is None else (Filter(ABOVE, "in", ids),)
        asked = (ALONE, *above, *(_as_owner(f) for f in filters if f.path != "kind"))
        where, residual = plan(INDEXED[kind], asked, "")
        return QueryPlan(where, tuple(f for f in residual if f.path != ABOVE))

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
        revision = plan(INDEXED["checkouts"], [f for f in filters if f.path in REVISION_PATHS], "").where
        return self._of_revision(above, revision) if revision else None

    def _of_revision(self, kind: str, revision: tuple[Where, ...]) -> tuple[str, ...] | None:
        """The ids of the checkouts of a revision, or of their builds; None when they are too many for one scan."""
        where = revision
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


def _as_owner(f: Filter) -> Filter:
    """A filter for a submitter as one for the owner, which it is made of."""
    is_plain = f.path == "submitter" and f.op == "eq" and isinstance(f.value, str)
    return Filter("owner", "eq", f.value.removeprefix(SUBMITTER)) if is_plain else f


def _kinds(filters: tuple[Filter, ...]) -> list[str]:
    """The kinds whose views may match."""
    if any(f.path == "submitter" and f.op == "eq" and not str(f.value).startswith(SUBMITTER) for f in filters):
        return []
    asked = [f for f in filters if f.path == "kind"]
    return [kind for kind in KINDS if matches({"kind": NODE_KIND[kind]}, asked)]


def _place(cursor: str) -> tuple[str, str]:
    kind, key = decode_cursor(cursor)
    if not isinstance(kind, str) or kind not in KINDS or not key.isalnum() or not key.isascii():
        raise Invalid("after", "not a cursor of this list")
    return kind, key
