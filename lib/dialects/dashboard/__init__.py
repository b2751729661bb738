"""Dashboard: the REST API that `kci-dev results` reads, over the merged reports of KCIDB (kcidb.md 4.5).

Everything here is read by anybody. Handlers by noun: `trees` (by commit), `branches` (by name), `items` (one build or
test), `hardware`, `issues`, `reports`. Codecs: `params` (what is asked), `codec` (answers, as
`schemas/dashboard` shapes them); `nothing` holds what is said when there is nothing.

May import from the domain: `hub`, `dashboard`, `report`.
"""

from __future__ import annotations

from lib.dialects.dashboard import branches, hardware, issues, items, reports, trees
from lib.dialects.wire import Dialect, Reply, Request, reply_json
from lib.errors import Malformed

ROUTES = tuple(route for noun in (trees, branches, items, hardware, issues, reports) for route in noun.ROUTES)


def credential(request: Request) -> str | None:
    """Nobody needs to say who he is."""
    return None


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kcidb.md 4.5): one key; a body of the wrong shape is a plain 400."""
    if isinstance(error, Malformed):
        return reply_json({"error": _told(error)}, 400)
    return reply_json({"error": str(error)}, status)


def _told(error: Malformed) -> str:
    """The faults of a body, each with its path."""
    faults = []
    for problem in error.problems:
        loc = problem.get("loc")
        path = ".".join(map(str, loc[1:])) if isinstance(loc, list) else ""
        faults.append(f"{path}: {problem.get('msg')}" if path else str(problem.get("msg")))
    return "; ".join(faults)


DIALECT = Dialect("dashboard", ROUTES, credential, refuse, slash="same")
