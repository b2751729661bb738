"""Manifests: hierarchies too large for one transaction of the store, accepted at once and then stored step by step.

Acceptance is atomic: the root, its event and the manifest, which names all other nodes, are one write. Each step then
stores one part in a transaction that also counts the step. So a step that runs twice, in two processes or after a
crash, takes effect once. Parents are stored before their children. The request that accepted a manifest finishes it
before it answers; the sweep finishes the manifests of killed requests. Until then no ancestor of the root closes, and a
second hierarchy for the same root finishes the first one.

Manifests are not used where one transaction holds the largest hierarchy, as on SQLite.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

import orjson

from lib.clock import Clock, stamp
from lib.domain.event.due import due, work_off
from lib.domain.event.event import NODE_CHANNEL, News
from lib.domain.event.ledger import Ledger, Once, refuse_repetition
from lib.domain.node.node import HIERARCHY_NODES_MAX
from lib.errors import Conflict, Unavailable
from lib.ids import Ids
from lib.store.port import Body, Doc, Scan, Store, Tx, Where

log = logging.getLogger(__name__)

STEP_NODES_MAX = 400
PART_BYTES_MAX = 800_000
"""Bytes of the bodies of one part together; a larger body is a part of its own."""
BYTES_BESIDE = 200_000
"""Bytes of a transaction that are reserved for records other than nodes."""
DROPPED_MAX = 8
"""Parts dropped at a time: a store may count deleted bytes too."""
WRITES_BESIDE = 4
"""Writes of one transaction that are not nodes: the event, the outbox, the idempotency record, the manifest."""
TRIES_MAX = 5
"""Most plans of a hierarchy whose root changes before it is accepted."""
KEPT = timedelta(days=7)
"""Retention of the parts of a manifest that was never accepted."""
GRACE = timedelta(seconds=30)
"""The process that accepted a younger manifest is presumed to be still working on it."""
SWEPT_MAX = 20
STEPS_MAX = HIERARCHY_NODES_MAX + 1


class Planned(NamedTuple):
    """A hierarchy as it is to be stored: its nodes in pre-order with their new revisions, and its event."""

    docs: list[Doc]
    news: News


class _Overtaken(Exception):
    """The root changed after the plan was made, or another manifest of it was accepted."""


@dataclass(slots=True)
class Manifests:
    """Accepts, finishes and sweeps manifests."""

    store: Store
    ledger: Ledger
    ids: Ids
    clock: Clock

    @property
    def is_needed(self) -> bool:
        """Whether this store's transactions are smaller than the largest hierarchy."""
        return self.store.writes_max < HIERARCHY_NODES_MAX + WRITES_BESIDE

    def may_fit(self, count: int) -> bool:
        """Whether one transaction allows the writes for this number of nodes."""
        return count <= self.store.writes_max - WRITES_BESIDE

    def fits(self, docs: Sequence[Doc]) -> bool:
        """Whether one transaction has enough bytes for these nodes."""
        if not self.is_needed:
            return True
        return sum(self._weigh(doc) for doc in docs) <= self.store.bytes_max - BYTES_BESIDE

    def stage(self, root_id: str, plan: Callable[[], Planned], now: datetime, once: Once | None) -> list[Doc]:
        """Accept the hierarchy of `plan`, made from the present stored state, and store it completely. Returns its
        nodes.

        Raises the errors of `plan` and of the ledger, and Conflict when the root keeps changing.
        """
        if once is not None:
            # This comes first: the request has changed the root itself, so a second plan might be refused.
            refuse_repetition(self.store, once)
        for _ in range(TRIES_MAX):
            self.finish(root_id)
            planned = plan()
            id = self.ids.event()
            count = self._put_parts(id, planned.docs[1:], now)
            try:
                self._accept(id, count, planned, now, once)
            except Unavailable:
                # It may have been accepted in spite of the error. Unneeded parts expire.
                raise
            except BaseException as error:
                self._drop_parts(id, count)
                if isinstance(error, _Overtaken):
                    continue
                raise
            try:
                self.finish(root_id)
            except Unavailable as error:
                # It is accepted, so the reply must not be an error: the client would send it again.
                log.warning("manifest: the rest of %s is left to the sweep: %s", root_id, error)
            return planned.docs
        raise Conflict(f"node {root_id} is changed by others all the time")

    def finish(self, root_id: str) -> bool:
        """Take all steps that are left of the manifest of this root; whether there is one."""
        head = self.store.load("manifest", root_id) if self.is_needed else None
        if head is None:
            return False
        id, count = head.body["id"], head.body["parts"]
        for _ in range(STEPS_MAX):
            if self._step(root_id, id):
                break
        self._drop_parts(id, count)
        return True

    def sweep(self, now: datetime) -> int:
        """Finish the manifests of crashed processes. Returns their number."""
        if not self.is_needed:
            return 0
        scan = due(now - GRACE, SWEPT_MAX, "at")
        return work_off(self.store, "manifest", scan, lambda head: self.finish(head.key), most=SWEPT_MAX)

    def holds(self, tx: Tx, id: str) -> bool:
        """Whether nodes below this one are accepted and not stored yet."""
        if not self.is_needed:
            return False
        return bool(tx.find("manifest", Scan((Where("line", "contains", id),), "at", 1)).docs)

    def _put_parts(self, id: str, docs: Sequence[Doc], now: datetime) -> int:
        """Store the parts, which are not visible before their manifest is accepted. Returns their number."""
        count = 0
        for count, part in enumerate(self._cut(docs), 1):
            # The revision decides whether a node changed after the plan.
            body = {"nodes": [[d.key, d.rev - 1, d.body] for d in part], "expires_at": stamp(now + KEPT)}
            key = _part_key(id, count - 1)

            def work(tx: Tx, key: str = key, body: Body = body) -> None:
                tx.create("manifest_part", key, body)

            self.store.transact(work)
        return count

    def _cut(self, docs: Sequence[Doc]) -> Iterator[list[Doc]]:
        """The nodes, split into parts that fit one transaction each."""
        most = min(STEP_NODES_MAX, self.store.writes_max - WRITES_BESIDE)
        part: list[Doc] = []
        size = weight = 0
        for doc in docs:
            bytes, weighs = _bytes_of(doc.body), self._weigh(doc)
            is_full = size + bytes > PART_BYTES_MAX or weight + weighs > self.store.bytes_max - BYTES_BESIDE
            if part and (len(part) >= most or is_full):
                yield part
                part, size, weight = [], 0, 0
            part.append(doc)
            size, weight = size + bytes, weight + weighs
        if part:
            yield part

    def _weigh(self, doc: Doc) -> int:
        return self.store.weigh("node", doc.key, doc.body)

    def _drop_parts(self, id: str, count: int) -> None:
        keys = [_part_key(id, n) for n in range(count)]

        def work(tx: Tx) -> None:
            for key in chunk:
                tx.drop("manifest_part", key)

        for start in range(0, count, DROPPED_MAX):
            chunk = keys[start : start + DROPPED_MAX]
            self.store.transact(work)

    def _accept(self, id: str, count: int, planned: Planned, now: datetime, once: Once | None) -> None:
        root = planned.docs[0]

        def work(tx: Tx) -> tuple[list[Doc], list[News]]:
            head, stored = tx.load("manifest", root.key), tx.load("node", root.key)
            if head is not None or stored is None or stored.rev != root.rev - 1:
                raise _Overtaken
            tx.save("node", root.key, root.body)
            line = [*root.body["ancestors"], root.key]
            tx.create("manifest", root.key, {"id": id, "parts": count, "done": 0, "line": line, "at": stamp(now)})
            return planned.docs, [planned.news]

        self.ledger.write(now, work, once)

    def _step(self, root_id: str, id: str) -> bool:
        """Store the next part, or end the manifest after the last one. Returns whether it ended."""
        event_id = self.ids.event()

        def work(tx: Tx) -> tuple[bool, list[News]]:
            head = tx.load("manifest", root_id)
            if head is None or head.body["id"] != id:
                return True, []
            done = head.body["done"]
            if done == head.body["parts"]:
                tx.drop("manifest", root_id)
                # Nodes that could not close while nodes were missing may close now.
                return True, [News(NODE_CHANNEL, event_id, None, root_id)]
            changes = _read_part(tx, _part_key(id, done))
            for key, body, is_new in changes:
                (tx.create if is_new else tx.save)("node", key, body)
            tx.save("manifest", root_id, {**head.body, "done": done + 1})
            return False, []

        return self.ledger.write(self.clock(), work)


