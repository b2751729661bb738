"""KernelCI: the hub's first wire language (kernelci.md). Paths have no version prefix here; the edge mounts them.

Handlers by noun: `root`, `nodes`, `trees`, `lists`, `users`, `letters`, `groups`, `pubsub`, `items`, `stream`, `kv`,
`telemetry`. Codecs: `codec` (nodes), `codec_user`, `codec_query` (filters), `codec_page`, `listing` (pages of other
records), `codec_event` (messages and the log), `codec_telemetry`, `condition` (entity tags, keys of requests).

May import from the domain: `hub`, `account`, `event`, `node`, `query`, `service`.
"""

from __future__ import annotations

from lib.dialects.kernelci import (
    groups,
    items,
    kv,
    letters,
    lists,
    nodes,
    pubsub,
    root,
    stream,
    telemetry,
    trees,
    users,
)
from lib.dialects.wire import Dialect, Headers, Reply, reply_json
from lib.errors import Malformed, NoMethod, NotEditable, Refusal, Unauthenticated

ROUTES = tuple(
    route
    for noun in (root, nodes, trees, lists, users, letters, groups, pubsub, items, stream, kv, telemetry)
    for route in noun.ROUTES
)


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kernelci.md 1.3): `detail` for what a client did, `message` for what we did."""
    if isinstance(error, Malformed):
        return reply_json({"detail": error.problems}, status)
    if isinstance(error, NotEditable):
        return reply_json({"detail": str(error)}, 401)
    if status == 500 or not isinstance(error, Refusal):
        return reply_json({"message": str(error) if isinstance(error, Refusal) else "Internal Server Error"}, status)
    headers: Headers = ()
    if isinstance(error, NoMethod):
        headers = (("allow", ", ".join(error.allow)),)
    if isinstance(error, Unauthenticated):
        headers = (("www-authenticate", "Bearer"),)
    return reply_json({"detail": str(error)}, status, headers)


DIALECT = Dialect("kernelci", ROUTES, refuse, slash="redirect")
