"""What is served where: dialects and their prefixes, the joined table, and its slices.

A slice is what one deployed function serves; `hub` serves all. Each route belongs to exactly one slice. A path that two
routes claim is refused when the table is loaded, so each shared path has one owner, named here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from typing import NamedTuple

from functions import jobs, pages
from functions.edge import own, tokens
from functions.edge.pattern import takes_rest
from functions.edge.table import Bound, Missed, Table
from functions.push import route as push
from lib.dialects import dashboard, kcidb, kernelci
from lib.dialects.wire import Dialect, Reply, Request, Route
from lib.domain.hub import Hub

SLICES = ("node", "user", "query", "pubsub", "kcidb", "pages", "sweep", "on_event")
"""The deployable functions beside `hub`; `main.py` names each."""
WHOLE = "hub"


def root(request: Request, hub: Hub) -> Reply:
    """`/`: the page for browsers, KernelCI's hello for everything else (kernelci.md 2.1)."""
    show = pages.show_index if pages.prefers_html(request.headers.get("accept", "")) else _hello().handler
    reply = show(request, hub)
    assert isinstance(reply, Reply)
    reply.headers = (*reply.headers, ("vary", "accept"))
    return reply


class Mount(NamedTuple):
    """A dialect under some prefixes, but for the paths that another one owns."""

    dialect: Dialect
    prefixes: tuple[str, ...]
    without: frozenset[str] = frozenset()


DIALECTS = (
    Mount(kernelci.DIALECT, ("/latest", "/v0")),
    Mount(kernelci.DIALECT, ("",), without=frozenset({"/"})),
    Mount(kcidb.DIALECT, ("",)),
    Mount(dashboard.DIALECT, ("/api",)),
)
OWN = Dialect(
    "hub",
    (
        Route("GET", "/", root, "pages", quick=True, summary="The index page, or a greeting"),
        *jobs.ROUTES,
        *push.routes(mount.dialect for mount in DIALECTS),
        *tokens.ROUTES,
    ),
    own.refuse,
)
DESCRIPTION = Dialect(
    "hub",
    (Route("GET", "/openapi.json", pages.show_openapi, "pages", quick=True, summary="This description"),),
    own.refuse,
)

MOUNTS = (
    *DIALECTS,
    Mount(OWN, ("",)),
    Mount(DESCRIPTION, ("/latest", "/v0", "")),
)


def bind(mounts: tuple[Mount, ...]) -> Iterator[Bound]:
    """Every route at every path it is served under. The root of a prefix is served with and without its slash."""
    for mount in mounts:
        for prefix in mount.prefixes:
            for route in mount.dialect.routes:
                if route.path in mount.without:
                    continue
                yield Bound(prefix + route.path, route, mount.dialect)
                # What takes the rest of a path takes a slash at its end too.
                if mount.dialect.slash == "same" and route.path != "/" and not takes_rest(route.path):
                    yield Bound(f"{prefix}{route.path}/", route, mount.dialect)
                if prefix and route.path == "/":
                    yield Bound(prefix, route, mount.dialect)


@cache
def table(slice: str = WHOLE) -> Table:
    """The table of one slice, or of all. Raises ClaimedTwice, and ValueError for a slice that is not deployed or a
    path that is no template."""
    whole = Table(bind(MOUNTS), unknown_version)
    if unknown := sorted({b.route.slice for b in whole.bounds} - set(SLICES)):
        raise ValueError(f"no deployable function serves the slice {', '.join(unknown)}")
    if slice == WHOLE:
        return whole
    if slice not in SLICES:
        raise ValueError(f"no such slice: {slice}")
    return Table((b for b in whole.bounds if b.route.slice == slice), unknown_version)


_VERSION = re.compile(r"/(v[\d.]+)(?:/|\Z)", re.ASCII)


def unknown_version(path: str) -> Missed | None:
    """KernelCI's answer to a version it does not have (kernelci.md 1.1): `/v1/…` and `/v0.1/…`, not `/v0x/…`."""
    found = _VERSION.match(path)
    if found is None or found[1] == "v0":
        return None
    text = f"Unsupported API version: {found[1]}"
    headers = (("content-type", "text/plain; charset=utf-8"),)
    return Missed("(version)", lambda request: Reply(400, text.encode(), headers))


@cache
def _hello() -> Route:
    return next(r for r in kernelci.DIALECT.routes if (r.method, r.path) == ("GET", "/"))
