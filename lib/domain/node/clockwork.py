"""Clockwork: state changes of nodes without a client (kernelci.md 6).

`settle` runs at once when a node became done or closing; `sweep` runs periodically for all nodes whose instant has
come. Every step is a transaction of its own, conditional on what it reads, so that any step may be killed, run twice,
or run in parallel. The cost grows with the number of due nodes, never with the number of stored nodes.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from lib.clock import Clock, stamp
from lib.domain.event.event import News
from lib.domain.event.ledger import Ledger
from lib.domain.node import node as rules
from lib.domain.node.manifest import Manifests
from lib.domain.node.news import node_news
from lib.domain.node.node import Node, from_body, to_body
from lib.domain.query.source import pages
from lib.errors import Refusal, Unavailable
from lib.ids import Ids
from lib.store.port import Scan, Store, Tx, Where

log = logging.getLogger(__name__)

BATCH_MAX = 200
SWEEP_NODES_MAX = 5000
"""Most nodes that one sweep changes; the next sweep continues there."""

Move = Callable[[Node, bool, datetime], Node | None]


@dataclass(slots=True)
class Clockwork:
    """Changes the states of nodes by the clock and by their children."""

    store: Store
    ledger: Ledger
    ids: Ids
    clock: Clock
    source: str
    manifests: Manifests

    def settle(self, node_ids: Sequence[str]) -> None:
        """Finish the nodes that may be done now that these nodes are done or closing: the nearest closing ancestor in
        each line.

        That change writes an event of its own, which settles the next ancestor.
        """
        now = self.clock()
        wanted = list(dict.fromkeys(node_ids))
        nodes = [from_body(d.body, d.rev) for d in self.store.load_many("node", wanted) if d is not None]
        closing = {n.id for n in nodes if n.state == "closing"}
        closing |= {a for a in map(self._nearest_open, _parents_once(nodes)) if a is not None}
        for id in sorted(closing):
            self._move_if_stored(id, rules.settle, now)

    def _nearest_open(self, ancestors: tuple[str, ...]) -> str | None:
        """The nearest ancestor that is not done; None unless it is closing."""
        for doc in reversed(self.store.load_many("node", ancestors)):
            if doc is not None and doc.body["state"] != "done":
                return doc.key if doc.body["state"] == "closing" else None
        return None

    def sweep(self, now: datetime) -> int:
        """Change every due node, deepest first. Returns the number of changed nodes."""
        moved = 0
        for docs in pages(self.store, "node", Scan((Where("due_at", "<", stamp(now)),), "due_at", BATCH_MAX)):
            for doc in sorted(docs, key=lambda d: -len(d.body["ancestors"])):
                moved += self._move_if_stored(doc.key, rules.tick, now)
            if moved >= SWEEP_NODES_MAX:
                break
        return moved

    def _move_if_stored(self, id: str, move: Move, now: datetime) -> bool:
        """As `_move`. A node whose new state the store refuses stays as it is and does not block other nodes."""
        try:
            return self._move(id, move, now)
        except Unavailable:
            raise
        except Refusal as error:
            log.error("node %s cannot be moved by the clock: %s", id, error)
            return False

    def _move(self, id: str, move: Move, now: datetime) -> bool:
        """One conditional step of one node. Returns whether the node changed."""
        event_id = self.ids.event()

        def work(tx: Tx) -> tuple[bool, list[News]]:
            doc = tx.load("node", id)
            if doc is None:
                return False, []
            node = from_body(doc.body, doc.rev)
            after = move(node, self._has_pending(tx, node), now)
            if after is None:
                return False, []
            after.rev = tx.save("node", id, to_body(after))
            return True, [node_news(event_id, self.source, after, node)]

        return self.ledger.write(now, work)

    def _has_pending(self, tx: Tx, node: Node) -> bool:
        """Whether any descendant is pending; read only where it affects the result."""
        if node.state not in ("available", "closing"):
            return False
        where = (Where("ancestors", "contains", node.id), Where("pending", "==", True))
        return bool(tx.find("node", Scan(where, "received_at", 1)).docs) or self.manifests.holds(tx, node.id)


def _parents_once(nodes: Sequence[Node]) -> set[tuple[str, ...]]:
    """The distinct lines of ancestors of done nodes: siblings need one check."""
    return {tuple(n.ancestors) for n in nodes if n.state == "done" and n.ancestors}
