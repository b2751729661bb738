"""The measures: which requests are sent, and what the KernelCI server was measured with."""

from __future__ import annotations

import itertools
import random
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from tests.benchmarks import bodies
from tests.benchmarks.api import Api
from tests.benchmarks.loader import Unit

UPSTREAM = {"post": 232.0, "get": 1176.0, "pair": 93.0, "nodes": 38.0, "count": 121.0, "tree200": 3.5}
"""Units a second of the upstream KernelCI server on 2 cores; `nodes` and `count` over 2,000 stored nodes."""
UPSTREAM_LISTEN_S = 0.0086
"""From POST to the end of a listener's reply, there."""

IDS_MAX = 5000
PAIRS = 400
ROOTS = 200
VARIANTS = 500
PAGES_MAX = 1000


@dataclass(frozen=True, slots=True)
class Measure:
    """What one row shows. `units` makes the requests anew for every run; `nodes` a unit writes or reads that many."""

    name: str
    units: Callable[[], Iterator[Unit]]
    upstream: float | None = None
    clients_max: int = 32
    untimed: int = 0
    nodes: int = 0


class Measures:
    """All of them, over a hub that has nodes."""

    def __init__(self, api: Api) -> None:
        self.api = api
        self._random = random.Random(1)
        self._number = itertools.count(1)

    def of(self, name: str) -> list[Measure]:
        """The rows of a group."""
        makers: dict[str, Callable[[], list[Measure]]] = {
            "post": lambda: [Measure("POST /node", self._posts, UPSTREAM["post"])],
            "get": lambda: [Measure("GET /node/{id}", self._gets, UPSTREAM["get"])],
            "pair": lambda: [Measure("GET + PUT /node/{id}", self._pairs, UPSTREAM["pair"])],
            "tree200": lambda: [Measure("PUT /nodes of 200", lambda: self._trees(200), UPSTREAM["tree200"], nodes=201)],
            "tree5000": lambda: [Measure("PUT /nodes of 5,000", lambda: self._trees(5000), None, 8, nodes=5001)],
            "nodes": lambda: self._queries("/nodes", UPSTREAM["nodes"]),
            "count": lambda: self._queries("/count", UPSTREAM["count"]),
        }
        return makers[name]()

    def job_of(self, root: bodies.Body, index: int) -> bodies.Body:
        """A job to be POSTed under a node."""
        return {**bodies.job(next(self._number), index, root["path"]), "parent": root["id"]}

    def root(self) -> bodies.Body:
        """A new build under a new checkout."""
        number = next(self._number)
        checkout = self.api.ask("POST", "/node", bodies.checkout(number))
        return self.api.ask("POST", "/node", {**bodies.kbuild(number, 0), "parent": checkout["id"]})

    def _posts(self) -> Iterator[Unit]:
        roots = [self.root() for _ in range(10)]
        jobs = [self.job_of(roots[i % 10], i) for i in range(VARIANTS)]
        return itertools.cycle([(self.api.pack("POST", "/node", body),) for body in jobs])

    def _gets(self) -> Iterator[Unit]:
        total = self.api.ask("GET", "/count")
        pages = [f"/nodes?limit={IDS_MAX // 10}&offset={at}" for at in range(0, total, max(1, total // 10))]
        found = [node["id"] for page in pages for node in self.api.ask("GET", page)["items"]]
        self._random.shuffle(found)
        return itertools.cycle([(self.api.pack("GET", f"/node/{id}"),) for id in found])

    def _pairs(self) -> Iterator[Unit]:
        root = self.root()
        jobs = [self.api.ask("POST", "/node", self.job_of(root, i)) for i in range(PAIRS)]
        return itertools.cycle([unit for turn in range(4) for unit in self._edits(jobs, turn)])

    def _edits(self, jobs: Sequence[bodies.Body], turn: int) -> Iterator[Unit]:
        for node in jobs:
            changed = {**node, "data": {**node["data"], "job_id": f"{turn}"}}
            path = f"/node/{node['id']}"
            yield self.api.pack("GET", path), self.api.pack("PUT", path, changed)

    def _trees(self, children: int) -> Iterator[Unit]:
        above = self.root()
        number = next(self._number)
        tree = bodies.job_tree(number, children)
        count = max(8, ROOTS * 200 // children)
        roots = [self.api.ask("POST", "/node", self.job_of(above, number)) for _ in range(count)]
        return itertools.cycle([(self.api.pack("PUT", f"/nodes/{root['id']}", tree),) for root in roots])

    def _queries(self, path: str, upstream: float) -> list[Measure]:
        rows = []
        for filters, limit in self._filters():
            query = urlencode({**filters, **({"limit": limit} if path == "/nodes" else {})}, safe=":")
            target = f"{path}?{query}" if query else path
            rows.append(Measure(f"`{_shown(target)}`", self._reads(target), upstream))
            after = f"`{_shown(target)}` after a write"
            rows.append(Measure(after, self._reads_after(target), upstream, clients_max=1, untimed=1))
        if path == "/nodes":
            rows.append(Measure("`/nodes?limit=100&after=…`, another page each time", self._pages, upstream))
        return rows

    def _pages(self) -> Iterator[Unit]:
        """Every page of all nodes, in random order: more than the hub remembers the wire form of."""
        found, after = [], ""
        while after is not None and len(found) < PAGES_MAX:
            found.append(f"/nodes?limit=100&after={after}")
            after = self.api.ask("GET", f"/nodes?limit=100&fields=id&after={after}")["next"]
        self._random.shuffle(found)
        return itertools.cycle([(self.api.pack("GET", target),) for target in found])

    def _filters(self) -> list[tuple[dict[str, str], int]]:
        total = self.api.ask("GET", "/count")
        since = self.api.ask("GET", f"/nodes?limit=1&offset={total * 9 // 10}")["items"][0]["created"]
        name = bodies.kbuild(0, 0)["name"]
        revision = {f"data.kernel_revision.{k}": v for k, v in zip(("tree", "branch"), bodies.TREES[0], strict=True)}
        return [
            ({}, 100),
            ({"kind": "job"}, 100),
            ({"kind": "test", "state": "done"}, 100),
            (revision, 100),
            ({"name": name, "created__gte": since}, 1),
        ]

    def _reads(self, target: str) -> Callable[[], Iterator[Unit]]:
        return lambda: itertools.repeat((self.api.pack("GET", target),))

    def _reads_after(self, target: str) -> Callable[[], Iterator[Unit]]:
        """A write before each: totals are remembered while nothing is written."""
        return lambda: ((*post, self.api.pack("GET", target)) for post in self._posts())


def _shown(target: str) -> str:
    return re.sub(r"(__gte=)[^&]+", r"\1…", target.replace("data.kernel_revision.", "…"))
