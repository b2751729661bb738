"""The published JSON Schemas and the page, both made from the tables (kcidb.md 1)."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from lib.dialects.kcidb.codec import decode
from lib.errors import Malformed
from schemas import kcidb_page
from schemas.kcidb import NEWEST, versions
from schemas.kcidb_json import json_schema
from tests.kcidb_corpus import Corpus

PAGE = Path(__file__).parents[3] / "docs" / "kcidb-schema.md"
EACH = pytest.mark.parametrize("version", versions(), ids=lambda v: f"{v[0]}.{v[1]}")


def test_the_page_is_fresh():
    assert PAGE.read_text() == kcidb_page.page(), "run `make openapi`"


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


def test_patterns_match_whole_texts():
    test = {"id": "a:1", "origin": "a", "build_id": "a:2", "path": "a b"}
    checker = jsonschema.Draft7Validator(json_schema(NEWEST))
    assert not checker.is_valid({"version": {"major": 5, "minor": 3}, "tests": [test]})
    assert checker.is_valid({"version": {"major": 5, "minor": 3}, "tests": [{**test, "path": "a.b"}]})
