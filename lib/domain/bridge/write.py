"""What nodes tell, and the reports that are stored: what differs, and how it is written (`report.py`).

A node's word takes the place of its former one, whatever the revision: who writes it has read the node in the same
transaction, so the last to write has read what is true. It counts more than submissions, unless those claim a rank
above `RANK` (kcidb.md 2.6).
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from lib.clock import stamp
from lib.domain.bridge.batch import Batch
from lib.domain.bridge.run import passes_on
from lib.domain.event.event import News
from lib.domain.ingest import merger
from lib.domain.node.node import Node
from lib.domain.report.canonical import canonical, digest
from lib.domain.report.loader import load_reports
from lib.domain.report.report import COLLECTION, Key, key_of
from lib.domain.report.stated import NodeStatement, split, unite
from lib.store.port import Body, Doc, Store, Tx

RANK = 1


class Overtaken(Exception):
    """A node, or its report, changed since it was read."""


class ProjectedChange(NamedTuple):
    """A report that is not what a node tells. `told` None: the node tells of it no longer."""

    node: Node
    key: Key
    told: NodeStatement | None
    doc: Doc | None
    passes_on: bool


def compare(store: Store, batch: Batch) -> list[ProjectedChange]:
    """What is to be written so that the reports are true to a batch."""
    wanted = _wanted(batch)
    found = {**load_reports(store, [key for key in wanted if key not in batch.reports]), **batch.reports}
    changes = []
    for key, (node, told) in wanted.items():
        doc = found[key]
        before = None if doc is None else split(doc.body)[1]
        if _is_same(before, told):
            continue
        changes.append(ProjectedChange(node, key, told, doc, _passes_on(key.kind, before, told)))
    return changes


def _wanted(batch: Batch) -> dict[Key, tuple[Node, NodeStatement | None]]:
    """Of each report that the nodes of a batch tell of, or might have told of before, what is told now."""
    wanted: dict[Key, tuple[Node, NodeStatement | None]] = {}
    for node in batch.nodes:
        if (key := batch.key(node)) is not None:
            wanted[key] = (node, None)
        for kind, fields, teller in batch.told(node):
            told = NodeStatement(RANK, teller.id, fields, stamp(teller.received_at))
            wanted[key_of(kind, fields)] = (node, told)
    return wanted


def _is_same(before: NodeStatement | None, told: NodeStatement | None) -> bool:
    if before is None or told is None:
        return before is told
    return (before.id, before.rev) == (told.id, told.rev) and canonical(before.fields) == canonical(told.fields)


def _passes_on(kind: str, before: NodeStatement | None, told: NodeStatement | None) -> bool:
    """Whether what is told of the nodes below changes with it."""
    old, new = ({} if one is None else one.fields for one in (before, told))
    if kind == "checkouts":
        return bool(old) and old.get("start_time") != new.get("start_time")
    return kind == "tests" and passes_on(old, new)


def write(tx: Tx, batch: Batch, changes: Sequence[ProjectedChange], now: datetime) -> list[merger.ViewChange]:
    """Write changes, if their nodes stand as they were read; gives what is to be told of them. Raises Overtaken, and
    the store Exists for a report that another one made meanwhile."""
    revs = batch.revs(change.node for change in changes)
    docs = tx.load_many("node", list(revs))
    if any(doc is None or doc.rev != rev for doc, rev in zip(docs, revs.values(), strict=True)):
        raise Overtaken
    # One that was not there is created, which tells by itself whether it still is not.
    expected = {change.key: change.doc.rev for change in changes if change.doc is not None}
    found = load_reports(tx, list(expected))
    if any(doc is None or doc.rev != expected[key] for key, doc in found.items()):
        raise Overtaken
    entries = []
    for change in changes:
        doc = found.get(change.key)
        body = _retell(change, None if doc is None else doc.body)
        _store(tx, change.key, doc, body, stamp(now))
        if doc is None or body is None or canonical(doc.body["object"]) != canonical(body["object"]):
            entries.append(_told(change.key, body, is_new=doc is None))
    return entries


def fold(store: Store, batch: Batch) -> None:
    """Put what a batch tells into another store, which has no nodes and nobody else who writes."""
    wanted = {key: told for key, (_, told) in _wanted(batch).items() if told is not None}

    def work(tx: Tx) -> None:
        for key, doc in load_reports(tx, list(wanted)).items():
            base = None if doc is None else split(doc.body)[0]
            _store(tx, key, doc, unite(key.kind, base, wanted[key]), "")

    store.transact(work)


def _retell(change: ProjectedChange, body: Body | None) -> Body | None:
    """The report with what the node tells now; None when nobody tells of it any more."""
    base = None if body is None else split(body)[0]
    return None if base is None and change.told is None else unite(change.key.kind, base, change.told)


def _store(tx: Tx, key: Key, doc: Doc | None, body: Body | None, at: str) -> None:
    collection = COLLECTION[key.kind]
    if body is None:
        tx.drop(collection, key.store_key)
    elif doc is None:
        tx.create(collection, key.store_key, {**body, "changed_at": at})
    else:
        tx.save(collection, key.store_key, {**body, "changed_at": at})


def _told(key: Key, body: Body | None, *, is_new: bool) -> merger.ViewChange:
    """What an event tells of a report that changed; without a digest it is gone."""
    return merger.ViewChange(key, key.store_key, "" if body is None else digest(body["object"]), is_new)


def news_of(key: str, changes: Sequence[ProjectedChange], told: Sequence[merger.ViewChange], source: str) -> list[News]:
    """One event of all that changed; it names the node when it was one only. `key` is its own: what a node told once,
    it may tell again."""
    ids = {change.node.id for change in changes}
    data = {"submission": None, "node": ids.pop() if len(ids) == 1 else None}
    return [merger.news_of(key, data, told, owner=None, origin=source)] if told else []
