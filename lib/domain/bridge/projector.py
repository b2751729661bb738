"""The projector: keeps KCIDB's reports true to the nodes (kcidb.md 5.2).

Follows the log of nodes by a stored cursor, as part of the sweep, so that no request waits for it. What an event says
does not matter, only whose it is: each node is read as it is now, once a batch, and what it tells takes the place of
whatever it told before. So events may come twice, late, or to two processes at once, and what is told is a function of
the nodes alone, which the command `kcidb rebuild` proves. A test has things from the nodes above it: when those change,
the tests below are put into the backlog in the same transaction.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import NamedTuple

from lib.domain.bridge.batch import Batch, read_batch
from lib.domain.bridge.write import Overtaken, ProjectedChange, compare, fold, news_of, write
from lib.domain.event.backlog import PAGE_NODES, Backlog, task
from lib.domain.event.event import NODE_CHANNEL, News
from lib.domain.event.follower import Follower
from lib.domain.event.ledger import Ledger
from lib.domain.query.source import pages
from lib.errors import BLAMELESS, FAULTS, Exists
from lib.ids import Ids, is_node_id
from lib.store.port import Doc, Event, Scan, Store, Tx

log = logging.getLogger(__name__)

EVENTS_READ_MAX = 200
RUN_NEAR, RUN_FAR = 1000, 4000
"""Events, and nodes of the backlog, that one run takes up; the next one goes on. At home there is a run each second,
beside the requests, and a tenth of that second must do."""
BATCH_NODES = 40
TRIES_MAX = 4
"""How often a batch is read anew because nodes of it change. What changes all the time has further events to come."""
POSITION = "projection"


class NodeChanges(NamedTuple):
    """What the log told of the nodes of a batch: which were created just now, and of which all nodes below are to be
    projected anyway."""

    created: frozenset[str]
    whole: frozenset[str]


@dataclass(slots=True)
class Projector:
    """Projects nodes as they change. `origin` is what they are told as."""

    store: Store
    ledger: Ledger
    ids: Ids
    origin: str
    source: str
    log: Follower = field(init=False)
    backlog: Backlog = field(init=False)

    def __post_init__(self) -> None:
        self.log = Follower(self.store, NODE_CHANNEL, "counter", POSITION, "value")
        self.backlog = Backlog(self.store, self.tell)

    def run(self, now: datetime) -> int:
        """Project what changed since the last run; gives how many reports changed."""
        changed, most = 0, RUN_NEAR if self.store.is_near else RUN_FAR
        for _ in range(0, most, EVENTS_READ_MAX):
            place = self.log.load()
            if place is None:
                self._start(now)
                continue
            events = self.log.read(place, EVENTS_READ_MAX)
            if not events:
                break
            changed += self._follow(events, now)
            self.log.advance(place, events[-1].seq)
        return changed + self.backlog.work(now, most)

    def contribute(self, scratch: Store) -> int:
        """Put what all nodes tell into a store that holds what submissions do (`rebuild`); gives how many nodes."""
        count = 0
        for docs in pages(self.store, "node", Scan((), "received_at", PAGE_NODES)):
            count += len(docs)
            for start in range(0, len(docs), BATCH_NODES):
                fold(scratch, read_batch(self.store, docs[start : start + BATCH_NODES], self.origin))
        return count

    def _start(self, now: datetime) -> None:
        """The first time of all, follow the log from its end; the nodes that are stored already go into the backlog."""
        last = self.store.last(NODE_CHANNEL)
        has_nodes = bool(self.store.find("node", Scan((), "received_at", 1)).docs)
        key = self.ids.event()

        def work(tx: Tx) -> None:
            if self.log.start(tx, last) and has_nodes:
                tx.create("backlog", key, task(now, all=True))

        self.store.transact(work)

    def _follow(self, events: Sequence[Event], now: datetime) -> int:
        """Project the nodes of some events, each once. Of a hierarchy only the root has an event."""
        told: dict[str, None] = {}
        created, trees = set(), {}
        for event in events:
            data = event.body["data"]
            id = data.get("id") if isinstance(data, dict) else None
            if not isinstance(id, str) or not is_node_id(id):
                continue  # anybody may publish here, anything
            told[id] = None
            if data.get("op") == "created":
                created.add(id)
            if data.get("is_hierarchy") is True:
                trees[id] = event.key
        for id, key in trees.items():
            self._put(key, id, now)
        heard = NodeChanges(frozenset(created), frozenset(trees))
        return self.tell(self.store.load_many("node", list(told)), now, heard=heard)

    def _put(self, key: str, root: str, now: datetime) -> None:
        """Put the nodes below one into the backlog, once for each event."""

        def work(tx: Tx) -> None:
            if tx.load("backlog", key) is None:
                tx.create("backlog", key, task(now, [root], root))

        self.store.transact(work)

    def tell(
        self, docs: Sequence[Doc | None], now: datetime, touches: bool = True, heard: NodeChanges | None = None
    ) -> int:
        """Project nodes and, with `touches`, others that change with them; gives how many reports changed. Who goes
        through all nodes heard nothing: what is below them is not followed."""
        changed, touched = 0, set()
        for start in range(0, len(docs), BATCH_NODES):
            batch = read_batch(self.store, docs[start : start + BATCH_NODES], self.origin)
            touched |= batch.touched(heard.created if heard else ()) if touches else set()
            changed += self._tell(batch, now, heard)
        for start in range(0, len(more := sorted(touched)), BATCH_NODES):
            changed += self._tell(self._read(more[start : start + BATCH_NODES]), now, heard)
        return changed

    def _read(self, ids: Sequence[str]) -> Batch:
        return read_batch(self.store, self.store.load_many("node", ids), self.origin)

    def _tell(self, batch: Batch, now: datetime, heard: NodeChanges | None) -> int:
        """Project one batch. What cannot be told, or the store would not take, is left out, and in nobody's way."""
        silent = heard
        for _ in range(TRIES_MAX):
            try:
                if silent is not None:
                    self._put_silent(batch, now, silent)
                    silent = None
                return self._write(batch, compare(self.store, batch), now, heard)
            except (Overtaken, Exists):
                batch = self._read([node.id for node in batch.nodes])
            except BLAMELESS:
                raise
            except FAULTS as error:
                if len(batch.nodes) == 1:
                    log.error("node %s cannot be told as a report: %r", batch.nodes[0].id, error)
                    return 0
                return sum(self._tell(self._read([node.id]), now, heard) for node in batch.nodes)
        return 0

    def _put_silent(self, batch: Batch, now: datetime, heard: NodeChanges) -> None:
        """Put into the backlog what is below suites: no report of their own shows what they pass on."""
        for node in batch.nodes:
            if node.id in batch.parents and node.id not in heard.created | heard.whole and not batch.told(node):
                self._put(self.ids.event(), node.id, now)

    def _write(self, batch: Batch, changes: Sequence[ProjectedChange], now: datetime, heard: NodeChanges | None) -> int:
        """Write what changed, with its events and what it puts into the backlog, as one."""
        if not changes:
            return 0
        followed = [] if heard is None else [c.node for c in changes if c.passes_on and _is_followed(batch, c, heard)]
        tasks = {self.ids.event(): id for id in sorted({node.id for node in followed})}
        event_id = self.ids.event()

        def work(tx: Tx) -> tuple[int, list[News]]:
            entries = write(tx, batch, changes, now)
            for key, id in tasks.items():
                tx.create("backlog", key, task(now, below=id))
            return len(changes), news_of(event_id, changes, entries, self.source)

        return self.ledger.write(now, work)


def _is_followed(batch: Batch, change: ProjectedChange, heard: NodeChanges) -> bool:
    """Whether there may be tests below that were told already, and are not told anew anyway."""
    id, is_first = change.node.id, change.doc is None and change.node.id in heard.created
    return change.node.kind == "checkout" or (id in batch.parents and id not in heard.whole and not is_first)
