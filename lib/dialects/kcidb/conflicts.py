"""KCIDB handler of conflicts: the objects of an origin that were told several values of a field (kcidb.md 2.5)."""

from __future__ import annotations

from typing import Any

from lib.dialects.kcidb.codec_report import encode_conflicts, encode_key
from lib.dialects.kcidb.export import decode_span
from lib.dialects.params import Params
from lib.dialects.wire import Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.report.export import ExportPart
from schemas.kcidb.query import CATEGORIES, ContestedPage

LIMIT_DEFAULT = 50
LIMIT_MAX = 200
"""Objects looked at for one page."""
CONFLICTS = ("origin", "kind", "category", "after", "until", "cursor", "limit")


def find(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/conflicts"""
    params = Params(request, CONFLICTS)
    params.required("origin")
    category, limit = params.choice("category", CATEGORIES), params.number("limit", 1, LIMIT_MAX) or LIMIT_DEFAULT
    part = hub.exports.part(decode_span(params, is_conflicted=True), limit, params.text("cursor") or None)
    return reply_json({"items": encode_contested(part, category), "next": part.next})


def encode_contested(part: ExportPart, category: str | None) -> list[dict[str, Any]]:
    """The reports of a part and their conflicts, those of one category or all."""
    items = []
    for body in part.bodies:
        found = [c for c in encode_conflicts(part.kind, body) if category in (None, c["category"])]
        if found:
            items.append({**encode_key(part.kind, body), "changed_at": body["changed_at"], "conflicts": found})
    return items


ROUTES = (
    Route(
        "GET", "/kcidb/conflicts", find, "kcidb", params=CONFLICTS, gives=ContestedPage,
        summary="Read the objects of an origin that were told several values of a field",
    ),
)  # fmt: skip
