"""KernelCI's greeting at the API's root (kernelci.md 2.1)."""

from __future__ import annotations

from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from schemas.kernelci.body import HelloRead


def hello(request: Request, hub: Hub) -> Reply:
    """GET /: what `kci api hello` reads; browsers are shown a page by the edge."""
    return reply_json({"message": "KernelCI API"})


ROUTES = (Route("GET", "/", hello, "query", quick=True, gives=HelloRead, summary="Greeting"),)
