"""The OpenAPI 3.1 description of the surface, made from the joined route table and the wire models.

Called by the command line and by the test that keeps `schemas/openapi.json` fresh. The same table gives the same bytes.
Routes under several prefixes are described once, under the first.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import orjson
from pydantic import TypeAdapter

from functions.edge import routes
from functions.edge.table import Bound
from lib.dialects.wire import Access, Route

VERSION = "0.2.0"
_REF = "#/components/schemas/{model}"
_PARAM = re.compile(r"\{(\w+)(?::path)?\}")
_STANDING = {
    Access.USER: "Needs a token of an active user.",
    Access.SUBMITTER: "Needs a token that names origins to submit for, or one of an active user.",
    Access.VERIFIED: "Needs a token of a verified user.",
    Access.SUPER: "Needs a token of a superuser.",
    Access.SCHEDULER: "Needs a token of a superuser, or one that Google signed for a service account of the scheduler.",
    Access.PUSH: "Needs a token that Google signed for a service account which pushes.",
}


def document() -> bytes:
    """The description as JSON text, ready to be written to a file."""
    return orjson.dumps(describe(), option=orjson.OPT_INDENT_2 | orjson.OPT_SORT_KEYS | orjson.OPT_APPEND_NEWLINE)


def rows() -> list[str]:
    """Each route as a row of the table in docs/routes.md."""
    return [
        f"| `{b.route.method} {b.path}` | {b.route.access.value} | `{b.route.slice}` | {b.route.summary} |"
        for b in once(routes.table().bounds)
    ]


def describe() -> dict[str, Any]:
    """The description as plain data."""
    bounds = list(once(routes.table().bounds))
    shapes, components = _schemas([b.route for b in bounds])
    paths: dict[str, dict[str, Any]] = {}
    for bound in bounds:
        path = _PARAM.sub(r"{\1}", bound.path)
        paths.setdefault(path, {})[bound.route.method.lower()] = _operation(bound, shapes)
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tributary", "version": VERSION, "description": "A hub for CI results."},
        "paths": paths,
        "components": {
            "schemas": {**components, "Refusal": _REFUSAL},
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}},
        },
    }


_REFUSAL = {
    "type": "object",
    "description": "Why a request was refused. Which of the keys are there is the dialect's.",
    "properties": {"detail": {}, "message": {"type": "string"}, "code": {}, "error": {"type": "string"}},
}


def once(bounds: tuple[Bound, ...]) -> Iterator[Bound]:
    """Each route where it is first mounted."""
    seen: set[int] = set()
    for bound in bounds:
        if id(bound.route) not in seen:
            seen.add(id(bound.route))
            yield bound


Shapes = dict[tuple[int, str], dict[str, Any]]


def _schemas(table: list[Route]) -> tuple[Shapes, dict[str, Any]]:
    """The schema of each body, by the route's identity and direction, and the definitions they share."""
    inputs: list[tuple[int, Any, TypeAdapter[Any]]] = []
    for route in table:
        if route.takes is not None:
            inputs.append((id(route), "validation", TypeAdapter(route.takes)))
        if route.gives is not None:
            inputs.append((id(route), "serialization", TypeAdapter(route.gives)))
    if not inputs:
        return {}, {}
    shapes, definitions = TypeAdapter.json_schemas(inputs, ref_template=_REF)
    return {key: _clean(shape) for key, shape in shapes.items()}, _clean(definitions.get("$defs", {}))


def _clean(schema: Any) -> Any:
    """A schema without `default: null`: it says nothing of a value that may be null, and is wrong of any other."""
    if isinstance(schema, list):
        return [_clean(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {k: _clean(v) for k, v in schema.items() if not (k == "default" and v is None)}


def _operation(bound: Bound, shapes: Shapes) -> dict[str, Any]:
    route = bound.route
    built: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub('[^A-Za-z0-9]+', '_', bound.path)}".rstrip("_"),
        "tags": [route.slice],
        "summary": route.summary or f"{route.method} {route.path}",
        "parameters": [
            *(_parameter(name, "path") for name in _PARAM.findall(bound.path)),
            *(_parameter(name, "query") for name in route.params if "<" not in name),
            *_patterns([name for name in route.params if "<" in name]),
        ],
        "responses": {
            "200": {"description": "Done", **_content(shapes.get((id(route), "serialization")))},
            "default": {"description": "Refused", **_content({"$ref": _REF.format(model="Refusal")})},
        },
    }
    if route.access in _STANDING:
        built["security"] = [{"token": []}]
        built["description"] = _STANDING[route.access]
    if route.takes is not None:
        media = "application/x-www-form-urlencoded" if route.is_form else "application/json"
        built["requestBody"] = {"required": True, **_content(shapes[id(route), "validation"], media)}
    return built


def _parameter(name: str, place: str) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string"}}


def _patterns(names: list[str]) -> list[dict[str, Any]]:
    """Parameters that are named by a pattern (`<field>__<operator>`): one object, each of whose keys is a parameter."""
    if not names:
        return []
    shape = {"type": "object", "additionalProperties": {"type": "string"}}
    text = f"Any of {', '.join(f'`{name}`' for name in names)}"
    return [{"name": "filters", "in": "query", "style": "form", "explode": True, "schema": shape, "description": text}]


def _content(schema: dict[str, Any] | None, media: str = "application/json") -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}} if schema is not None else {}
