"""The OpenAPI 3.1 description of the surface, made from the joined route table and the wire models.

Called by the command line and by the test that keeps `schemas/openapi.json` fresh. The same table gives the same bytes.
Routes under several prefixes are described once, under the first. OpenAPI takes templates that differ by the names of
parameters alone for one, so routes that differ by their patterns share a template and, for one method, an operation.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import orjson
from pydantic import TypeAdapter

from functions.edge import routes
from functions.edge.pattern import PATTERNS, Parameter, parameters, shown
from functions.edge.table import Bound
from functions.version import VERSION
from lib.dialects.wire import Access, Route

_REF = "#/components/schemas/{model}"
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
    for (path, method), sharing in _places(bounds).items():
        paths.setdefault(path, {})[method] = _any_operation([_operation(bound, path, shapes) for bound in sharing])
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


def _places(bounds: list[Bound]) -> dict[tuple[str, str], list[Bound]]:
    """The routes of each template and method. The first route of a template names its parameters."""
    templates: dict[str, str] = {}
    places: dict[tuple[str, str], list[Bound]] = {}
    for bound in bounds:
        path = shown(bound.path)
        template = templates.setdefault(re.sub(r"\{\w+\}", "{}", path), path)
        places.setdefault((template, bound.route.method.lower()), []).append(bound)
    return places


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


def _operation(bound: Bound, path: str, shapes: Shapes) -> dict[str, Any]:
    """What a route does, under a template that may name its parameters otherwise."""
    route = bound.route
    built: dict[str, Any] = {
        "operationId": f"{route.method.lower()}{re.sub('[^A-Za-z0-9]+', '_', bound.path)}".rstrip("_"),
        "tags": [route.slice],
        "summary": route.summary or f"{route.method} {route.path}",
        "parameters": [
            *(
                _parameter(named.name, "path", _form(own))
                for named, own in zip(parameters(path), parameters(bound.path), strict=True)
            ),
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


def _parameter(name: str, place: str, form: Mapping[str, Any] = {}) -> dict[str, Any]:
    return {"name": name, "in": place, "required": place == "path", "schema": {"type": "string", **form}}


def _form(parameter: Parameter) -> dict[str, Any]:
    """What the schema of a parameter says of its pattern."""
    pattern = PATTERNS.get(parameter.pattern)
    if pattern is None:
        return {}
    return {"pattern": pattern.regex, "maxLength": pattern.chars_max, "examples": [pattern.example]}


def _patterns(names: list[str]) -> list[dict[str, Any]]:
    """Parameters that are named by a pattern (`<field>__<operator>`): one object, each of whose keys is a parameter."""
    if not names:
        return []
    shape = {"type": "object", "additionalProperties": {"type": "string"}}
    text = f"Any of {', '.join(f'`{name}`' for name in names)}"
    return [{"name": "filters", "in": "query", "style": "form", "explode": True, "schema": shape, "description": text}]


def _content(schema: dict[str, Any] | None, media: str = "application/json") -> dict[str, Any]:
    return {"content": {media: {"schema": schema}}} if schema is not None else {}


def _any_operation(sharing: list[dict[str, Any]]) -> dict[str, Any]:
    """One operation for routes that share a template and a method: what any of them takes and gives."""
    if len(sharing) == 1:
        return sharing[0]
    built = {
        **sharing[0],
        "tags": sorted({tag for operation in sharing for tag in operation["tags"]}),
        "summary": "; or: ".join(operation["summary"] for operation in sharing),
        "parameters": _any_parameters(sharing),
        "responses": {
            status: {**reply, **_any_content(operation["responses"][status] for operation in sharing)}
            for status, reply in sharing[0]["responses"].items()
        },
    }
    guarded = [operation for operation in sharing if "security" in operation]
    if guarded:
        built["security"] = [{"token": []}] if len(guarded) == len(sharing) else [{}, {"token": []}]
        built["description"] = "\n\n".join(f"{o['summary']}: {o['description']}" for o in guarded)
    bodies = [operation["requestBody"] for operation in sharing if "requestBody" in operation]
    if bodies:
        built["requestBody"] = {"required": len(bodies) == len(sharing), **_any_content(bodies)}
    return built


def _any_parameters(sharing: list[dict[str, Any]]) -> list[dict[str, Any]]:
    named: dict[tuple[str, str], list[dict[str, Any]]] = {}
    for operation in sharing:
        for parameter in operation["parameters"]:
            named.setdefault((parameter["in"], parameter["name"]), []).append(parameter)
    return [{**several[0], "schema": _any_schema(p["schema"] for p in several)} for several in named.values()]


def _any_content(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """The content of one body for what several bodies may be."""
    schemas: dict[str, list[dict[str, Any]]] = {}
    for body in several:
        for media, content in body.get("content", {}).items():
            schemas.setdefault(media, []).append(content["schema"])
    return {"content": {media: {"schema": _any_schema(found)} for media, found in schemas.items()}} if schemas else {}


def _any_schema(several: Iterable[dict[str, Any]]) -> dict[str, Any]:
    """A schema for what fits any of some schemas, each written once."""
    different: list[dict[str, Any]] = []
    for schema in several:
        if schema not in different:
            different.append(schema)
    return different[0] if len(different) == 1 else {"anyOf": different}
