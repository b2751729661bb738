"""Trees: the newest checkout of each, with what it counts (kcidb.md 4.5)."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from lib.domain.dashboard.reader import DashboardReader, same, since
from lib.domain.dashboard.row import is_boot, is_dummy
from lib.domain.dashboard.tally import NONE, StatusTally
from lib.domain.report.object import Checkout
from lib.store.port import Where

TreeKey = tuple[str, str, str, str]
"""Name, repository, branch and origin; "" for what a checkout does not say."""


@dataclass(slots=True)
class CheckoutCounts:
    """Results by kind."""

    builds: StatusTally = field(default_factory=StatusTally)
    boots: StatusTally = field(default_factory=StatusTally)
    tests: StatusTally = field(default_factory=StatusTally)


@dataclass(slots=True)
class Tree:
    """A tree by its newest checkout, and what was found there."""

    checkout: Checkout
    counts: CheckoutCounts = field(default_factory=CheckoutCounts)


def tree_of(checkout: Checkout) -> TreeKey:
    """Which tree a checkout is of."""
    return (
        checkout.get("tree_name", ""),
        checkout.get("git_repository_url", ""),
        checkout.get("git_repository_branch", ""),
        checkout["origin"],
    )


def heads(checkouts: Iterable[Checkout]) -> dict[TreeKey, Checkout]:
    """The newest checkout of each tree, by its start; those that started together, by id."""
    found: dict[TreeKey, Checkout] = {}
    for view in checkouts:
        key = tree_of(view)
        known = found.get(key)
        if known is None or _age(known) < _age(view):
            found[key] = view
    return found


def _age(checkout: Checkout) -> tuple[str, str]:
    return checkout.get("start_time", ""), checkout["id"]


def list_trees(board: DashboardReader, origin: str, begin: datetime) -> list[Tree]:
    """The trees of an origin that were checked out since then, newest first, each counted at its newest checkout."""
    newest = sorted(heads(list_checkouts(board, origin, begin)).values(), key=_age, reverse=True)
    counts = count_at(board, newest)
    return [Tree(view, counts[view["id"]]) for view in newest]


def list_checkouts(board: DashboardReader, origin: str, begin: datetime) -> list[Checkout]:
    """The checkouts of an origin since then, newest first."""
    recent = board.find("checkouts", same("origin", origin), since(begin), order="-start_time")
    return [body["object"] for body in recent if body["object"]["origin"] == origin]


def count_at(board: DashboardReader, checkouts: Sequence[Checkout]) -> dict[str, CheckoutCounts]:
    """What hangs from each of these checkouts, counted as it is read: checkout id → counts."""
    counts = {view["id"]: CheckoutCounts() for view in checkouts}
    builds: dict[str, CheckoutCounts] = {}
    for body in board.children("builds", "checkout_id", counts):
        view = body["object"]
        under = builds[view["id"]] = counts[view["checkout_id"]]
        if not is_dummy(view["id"]):
            under.builds[view.get("status", NONE)] += 1
    for body in board.children("tests", "build_id", builds):
        view = body["object"]
        under = builds[view["build_id"]]
        (under.boots if is_boot(view.get("path", "")) else under.tests)[view.get("status", NONE)] += 1
    return counts


def newest(board: DashboardReader, tree: str, branch: str, origin: str) -> Checkout | None:
    """The newest checkout of a tree's branch."""
    for body in board.find("checkouts", *_named(tree, branch, origin), order="-start_time", page=1):
        if tree_of(body["object"])[::2] == (tree, branch):
            found: Checkout = body["object"]
            return found
    return None


def _named(tree: str, branch: str, origin: str) -> tuple[Where, ...]:
    return same("tree_name", tree), same("git_repository_branch", branch), same("origin", origin)
