"""A toy dialect, so that the edge is tested without a real one."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest

from functions.edge import routes
from functions.edge.http import Edge, ServiceAccounts
from functions.edge.table import Bound, Table
from lib.auth.oidc import GoogleOidc
from lib.dialects.wire import Access, Dialect, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.errors import Invalid, NotFound, Unavailable, Unserved
from tests import build
from tests.build.issuer import AUDIENCE, PUSHER, SCHEDULER, Issuer


def echo(request: Request, hub: Hub) -> Reply:
    return reply_json({"params": dict(request.params), "body": len(request.body), "query": request.query})


def whoami(request: Request, hub: Hub) -> Reply:
    return reply_json(request.caller.username)


FAULTS = {
    "invalid": Invalid("a.b", "must be one"),
    "missing": NotFound("node", "7"),
    "away": Unavailable("the disk is full"),
    "unserved": Unserved("node declares no shape"),
    "bug": KeyError("secret-value"),
    "deep": RecursionError("secret-value"),
}


def fail(request: Request, hub: Hub) -> Reply:
    raise FAULTS[request.params["how"]]


def refuse(error: Exception, status: int) -> Reply:
    return reply_json({"toy": str(error)}, status)


ROUTES = (
    Route("GET", "/thing/{id}", echo, "a", quick=True),
    Route("PATCH", "/thing/mine", echo, "a"),
    Route("PUT", "/thing/{id}", echo, "a", body_bytes_max=10),
    Route("GET", "/files/{rest:path}", echo, "a"),
    Route("GET", "/fail/{how}", fail, "a"),
    Route("GET", "/user", whoami, "b", Access.USER),
    Route("GET", "/verified", whoami, "b", Access.VERIFIED),
    Route("GET", "/super", whoami, "b", Access.SUPER),
)

TOY = Dialect("toy", ROUTES, refuse, slash="redirect")


def table_of(*routes: Route, dialect: Dialect = TOY) -> Table:
    return Table([Bound(route.path, route, dialect) for route in routes])


@pytest.fixture
def lines() -> list[str]:
    return []


@pytest.fixture
def edge(hub: Hub, lines: list[str]) -> Edge:
    return Edge(hub, table_of(*ROUTES), say=lines.append)


@pytest.fixture
def google() -> Issuer:
    return Issuer()


@pytest.fixture
def cloud(hub, clock, google, lines) -> build.Client:
    """A client of the whole edge, which knows the service accounts."""
    allowed = {Access.PUSH: frozenset((PUSHER,)), Access.SCHEDULER: frozenset((SCHEDULER,))}
    robots = ServiceAccounts(GoogleOidc(AUDIENCE, google.fetch), allowed)
    return build.Client(Edge(hub, routes.table(), say=lines.append, service_accounts=robots), clock)


Send = Callable[..., Reply]


@pytest.fixture
def send(cloud, clock, google) -> Send:
    """Push a body, by the account that may."""

    def send(body: object, **headers: str) -> Reply:
        whole = body if isinstance(body, bytes) else json.dumps(body).encode()
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        return cloud.send("POST", "/on_event", body=whole, headers=named, token=google.robot(clock()))

    return send
