"""The catalog: the node verbs. Authorise, read, apply a pure rule, write the record and its event as one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from itertools import chain

from lib.domain.account.access import Actor
from lib.domain.event.backlog import task
from lib.domain.event.event import News
from lib.domain.event.ledger import Ledger, Once
from lib.domain.node import node as rules
from lib.domain.node.manifest import Manifests, Planned
from lib.domain.node.news import node_news
from lib.domain.node.node import Draft, Node, from_body, to_body
from lib.domain.node.patch import patch
from lib.domain.node.rights import may_edit, require_edit
from lib.domain.node.tree import Branch, TreePlan, plan_tree
from lib.domain.query.query import Filter, Query
from lib.domain.query.search import ResultPage, Searcher
from lib.domain.query.source import every
from lib.errors import Conflict, Invalid, NotFound, Stale, TooCostly, TooLarge
from lib.ids import Ids
from lib.store.port import Doc, Scan, Store, Tx, Where

BATCH_NODES_MAX = 10_000
FLAGGED_AT_ONCE = 200
SUBTREE_NODES_MAX = 100_000
SUBTREE_AT_ONCE = 1000
MOVED_DESCENDANTS_MAX = 400
"""Most descendants that one edit moves with a node to a new parent."""

Revs = Collection[int] | None
"""Revisions that an edit may start from; None: any."""


@dataclass(slots=True)
class Catalog:
    """Submit, get, find, count and edit nodes."""

    store: Store
    ledger: Ledger
    manifests: Manifests
    search: Searcher
    ids: Ids
    source: str

    def get(self, id: str) -> Node | None:
        """The node, or None."""
        doc = self.store.load("node", id)
        return None if doc is None else from_body(doc.body, doc.rev)

    def load(self, id: str) -> Doc | None:
        """The node as a stored document, or None."""
        return self.store.load("node", id)

    def load_many(self, ids: Sequence[str]) -> list[Doc]:
        """The existing nodes of these ids, in their order, as stored documents."""
        return [doc for doc in self.store.load_many("node", ids) if doc is not None]

    def find(self, query: Query) -> list[Doc]:
        """The nodes of a page, oldest first, as stored documents."""
        return self.search.find("node", query)

    def newest(self, limit: int) -> list[Doc]:
        """The newest nodes, oldest of them first, as stored documents."""
        return self.search.find("node", Query(limit=limit), "-received_at")[::-1]

    def page(self, query: Query, order: str = "received_at") -> ResultPage:
        """As `find`, in a given order and with the cursor to continue from."""
        return self.search.page("node", query, order)

    def subtree(self, id: str) -> Iterator[Doc]:
        """A node and all its descendants, oldest first. Raises NotFound, and TooCostly past SUBTREE_NODES_MAX."""
        root = self.store.load("node", id)
        if root is None:
            raise NotFound("node", id)
        below = (Where("ancestors", "contains", id),)
        if self.store.count("node", below) > SUBTREE_NODES_MAX:
            raise TooCostly(f"the tree has more than {SUBTREE_NODES_MAX} nodes; ask for the trees of its children")
        return chain([root], every(self.store, "node", Scan(below, "received_at", SUBTREE_AT_ONCE)))

    def count(self, filters: tuple[Filter, ...]) -> int:
        """The number of nodes that meet the filters."""
        return self.search.count("node", filters)

    def submit(self, actor: Actor, draft: Draft, now: datetime, once: Once | None = None) -> Node:
        """Create a node, owned by the actor. Raises NotFound for its parent, Invalid for an unknown user group."""
        self._check_groups(draft)
        id, event_id = self.ids.record(now), self.ids.event()
        parent_id = draft.get("parent")

        def work(tx: Tx) -> tuple[Node, list[News]]:
            parent = None if parent_id is None else _require(tx, parent_id, "parent")
            node = rules.create(draft, id=id, owner=actor.username, now=now, parent=parent)
            tx.create("node", id, to_body(node))
            node.rev = 1
            return node, [node_news(event_id, self.source, node, None)]

        return self.ledger.write(now, work, once)

    def edit(
        self, actor: Actor, id: str, draft: Draft, now: datetime, *, quiet: bool = False, expect: Revs = None
    ) -> Node:
        """Replace a node (kernelci.md 2.4, PUT). `quiet` omits the event; the node is settled all the same.

        Raises Stale when `expect` names revs and the stored rev is none of them.
        """
        return self._change(actor, id, lambda stored: rules.edit(stored, draft, now), now, quiet, expect)

    def patch(
        self,
        actor: Actor,
        id: str,
        changes: Draft,
        now: datetime,
        *,
        check: Callable[[Node], None],
        merge: bool = False,
        quiet: bool = False,
        expect: Revs = None,
    ) -> Node:
        """Change only the given fields (kernelci.md 2.4, PATCH). `check` refuses data its kind does not allow."""

        def rule(stored: Node) -> Node:
            node = patch(stored, changes, now, merge=merge)
            check(node)
            return node

        return self._change(actor, id, rule, now, quiet, expect)

    def _change(
        self, actor: Actor, id: str, rule: Callable[[Node], Node], now: datetime, quiet: bool, expect: Revs
    ) -> Node:
        event_id = self.ids.event()

        def work(tx: Tx) -> tuple[Node, list[News]]:
            stored = _require(tx, id, "node")
            require_edit(actor, stored)
            if expect is not None and stored.rev not in expect:
                raise Stale(f"the node is at revision {stored.rev}")
            edited = rule(stored)
            moved = self._move(tx, stored, edited)
            edited.rev = tx.save("node", id, to_body(edited))
            for node in moved:
                tx.save("node", node.id, to_body(node))
            if edited.parent != stored.parent:
                # The log has no events for the moved descendants and for the former parent.
                tx.create("backlog", event_id, task(now, [n for n in (id, stored.parent) if n is not None], id))
            elif quiet:
                tx.create("backlog", event_id, task(now, [id]))
            return edited, _news(event_id, self.source, edited, stored, quiet)

        return self.ledger.write(now, work)

    def replace_tree(
        self, actor: Actor, root_id: str, tree: Branch, now: datetime, once: Once | None = None, expect: Revs = None
    ) -> list[Doc]:
        """Replace a root and create or replace its descendants, all or nothing (kernelci.md 2.4, PUT nodes).

        Returns the stored nodes in pre-order. A child that names an existing node outside the root's subtree is
        refused, and so is a child that the actor may not edit. Raises Stale when `expect` names revs and the root's rev
        is none of them.
        """
        plan: TreePlan = plan_tree(root_id, tree, lambda: self.ids.record(now))
        event_id = self.ids.event()

        def planned(reader: Tx | Store) -> Planned:
            nodes, root = _apply(reader, plan, actor, now, expect)
            docs = [Doc(n.id, n.rev + 1, to_body(n)) for n in nodes]
            return Planned(docs, node_news(event_id, self.source, nodes[0], root, is_hierarchy=True))

        def work(tx: Tx) -> tuple[list[Doc], list[News]]:
            docs, news = planned(tx)
            if not self.manifests.fits(docs):
                raise _Oversize
            for doc in docs:
                if doc.rev > 1:
                    tx.save("node", doc.key, doc.body)
                else:
                    tx.create("node", doc.key, doc.body)
            return docs, [news]

        if self.manifests.may_fit(len(plan.leaves)):
            with suppress(_Oversize):
                return self.ledger.write(now, work, once)
        return self.manifests.stage(root_id, lambda: planned(self.store), now, once)

    def flag(self, actor: Actor, ids: Sequence[str], value: bool, now: datetime) -> int:
        """Set the bridge's flag on many nodes (kernelci.md 2.4, batch). Returns the number of changed nodes.

        Nodes that the actor may not edit are skipped, and no event is written. Raises NotFound for the first unknown
        id, before anything is written.
        """
        wanted = list(dict.fromkeys(ids))
        if len(wanted) > BATCH_NODES_MAX:
            raise TooLarge(f"at most {BATCH_NODES_MAX} nodes at a time")
        for id, doc in zip(wanted, self.store.load_many("node", wanted), strict=True):
            if doc is None:
                raise NotFound("node", id)

        def work(tx: Tx) -> int:
            docs = tx.load_many("node", chunk)
            nodes = [from_body(d.body, d.rev) for d in docs if d is not None]
            allowed = [n for n in nodes if may_edit(actor, n)]
            for node in allowed:
                node.processed_by_kcidb_bridge, node.updated = value, now
                tx.save("node", node.id, to_body(node))
            return len(allowed)

        done = 0
        for start in range(0, len(wanted), FLAGGED_AT_ONCE):
            chunk = wanted[start : start + FLAGGED_AT_ONCE]
            done += self.store.transact(work)
        return done

    def _move(self, tx: Tx, stored: Node, edited: Node) -> Sequence[Node]:
        """Put an edited node under its new parent. Returns the descendants that move with it, with their new
        ancestors."""
        if edited.parent == stored.parent:
            return ()
        rules.place(edited, None if edited.parent is None else _require(tx, edited.parent, "parent"))
        if self.manifests.holds(tx, stored.id):
            raise Conflict("nodes below are still being stored: try again")
        where = (Where("ancestors", "contains", stored.id),)
        page = tx.find("node", Scan(where, "received_at", MOVED_DESCENDANTS_MAX + 1))
        if len(page.docs) > MOVED_DESCENDANTS_MAX:
            raise Conflict(f"a node with more than {MOVED_DESCENDANTS_MAX} descendants cannot change its parent")
        descendants = [from_body(d.body, d.rev) for d in page.docs]
        for node in descendants:
            node.ancestors = [*edited.line, *node.ancestors[len(stored.line) :]]
            if len(node.ancestors) > rules.DEPTH_MAX:
                raise Invalid("parent", f"a node has at most {rules.DEPTH_MAX} ancestors")
        return descendants

    def _check_groups(self, draft: Draft) -> None:
        names = list(draft.get("user_groups") or ())
        for name in names:
            where = (Where("name", "==", name),)
            if not self.store.count("group", where):
                raise Invalid("user_groups", f"User group does not exist: {name}")


class _Oversize(Exception):
    """A hierarchy that is too large for one transaction."""


def _apply(reader: Tx | Store, plan: TreePlan, actor: Actor, now: datetime, expect: Revs) -> tuple[list[Node], Node]:
    """The nodes of a plan applied to the stored nodes (existing ones with their revision), and the root as it is
    stored."""
    root_id = plan.leaves[0].id
    docs = reader.load_many("node", [root_id, *plan.named])
    if docs[0] is None:
        raise NotFound("node", root_id)
    stored = {d.key: from_body(d.body, d.rev) for d in docs if d is not None}
    root = stored[root_id]
    require_edit(actor, root)
    if expect is not None and root.rev not in expect:
        raise Stale(f"the node is at revision {root.rev}")
    parent = None if root.parent is None else _load(reader, root.parent)
    nodes = plan.apply(stored, parent, actor.username, now)
    for node in stored.values():
        require_edit(actor, node)
    return nodes, root


def _load(tx: Tx | Store, id: str) -> Node | None:
    doc = tx.load("node", id)
    return None if doc is None else from_body(doc.body, doc.rev)


def _require(tx: Tx, id: str, noun: str) -> Node:
    node = _load(tx, id)
    if node is None:
        raise NotFound(noun, id)
    return node


def _news(event_id: str, source: str, node: Node, previous: Node, quiet: bool) -> list[News]:
    news = node_news(event_id, source, node, previous)
    return [news._replace(body=None) if quiet else news]
