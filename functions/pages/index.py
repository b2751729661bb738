"""The page at `/`: what this hub is and where to go; and the description of the surface it links to."""

from __future__ import annotations

import base64
import hashlib
import html
from functools import cache
from pathlib import Path
from string import Template

from lib.dialects.wire import Headers, Reply, Request
from lib.domain.hub import Hub

_HERE = Path(__file__).parent
_SCHEMAS = _HERE.parent.parent / "schemas"


def show_index(request: Request, hub: Hub) -> Reply:
    """The page, for people."""
    page, headers = _index()
    return Reply(200, page.substitute(base=html.escape(request.base_url)).encode(), headers)


def show_openapi(request: Request, hub: Hub) -> Reply:
    """The OpenAPI description, for machines (kernelci.md 1.1: its design documents name this path)."""
    return Reply(200, _openapi(), (("content-type", "application/json"),))


def prefers_html(accept: str) -> bool:
    """Whether an Accept header asks for HTML by name, and no less than for JSON. `*/*` asks for neither."""
    weights = {"text/html": 0.0, "application/json": 0.0}
    for part in accept.lower().split(",")[:32]:
        kind, _, rest = part.partition(";")
        if kind.strip() in weights:
            weights[kind.strip()] = _weight(rest)
    return 0 < weights["text/html"] >= weights["application/json"]


def _weight(parameters: str) -> float:
    for parameter in parameters.split(";"):
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return float(value)
            except ValueError:
                return 0.0
    return 1.0


@cache
def _index() -> tuple[Template, Headers]:
    """The template, and headers that allow its one style sheet and nothing else."""
    style = (_HERE / "index.css").read_text()
    page = Template(Template((_HERE / "index.html").read_text()).safe_substitute(style=style))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    policy = f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    return page, (
        ("content-type", "text/html; charset=utf-8"),
        ("content-security-policy", f"{policy}; frame-ancestors 'none'"),
        ("x-content-type-options", "nosniff"),
        ("referrer-policy", "no-referrer"),
    )


@cache
def _openapi() -> bytes:
    return (_SCHEMAS / "openapi.json").read_bytes()
