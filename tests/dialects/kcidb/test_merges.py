"""The worked examples of the merge (kcidb.md 2.4), from the JSON of their submissions on, in any order and grouping."""

from __future__ import annotations

import functools
import itertools
import json
from pathlib import Path

import pytest

from lib.dialects.kcidb.codec import decode, encode
from lib.domain.report.report import KINDS, absorb, conflicts
from tests.build.collision import join

CASES = {path.stem: json.loads(path.read_text()) for path in sorted((Path(__file__).parent / "merges").glob("*.json"))}
AT = "2026-01-01T00:00:00.000000Z"


def merged(submissions):
    """The reports that these submissions make, by key."""
    bodies = {}
    for submission in submissions:
        sent = decode(submission)
        for key, fields in sent.copies:
            bodies[key] = absorb(key.kind, bodies.get(key), fields, sent.id, AT)
    return bodies


def joined(a, b):
    """The reports that both know of."""
    bodies = {key: join(key.kind, body, b[key]) if key in b else body for key, body in a.items()}
    return {**b, **bodies}


def shown(bodies):
    """The views as a document, and the conflicts, as the examples have them."""
    keys = sorted(bodies, key=lambda key: (KINDS.index(key.kind), key.id))
    views = {kind: [bodies[key]["object"] for key in keys if key.kind == kind] for kind in KINDS}
    found = [
        {"key": list(key[:2]), "field": c.field, "winner": c.winner, "losers": c.losers, "more": c.has_more}
        for key in keys
        for c in conflicts(key.kind, bodies[key])
    ]
    return encode({kind: some for kind, some in views.items() if some}), found


@pytest.mark.parametrize("name", CASES)
def test_ids(name):
    assert [decode(submission).id for submission in CASES[name]["submissions"]] == CASES[name]["ids"]


@pytest.mark.parametrize("name", CASES)
def test_examples(name):
    case = CASES[name]
    for order in itertools.islice(itertools.permutations(case["submissions"]), 24):
        assert shown(merged(order)) == (case["view"], case["conflicts"])
        for at in range(1, len(order)):
            assert shown(joined(merged(order[:at]), merged(order[at:]))) == (case["view"], case["conflicts"])
        one_by_one = [merged([submission]) for submission in order]
        assert shown(functools.reduce(joined, one_by_one)) == (case["view"], case["conflicts"])


def test_an_old_schema():
    """Example 10: a build that was valid and a waived test of 4.5, and the build's status of 5.3."""
    old = {
        "version": {"major": 4, "minor": 5},
        "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c", "valid": True}],
        "tests": [{"id": "a:t1", "origin": "a", "build_id": "a:b1", "waived": True}],
    }
    new = {
        "version": {"major": 5, "minor": 3},
        "builds": [{"id": "a:b", "origin": "a", "checkout_id": "a:c", "status": "FAIL"}],
    }
    case = CASES["v4"]
    for order in ((old, new), (new, old)):
        assert shown(merged(order)) == (case["view"], case["conflicts"])


@pytest.mark.parametrize(("sent", "stored"), [
    ("2025-07-15t12:10:17.1234567+02:00", "2025-07-15T10:10:17.123456+00:00"),
    ("2020-02-29T23:59:59.9-00:30", "2020-03-01T00:29:59.900000+00:00"),
])  # fmt: skip
def test_times(sent, stored):
    """Example 12."""
    checkout = {"id": "a:c", "origin": "a", "start_time": sent}
    document, _ = shown(merged([{"version": {"major": 5, "minor": 3}, "checkouts": [checkout]}]))
    assert document["checkouts"] == [{**checkout, "start_time": stored}]
