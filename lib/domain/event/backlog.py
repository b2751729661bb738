"""The backlog: nodes to be projected for which the log has no event, or not one for each (`projector`).

A task names some nodes, or all nodes below one, or all there are. It is worked off page by page, and each page is
noted: a crash, or the end of a run, loses no more than one. A task has no lease: two processes at once repeat work and
change nothing by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from lib.clock import stamp
from lib.domain.event.due import work_off
from lib.store.port import Body, Doc, Scan, Store, Tx, Where

TASKS_READ_MAX = 50
"""Tasks that one run looks at, the oldest first."""
PAGE_NODES = 100


def task(now: datetime, nodes: Sequence[str] = (), below: str | None = None, *, all: bool = False) -> Body:
    """A task, to be created in collection `backlog` under any key: these nodes, then those below another."""
    return {"at": stamp(now), "nodes": list(nodes), "below": below, "all": all, "after": None}


class BacklogPage(NamedTuple):
    """The next nodes of a task, and the task as it is once they are done; None when that was all."""

    docs: Sequence[Doc | None]
    rest: Body | None


@dataclass(slots=True)
class Backlog:
    """Works off tasks. `tell` takes stored nodes, and whether they are the last of their task, and gives how many
    reports changed."""

    store: Store
    tell: Callable[[Sequence[Doc | None], datetime, bool], int]

    def work(self, now: datetime, most: int) -> int:
        """Work off tasks, about `most` nodes of them; gives how many reports changed."""
        left = most

        def one(doc: Doc) -> int:
            nonlocal left
            changed, body = 0, None if left <= 0 or self._is_held(doc.body) else doc.body
            while body is not None and left > 0:
                page = self._page(body)
                changed += self.tell(page.docs, now, page.rest is None)
                left -= PAGE_NODES
                self._note(doc, body, page.rest)
                body = page.rest
            return changed

        return work_off(self.store, "backlog", Scan((), "at", TASKS_READ_MAX), one, pages_max=1)

    def _is_held(self, body: Body) -> bool:
        """Whether nodes of a task are accepted and not stored yet (`manifest`)."""
        below = body["below"]
        return below is not None and self.store.load("manifest", below) is not None

    def _page(self, body: Body) -> BacklogPage:
        if body["nodes"]:
            rest = {**body, "nodes": []} if body["below"] is not None or body["all"] else None
            return BacklogPage(self.store.load_many("node", body["nodes"]), rest)
        where = () if body["all"] else (Where("ancestors", "contains", body["below"]),)
        found = self.store.find("node", Scan(where, "received_at", PAGE_NODES, body["after"]))
        return BacklogPage(found.docs, None if found.next is None else {**body, "after": found.next})

    def _note(self, doc: Doc, done: Body, rest: Body | None) -> None:
        """Note that a page is done, unless another process is further on."""

        def work(tx: Tx) -> None:
            stored = tx.load("backlog", doc.key)
            if stored is None or stored.body != done:
                return
            if rest is None:
                tx.drop("backlog", doc.key)
            else:
                tx.save("backlog", doc.key, rest)

        self.store.transact(work)