def _read_part(tx: Tx, part_key: str) -> list[tuple[str, Body, bool]]:
    """The writes of a part: (id, body, whether it is new). A node that changed after the plan keeps the change; every
    other node is placed below the present place of its parent."""
    part = tx.load("manifest_part", part_key)
    if part is None:
        log.error("manifest: part %s is gone", part_key)
        return []
    entries = part.body["nodes"]
    own = {key for key, _, _ in entries}
    existing = [key for key, rev, _ in entries if rev]
    parents = {body["parent"] for _, _, body in entries if body["parent"] is not None} - own
    found = {d.key: d for d in tx.load_many("node", [*existing, *sorted(parents)]) if d is not None}
    lines: dict[str, list[str]] = {key: [*doc.body["ancestors"], key] for key, doc in found.items()}
    changes = []
    for key, rev, body in entries:
        if rev and (key not in found or found[key].rev != rev):
            continue
        body["ancestors"] = lines.get(body["parent"], body["ancestors"])
        lines[key] = [*body["ancestors"], key]
        changes.append((key, body, not rev))
    return changes


def _bytes_of(body: Body) -> int:
    try:
        return len(orjson.dumps(body))
    except TypeError:
        # The few bodies that only the standard library writes: integers past 64 bits, nesting past 254 levels.
        return len(json.dumps(body))


def _part_key(id: str, n: int) -> str:
    return f"{id}-{n}"
