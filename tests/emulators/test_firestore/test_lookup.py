"""Looking documents up by a field finds what looking at all of them finds."""

from __future__ import annotations

import random

import pytest

from tests.emulators.firestore import collection

from .test_query import And, F, Or, found

SEED = 20
VALUES = [None, True, 0, 1, 1.5, float("nan"), "a", "b", ["a", 1], ["b", "b"], {"k": 1}, {"k": "a"}]
FILTERS = [
    *(F("v", op, value) for op in ("==", "<", "<=", ">", ">=") for value in (0, 1.5, "a", True)),
    F("v", "==", None), F("v", "==", ["a", 1]), F("v", "!=", 1), F("v", "in", [1, "b", None]),
    F("v", "not-in", [1]), F("v", "array_contains", "b"), F("v", "array_contains_any", ["a", "b"]), F("v.k", "==", 1),
    And([F("v", ">", 0), F("v", "<=", 1.5)]), And([F("v", "==", 1), F("w", "==", "a")]),
    And([F("w", ">=", "a"), F("v", "array_contains", 1)]), Or([F("v", "==", 1), F("w", "<", 1)]),
]  # fmt: skip


@pytest.mark.parametrize("downwards", [False, True])
def test_both_ways_find_the_same(client, nodes, monkeypatch, downwards):
    monkeypatch.setattr(collection, "SMALL", 0)
    chance = random.Random(SEED)
    queries = [nodes.where(filter=f) for f in FILTERS]
    if downwards:
        queries = [q.order_by("w", direction="DESCENDING").limit(3) for q in queries]
    for _ in range(3):
        change(client, nodes, chance)
        looked_up = [found(query) for query in queries]
        with monkeypatch.context() as patch:
            patch.setattr(collection, "SMALL", 10**6)
            assert [found(query) for query in queries] == looked_up
        assert sum(map(len, looked_up)) > len(queries)


def change(client, nodes, chance):
    """Writes and deletes some of 30 documents."""
    batch = client.batch()
    for _ in range(40):
        node = nodes.document(f"{chance.randrange(30):02}")
        if chance.random() < 0.2:
            batch.delete(node)
        else:
            batch.set(node, {name: chance.choice(VALUES) for name in "vw" if chance.random() < 0.8})
    batch.commit()
