"""The published JSON Schemas and the page, both made from the tables (kcidb.md 1)."""

from __future__ import annotations

import json
from pathlib import Path

import jsonschema
import pytest

from lib.dialects.kcidb.codec import decode
from lib.errors import Malformed
from schemas.kcidb import page
from schemas.kcidb.json_schema import json_schema
from schemas.kcidb.version import NEWEST, versions
from tests.build.corpus import Corpus, documents

PAGE = Path(__file__).parents[3] / "docs" / "kcidb-schema.md"
EACH = pytest.mark.parametrize("version", versions(), ids=lambda v: f"{v[0]}.{v[1]}")


def test_the_page_is_fresh():
    assert PAGE.read_text() == page.page(), "run `make openapi`"


def test_the_page_s_example_is_taken_and_its_fault_is_told_so():
    document, fault = (json.loads(text.partition("```")[0]) for text in PAGE.read_text().split("```json")[1:])
    assert len(decode(document).copies) == 3
    document["tests"][0]["path"] = "ltp..read01"
    with pytest.raises(Malformed) as caught:
        decode(document)
    assert caught.value.problems == [fault]


def test_the_page_has_every_rule():
    rules = set()
    for document in documents(2000, seed=8, broken=1):
        try:
            decode(document)
        except Malformed as error:
            rules |= {str(problem["rule"]) for problem in error.problems}
    assert len(rules) > 12
    rows = "".join(line for line in PAGE.read_text().splitlines() if line.startswith("| `"))
    assert {rule for rule in (*rules, "size", "json") if f"`{rule}`" not in rows} == set()


@EACH
def test_it_is_a_schema_of_draft_7(version):
    jsonschema.Draft7Validator.check_schema(json_schema(version))


@EACH
def test_it_agrees_with_the_checker(version):
    """But for what no JSON Schema says: what is inside `misc`, whose an object is, and what an upgrade makes of it."""
    checker = jsonschema.Draft7Validator(json_schema(version), format_checker=jsonschema.FormatChecker())
    corpus = Corpus(seed=version[0] * 10 + version[1])
    for _ in range(20):
        document = corpus.valid(version)
        assert checker.is_valid(document), list(checker.iter_errors(document))
        broken = corpus.broken(document)
        try:
            decode(broken)
        except Malformed as error:
            other_rules = {"nul", "large", "origin", "upgrade", "newline", "format"}
            stricter = {problem["rule"] for problem in error.problems} <= other_rules
            assert stricter or not checker.is_valid(broken) or _is_of_other(broken, version), broken
        else:
            assert checker.is_valid(broken) or _is_of_other(broken, version), broken


def _is_of_other(document, version) -> bool:
    """Whether breaking changed the stated version."""
    stated = document.get("version")
    return stated != "1" and (not isinstance(stated, dict) or (stated.get("major"), stated.get("minor", 0)) != version)


@EACH
def test_a_major_s_newest_takes_the_older(version):
    newest = max(v for v in versions() if v[0] == version[0])
    checker = jsonschema.Draft7Validator(json_schema(newest))
    assert checker.is_valid(Corpus(seed=7).valid(version))


@EACH
def test_it_is_published(version, client):
    reply = client.send("GET", f"/schema/v{version[0]}.{version[1]}")
    assert reply.status == 200 and ("content-type", "application/schema+json") in reply.headers
    assert json.loads(reply.body) == json_schema(version)


def test_the_latest_is_published_too(client):
    latest = client.send("GET", "/schema/latest").body
    assert latest == client.send("GET", "/kcidb/schema/v5.3").body
    assert json.loads(latest)["title"] == "KCIDB I/O 5.3"


@pytest.mark.parametrize("name", ["v9.9", "5.3", "v5", "v5.3.0"])
def test_another_is_not(name, client):
    reply = client.send("GET", f"/schema/{name}")
    assert reply.status == 404
    assert "latest" in json.loads(reply.body)["message"] and "v4.5, v5.0" in json.loads(reply.body)["message"]


def test_patterns_match_whole_texts():
    test = {"id": "a:1", "origin": "a", "build_id": "a:2", "path": "a b"}
    checker = jsonschema.Draft7Validator(json_schema(NEWEST))
    assert not checker.is_valid({"version": {"major": 5, "minor": 3}, "tests": [test]})
    assert checker.is_valid({"version": {"major": 5, "minor": 3}, "tests": [{**test, "path": "a.b"}]})
