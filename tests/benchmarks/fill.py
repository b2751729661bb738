"""Filling: so many finished nodes, as whole checkouts, into a store's file or through a running hub."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.benchmarks import bodies
from tests.benchmarks.api import Api

TREE_NODES = 800
SPAN = timedelta(days=30)
"""A filled file spreads its nodes over so long a time before now."""


def trees(count: int, tree_nodes: int = TREE_NODES) -> list[int]:
    """The sizes of the checkouts that make up so many nodes."""
    return [tree_nodes] * (count // tree_nodes) + ([count % tree_nodes] if count % tree_nodes else [])


def fill_hub(api: Api, count: int) -> int:
    """Bring a running hub to at least so many nodes; gives how many it has."""
    stored = api.ask("GET", "/count")
    for number, size in enumerate(trees(max(0, count - stored)), stored // TREE_NODES):
        root = api.ask("POST", "/node", bodies.checkout(number))
        stored += len(api.ask("PUT", f"/nodes/{root['id']}", bodies.checkout_tree(number, size)))
    return stored


def fill_file(path: Path, count: int) -> None:
    """Put so many nodes into a SQLite file that need not be there yet, through the verbs of the hub."""
    from functions.settings import read
    from functions.wiring import Wiring, at_home

    at = datetime.now(UTC) - SPAN
    settings = at_home(read({"HUB_STORE": f"sqlite:///{path.resolve()}"}, dotenv=""))
    hub = Wiring(settings, clock=lambda: at).hub
    sizes = trees(count)
    for number, size in enumerate(sizes):
        fill_tree(hub, number, size, at)
        at += SPAN / len(sizes)
    hub.close()


def fill_tree(hub: Any, number: int, size: int, at: datetime) -> None:
    """One checkout of so many nodes through the verbs of a hub."""
    from lib.domain.account.access import Actor

    actor = Actor("benchmark", "service:pipeline", is_superuser=True)
    root = hub.nodes.submit(actor, bodies.checkout(number), at)
    hub.nodes.replace_tree(actor, root.id, _branch(bodies.checkout_tree(number, size)), at)


def _branch(level: bodies.Body) -> Any:
    from lib.domain.node.tree import Branch

    return Branch(level["node"], [_branch(child) for child in level["child_nodes"]])
