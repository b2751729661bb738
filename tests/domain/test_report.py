"""The merge of reports, example by example (kcidb.md 2.4)."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest

from lib.domain.canonical import digest
from lib.domain.report import KINDS, absorb, conflicts, key_of

CASES = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "merges").glob("*.json"))}
NORMAL = CASES.keys() - {"start", "env", "number"}
"""Cases whose copies are in normal form as they stand."""
AT = "2026-01-01T00:00:00.000000Z"


@pytest.mark.parametrize("name", CASES)
def test_submission_ids(name):
    for submission, id in zip(CASES[name]["submissions"], CASES[name]["ids"], strict=True):
        assert digest(submission) == id


@pytest.mark.parametrize("name", sorted(NORMAL))
def test_examples(name):
    case = CASES[name]
    told = list(zip(case["submissions"], case["ids"], strict=True))
    for order in itertools.islice(itertools.permutations(told), 24):
        bodies = {}
        for submission, id in order:
            for kind in KINDS:
                for fields in submission.get(kind, ()):
                    key = key_of(kind, fields)
                    bodies[key] = absorb(kind, bodies.get(key), fields, id, AT)
        view = {kind: [body["object"] for key, body in bodies.items() if key.kind == kind] for kind in KINDS}
        assert view == {kind: case["view"].get(kind, []) for kind in KINDS}
        found = [
            {"key": list(key[:2]), "field": c.field, "winner": c.winner, "losers": c.losers, "more": c.has_more}
            for key, body in bodies.items()
            for c in conflicts(key.kind, body)
        ]
        assert found == case["conflicts"]
