"""schemas/openapi.json is what the route table says now, and is valid OpenAPI."""

from __future__ import annotations

import json
import re
from pathlib import Path

from openapi_spec_validator import OpenAPIV31SpecValidator

from functions.edge import openapi, routes

KEPT = Path(__file__).parents[2] / "schemas" / "openapi.json"


def test_it_is_fresh():
    assert KEPT.read_bytes() == openapi.document(), "run `make openapi`"


def test_it_is_valid():
    OpenAPIV31SpecValidator(json.loads(openapi.document())).validate()


def test_it_has_every_route_once():
    described = openapi.describe()
    bounds = list(openapi.once(routes.table().bounds))
    operations = [o for methods in described["paths"].values() for o in methods.values()]
    # Routes that differ by the names or the patterns of their parameters share an operation.
    places = {(b.route.method, re.sub(r"\{[^}]*\}", "{}", b.path)) for b in bounds}
    assert len(bounds) == len({id(bound.route) for bound in routes.table().bounds})
    assert len(operations) == len(places)
    assert len({o["operationId"] for o in operations}) == len(operations)
    assert [o["operationId"] for o in operations if not o["summary"]] == []
    assert sum(len(o["summary"].split("; or: ")) for o in operations) == len(bounds)


def test_it_names_what_it_refers_to():
    described = openapi.describe()
    text = json.dumps(described)
    assert [name for name in described["components"]["schemas"] if f"#/components/schemas/{name}" not in text] == []
