"""How the description shows routes whose parameters carry patterns."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator
from pydantic import BaseModel

from functions.edge import openapi, routes
from lib.dialects.wire import Access, Route

from .conftest import echo, table_of


class Build(BaseModel):
    id: int


class Report(BaseModel):
    origin: str


NUMBER = Route("GET", "/build/{number:int}", echo, "a", summary="A build", gives=Build, params=("full", "limit"))
REPORT = Route("GET", "/build/{id:colon}", echo, "b", Access.USER, summary="A report", gives=Report, params=("limit",))
FILE = Route("GET", "/build/{file:drv}", echo, "a", summary="A derivation", gives=Build)
DROP = Route("DELETE", "/build/{id:colon}", echo, "b", Access.USER, summary="Drop a report")


def described(monkeypatch, *served: Route) -> dict:
    monkeypatch.setattr(routes, "table", lambda: table_of(*served))
    found = openapi.describe()
    OpenAPIV31SpecValidator(found).validate()
    return found


def names(operation: dict) -> list[str]:
    return [parameter["name"] for parameter in operation["parameters"]]


def test_a_pattern_is_in_the_schema_and_not_in_the_template(monkeypatch):
    (path, methods), = described(monkeypatch, NUMBER)["paths"].items()  # fmt: skip
    assert (path, names(methods["get"])) == ("/build/{number}", ["number", "full", "limit"])
    assert methods["get"]["parameters"][0]["schema"] == {
        "type": "string", "pattern": "^[0-9]+$", "maxLength": 18, "examples": ["4711"],
    }  # fmt: skip


def test_the_rest_of_a_path_has_no_pattern(monkeypatch):
    (path, methods), = described(monkeypatch, Route("GET", "/a/{rest:path}", echo, "a"))["paths"].items()  # fmt: skip
    assert (path, methods["get"]["parameters"][0]["schema"]) == ("/a/{rest}", {"type": "string"})


def test_routes_that_differ_by_their_patterns_share_an_operation(monkeypatch):
    found = described(monkeypatch, NUMBER, REPORT, FILE, DROP)
    assert list(found["paths"]) == ["/build/{number}"]
    get, delete = found["paths"]["/build/{number}"]["get"], found["paths"]["/build/{number}"]["delete"]
    assert (get["summary"], get["tags"]) == ("A build; or: A report; or: A derivation", ["a", "b"])
    assert names(get) == ["number", "full", "limit"]
    assert [s["pattern"] for s in get["parameters"][0]["schema"]["anyOf"]] == [
        "^[0-9]+$", "^[a-z0-9_]+:[^/]*$", r"^[A-Za-z0-9+._?=-]+\.drv$",
    ]  # fmt: skip
    assert get["parameters"][2]["schema"] == {"type": "string"}
    assert get["responses"]["200"]["content"]["application/json"]["schema"] == {
        "anyOf": [{"$ref": "#/components/schemas/Build"}, {"$ref": "#/components/schemas/Report"}]
    }
    assert get["responses"]["default"] == delete["responses"]["default"]
    assert names(delete) == ["number"]
    assert delete["security"] == [{"token": []}]


@pytest.mark.parametrize(("other", "security"), [(NUMBER, [{}, {"token": []}]), (DROP, [{"token": []}])])
def test_a_shared_operation_says_which_route_needs_a_token(monkeypatch, other, security):
    other = Route("GET", "/build/{number:int}", echo, "a", other.access, summary="A build")
    get = described(monkeypatch, REPORT, other)["paths"]["/build/{id}"]["get"]
    assert get["security"] == security
    assert get["description"].startswith("A report: Needs a token")


def test_a_shared_operation_takes_any_of_the_bodies(monkeypatch):
    taking = (
        Route("POST", "/build/{id:int}", echo, "a", takes=Build),
        Route("POST", "/build/{id:colon}", echo, "a", takes=Report, is_form=True),
        Route("POST", "/build/{id:drv}", echo, "a"),
    )
    body = described(monkeypatch, *taking)["paths"]["/build/{id}"]["post"]["requestBody"]
    assert body == {"required": False, "content": {
        "application/json": {"schema": {"$ref": "#/components/schemas/Build"}},
        "application/x-www-form-urlencoded": {"schema": {"$ref": "#/components/schemas/Report"}},
    }}  # fmt: skip


def test_the_rows_of_the_document_keep_the_patterns(monkeypatch):
    monkeypatch.setattr(routes, "table", lambda: table_of(NUMBER, REPORT))
    assert [row.split("`")[1] for row in openapi.rows()] == ["GET /build/{number:int}", "GET /build/{id:colon}"]
