"""KCIDB handler of the schema: what submissions look like, as JSON Schema (kcidb.md 1.6)."""

from __future__ import annotations

from functools import cache
from typing import Any

import orjson

from lib.dialects.wire import Reply, Request, Route
from lib.domain.hub import Hub
from lib.errors import NotFound
from schemas.kcidb.json_schema import json_schema
from schemas.kcidb.version import NEWEST, versions


def show(request: Request, hub: Hub) -> Reply:
    """GET /schema/{version}: the JSON Schema of `v5.3` and so on, or of `latest`."""
    name = request.params["version"]
    known = {f"v{major}.{minor}": (major, minor) for major, minor in versions()} | {"latest": NEWEST}
    if name not in known:
        raise NotFound("schema", f"{name}; there are {', '.join(known)}")
    return Reply(200, _text(known[name]), (("content-type", "application/schema+json"),))


@cache
def _text(version: tuple[int, int]) -> bytes:
    return orjson.dumps(json_schema(version))


ROUTES = tuple(
    Route("GET", path, show, "kcidb", quick=True, gives=dict[str, Any],
          summary="The JSON Schema of submissions: v5.3 and so on, or latest")
    for path in ("/schema/{version}", "/kcidb/schema/{version}")
)  # fmt: skip
