"""Dashboard: the REST API that `kci-dev results` reads, over the merged reports of KCIDB (kcidb.md 4.5).

Everything here is read by anybody. Handlers by noun: `trees` (by commit), `branches` (by name), `items` (one build or
test), `hardware`, `issues`, `reports`. Codecs: `params` (what is asked), `codec` (answers, as
`schemas/dashboard` shapes them); `nothing` holds what is said when there is nothing.

May import from the domain: `hub`, `dashboard`, `report`.
"""

from __future__ import annotations

from lib.dialects.dashboard import branches, hardware, issues, items, reports, trees
from lib.dialects.wire import Dialect, Reply, reply_json, shown_faults
from lib.errors import Malformed

ROUTES = tuple(route for noun in (trees, branches, items, hardware, issues, reports) for route in noun.ROUTES)


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kcidb.md 4.5): one key; a body of the wrong shape is a plain 400."""
    if isinstance(error, Malformed):
        return reply_json({"error": shown_faults(error)}, 400)
    return reply_json({"error": str(error)}, status)


DIALECT = Dialect("dashboard", ROUTES, refuse, slash="same")
