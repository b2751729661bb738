"""KCIDB handlers of readiness: the purposes there are, and what an object is ready for (kcidb.md 4.4)."""

from __future__ import annotations

from lib.dialects.kcidb.codec_ready import decode_any_json, encode_inspection
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.readiness.form import encode_purpose
from lib.domain.report.report import KINDS
from lib.errors import Invalid, NoRoute
from schemas.kcidb.query import VERSION_MAX
from schemas.kcidb.ready import PurposeIn, PurposeOut, PurposesOut, ReadinessOut

PURPOSE_BYTES_MAX = 64 * 1024


def list_purposes(request: Request, hub: Hub) -> Reply:
    """GET /purposes: as data, those of every hub first."""
    catalog = hub.purposes.catalog(request.now)
    return reply_json({"purposes": [encode_purpose(purpose, catalog) for purpose in catalog.values()]})


def define_purpose(request: Request, hub: Hub) -> Reply:
    """POST /purposes: a new one (201), or another form of one that was defined before (200)."""
    purpose, is_new = hub.purposes.define(decode_any_json(request), request.now)
    return reply_json(encode_purpose(purpose, hub.purposes.catalog(request.now)), 201 if is_new else 200)


def drop_purpose(request: Request, hub: Hub) -> Reply:
    """DELETE /purposes/{name}"""
    hub.purposes.drop(request.params["name"])
    return Reply(204)


def show(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/{kind}/{id}/readiness, and /kcidb/{kind}/readiness?id= for ids that hold a slash."""
    kind = request.params["kind"]
    if kind not in KINDS:
        raise NoRoute
    params = Params(request, ("id", "version"))
    id, version = request.params.get("id") or params.required("id"), params.number("version", 0, VERSION_MAX)
    if version is not None and kind != "issues":
        raise Invalid("version", "issues alone have one")
    return reply_json(encode_inspection(hub.inspector.inspect(kind, id, version, request.now)))


ROUTES = (
    *(
        route
        for prefix in ("", "/kcidb")
        for route in (
            Route("GET", f"{prefix}/purposes", list_purposes, "kcidb", gives=PurposesOut,
                  summary="What an object may be good enough for"),
            Route("POST", f"{prefix}/purposes", define_purpose, "kcidb", Access.SUPER, brief=True, takes=PurposeIn,
                  gives=PurposeOut, body_bytes_max=PURPOSE_BYTES_MAX, summary="Define a purpose, or replace one"),
            Route("DELETE", f"{prefix}/purposes/{{name}}", drop_purpose, "kcidb", Access.SUPER, brief=True, gives=None,
                  summary="Remove a purpose that was defined"),
        )
    ),
    Route(
        "GET", "/kcidb/{kind}/{id}/readiness", show, "kcidb", gives=ReadinessOut, params=("version",),
        summary="What an object is ready for, and what it lacks",
    ),
    Route(
        "GET", "/kcidb/{kind}/readiness", show, "kcidb", gives=ReadinessOut, params=("id", "version"),
        summary="The same, for an id that holds a slash",
    ),
)  # fmt: skip
