"""Against KCIDB's own library: the same verdict on made-up documents, and the same document after an upgrade.

Where we differ on purpose (docs/kcidb-schema.md) the difference has a name here, and happens.
"""

from __future__ import annotations

import copy
from collections import Counter
from typing import Any

import kcidb_io.schema as oracle
import pytest

from lib.dialects.kcidb.codec import decode, upgraded
from lib.errors import Malformed
from schemas.kcidb.json_schema import json_schema
from schemas.kcidb.version import versions
from tests.build.corpus import Document, documents

STRICTER = {"newline", "nul", "large", "range", "origin", "number", "upgrade"}
"""Rules of ours that the library has not; its date-times may leave the years in UTC, which ours calls a format."""


def verdict(document: Document) -> tuple[Any, set[str]]:
    """What we make of a document: upgraded, or the rules it breaks."""
    try:
        decode(document)
    except Malformed as error:
        assert error.problems and error.count >= len(error.problems)
        return None, {str(p["rule"]) if "outside the years" not in str(p["msg"]) else "range" for p in error.problems}
    return upgraded(document), set()


def their_verdict(document: Document) -> Any:
    """What the library makes of it: upgraded, or the reason why not."""
    try:
        oracle.LATEST.validate(copy.deepcopy(document))
    except Exception as error:
        return f"invalid: {error}"[:200]
    try:
        return oracle.LATEST.upgrade(copy.deepcopy(document))
    except Exception as error:  # InheritanceImpossible, and what it stumbles over
        return f"impossible: {error!r}"[:200]


def compare(document: Document) -> str:
    """The name of what was found; fails for a difference that has none."""
    before = copy.deepcopy(document)
    ours, rules = verdict(document)
    assert document == before, "decoding changes nothing of what it is given"
    name, asked = _in_integers(document)
    theirs = their_verdict(asked)
    if ours is not None:
        assert ours == theirs, document
        return f"taken{name}"
    if isinstance(theirs, str):
        return f"refused{name}"
    if rules == {"upgrade"}:
        assert not oracle.LATEST.is_valid(theirs) or _leaves_the_years(document), document
        return "upgraded by the library to what is not valid"
    assert rules <= STRICTER, (rules, document)
    return " and ".join(sorted(rules))


def _in_integers(document: Document) -> tuple[str, Document]:
    """The document with whole floats in its version written as integers: the library takes them now and then."""
    version = document.get("version")
    if isinstance(version, dict) and any(isinstance(n, float) and n.is_integer() for n in version.values()):
        whole = {k: int(n) if isinstance(n, float) and n.is_integer() else n for k, n in version.items()}
        return " with a float for a version", {**document, "version": whole}
    return "", document


def _leaves_the_years(document: Document) -> bool:
    return any(text in str(document) for text in ("0001-01-01T00:00:00+01:00", "9999-12-31T23:59:59-00:01"))


def run(count: int, seed: int) -> Counter[str]:
    found = Counter(map(compare, documents(count, seed)))
    assert found["taken"] > count / 3 and found["refused"] > count / 5, found
    return found


def test_the_same_verdict_and_the_same_upgrade():
    found = run(500, seed=1)
    assert sum(found.values()) == 500
    assert {"taken with a float for a version", "upgraded by the library to what is not valid", "nul"} <= set(found)


@pytest.mark.full
@pytest.mark.timeout(900)
@pytest.mark.parametrize("seed", range(4))
def test_the_same_at_length(seed):
    found = run(5000, seed=100 + seed)
    assert {"newline", "nul", "large", "range", "origin"} <= set(found), found


@pytest.mark.parametrize("version", versions(), ids=lambda v: f"{v[0]}.{v[1]}")
def test_the_tables_are_the_library_s(version):
    """Lists, fields and what must be there; values are compared by verdicts."""
    theirs = getattr(oracle, f"V{version[0]}_{version[1]}").json
    ours = json_schema(version)
    assert ours["properties"].keys() == theirs["properties"].keys()
    for kind in ours["properties"].keys() - {"version"}:
        assert _fields(ours["properties"][kind], ours["definitions"]) == _fields(
            theirs["properties"][kind], theirs["$defs"]
        )


def _fields(schema: Any, named: Any) -> Any:
    """The fields of a schema and which must be there, down to the types of values."""
    if "$ref" in schema:
        schema = named[schema["$ref"].rpartition("/")[2]]
    if schema["type"] == "array":
        return [_fields(schema["items"], named)]
    if "properties" not in schema:
        return schema["type"]
    assert schema["additionalProperties"] is False
    required = schema.get("required", ())
    return {name: (_fields(one, named), name in required) for name, one in schema["properties"].items()}
