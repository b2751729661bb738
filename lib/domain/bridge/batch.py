"""Batches of the projection: nodes as they are stored now, with all that what they tell depends on.

Hides: which further documents that takes, and how few reads. Called by `projector`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lib.domain.bridge.projection import TEST_KINDS, UNFINISHED, FinishTimes, Projected, project_node
from lib.domain.node.node import Node, from_body
from lib.domain.query.source import pages
from lib.domain.report.loader import load_reports
from lib.domain.report.report import Key
from lib.store.port import IN_VALUES_MAX, Doc, Scan, Store, Where

OWN_KIND: Mapping[str, str] = {"checkout": "checkouts", "kbuild": "builds", **dict.fromkeys(TEST_KINDS, "tests")}
"""The kind of the report that a node tells of by its own id."""
FINISHING = ("closing", "done")
"""States of a checkout below which no builds are made any more."""
BUILDS_READ_MAX = 2000
JOBS_READ_MAX = 5000
"""Most builds and jobs of one checkout that are asked when they were done."""
PAGE_DOCS = 500


@dataclass(slots=True)
class Batch:
    """Some nodes, the deepest last. `revs` are those of all nodes that were read: while they stand, so does `told`."""

    origin: str
    nodes: list[Node]
    above: dict[str, Node]
    reports: dict[Key, Doc | None]
    """Their own reports, as they were before anything else was looked up."""
    parents: set[str] = field(default_factory=set)
    """Those of the nodes that have children."""
    finishes: dict[str, FinishTimes] = field(default_factory=dict)

    def key(self, node: Node) -> Key | None:
        """The key of a node's own report."""
        return Key(OWN_KIND[node.kind], f"{self.origin}:{node.id}") if node.kind in OWN_KIND else None

    def line(self, node: Node) -> list[Node]:
        """The nodes above one, the root first."""
        return [self.above[id] for id in node.ancestors if id in self.above]

    def told(self, node: Node) -> list[Projected]:
        """What a node of the batch tells."""
        finish = self.finishes.get(node.id, UNFINISHED)
        return project_node(node, self.line(node), self.origin, finish, has_children=node.id in self.parents)

    def revs(self, nodes: Iterable[Node]) -> dict[str, int]:
        """The revisions of these nodes of the batch, and of those above them."""
        return {one.id: one.rev for node in nodes for one in (*self.line(node), node)}

    def touched(self, fresh: Iterable[str]) -> set[str]:
        """Others that tell something else when these nodes change: their checkout, when builds below one that is
        closing, or anything below one that is done; and what was no suite before one of the nodes named in `fresh` was
        created."""
        new, found = frozenset(fresh), set()
        for node in self.nodes:
            line = self.line(node)
            states = FINISHING if node.kind == "kbuild" else ("done",)
            found |= {above.id for above in line if above.kind == "checkout" and above.state in states}
            if node.id in new and line and line[-1].kind in TEST_KINDS:
                found.add(line[-1].id)
        return found - {node.id for node in self.nodes}


def read_batch(store: Store, docs: Iterable[Doc | None], origin: str) -> Batch:
    """The batch of these nodes as they were stored when they were read."""
    nodes = [from_body(doc.body, doc.rev) for doc in docs if doc is not None]
    nodes.sort(key=lambda node: len(node.ancestors))
    above = {node.id: node for node in nodes}
    lacking = sorted({id for node in nodes for id in node.ancestors} - above.keys())
    found = store.load_many("node", lacking) if lacking else []
    above.update({doc.key: from_body(doc.body, doc.rev) for doc in found if doc is not None})
    batch = Batch(origin, nodes, above, {})
    batch.reports = load_reports(store, [key for key in map(batch.key, nodes) if key is not None])
    batch.parents = _parents(store, [n.id for n in nodes if n.kind in TEST_KINDS])
    batch.finishes = {n.id: _finish(store, n) for n in nodes if n.kind == "checkout" and n.state in FINISHING}
    return batch


def _parents(store: Store, ids: Sequence[str]) -> set[str]:
    """Those of the ids that some node names as its parent."""
    parents: set[str] = set()
    for start in range(0, len(ids), IN_VALUES_MAX):
        asked = ids[start : start + IN_VALUES_MAX]
        while asked:
            page = store.find("node", Scan((Where("parent", "in", tuple(asked)),), "received_at", IN_VALUES_MAX))
            found = {doc.body["parent"] for doc in page.docs}
            parents |= found
            # Of one with many children, more than a page holds may hide those of others.
            asked = [id for id in asked if id not in found] if page.next is not None else []
    return parents


def _finish(store: Store, checkout: Node) -> FinishTimes:
    """When the last build and the last test below a checkout were done, as far as they are."""
    ended = (checkout.finished_at or checkout.updated) if checkout.state == "done" else None
    builds_at = tests_at = None
    if not _has_pending(store, checkout, ("kbuild",)):
        builds_at = max(_finished(store, checkout, "kbuild", BUILDS_READ_MAX), default=ended)
    if ended is not None and builds_at is not None and not _has_pending(store, checkout, TEST_KINDS):
        tests_at = max((ended, *_finished(store, checkout, "job", JOBS_READ_MAX)))
    return FinishTimes(builds_at, tests_at)


def _has_pending(store: Store, checkout: Node, kinds: tuple[str, ...]) -> bool:
    where = (
        Where("ancestors", "contains", checkout.id), Where("pending", "==", True), Where("kind", "in", kinds),
    )  # fmt: skip
    return bool(store.find("node", Scan(where, "received_at", 1)).docs)


def _finished(store: Store, checkout: Node, kind: str, most: int) -> Iterator[datetime]:
    """When the nodes of a kind below a checkout were done, the first ones that were received."""
    where = (Where("ancestors", "contains", checkout.id), Where("kind", "==", kind))
    for docs in pages(store, "node", Scan(where, "received_at", PAGE_DOCS), most // PAGE_DOCS):
        for doc in docs:
            node = from_body(doc.body, doc.rev)
            yield node.finished_at or node.updated
