"""The content of firestore.indexes.json: complete, without repeats, within Firestore's limits."""

import itertools
import json

from lib.store.collection import missing
from lib.store.firestore.index import EVERY, EXPIRE_AT, KEY, OWN, PART, TODO_AT, composite, firestore_indexes
from lib.store.indexes import COLLECTIONS, EVENT, NODE

COMPOSITE_MAX = 1000
OVERRIDES_MAX = 200
"""What a database with billing may have without asking Google for more."""


def test_every_index_ends_with_the_key_or_ranges_behind_it():
    for collection in COLLECTIONS.values():
        rows = composite(collection)
        assert len(set(rows)) == len(rows)
        for row in rows:
            names = [name for name, _ in row]
            assert KEY in names and len(set(names)) == len(names) >= 2
            assert sum(mode == "CONTAINS" for _, mode in row) <= 1


def test_the_newest_of_a_name_has_its_index():
    assert (("name", "ASCENDING"), ("received_at", "DESCENDING"), ("key", "DESCENDING")) in composite(NODE)
    assert (("received_at", "DESCENDING"), ("key", "DESCENDING")) in composite(NODE)
    bounded = (("kind", "ASCENDING"), ("received_at", "ASCENDING"), ("key", "ASCENDING"), ("created", "ASCENDING"))
    assert bounded in composite(NODE)


def test_what_is_not_searched_has_no_index_of_its_own():
    overrides = {(o["collectionGroup"], o["fieldPath"]): o for o in firestore_indexes()["fieldOverrides"]}
    for collection in COLLECTIONS.values():
        assert overrides[collection.name, EVERY]["indexes"] == []
        shown = {field for group, field in overrides if group == collection.name and overrides[group, field]["indexes"]}
        assert shown == {KEY}
        assert len(overrides[collection.name, KEY]["indexes"]) == 1
    kept = {name for name, c in COLLECTIONS.items() if c.ttl}
    assert {group for (group, _), o in overrides.items() if o.get("ttl")} == kept | {PART} >= {"event", "idempotency"}
    assert all(field == EXPIRE_AT for (_, field), o in overrides.items() if o.get("ttl"))


def test_no_promoted_field_has_a_name_of_the_adapters_own():
    for collection in COLLECTIONS.values():
        assert not {f.name for f in collection.fields} & {KEY, TODO_AT, *OWN}


def test_it_is_json_within_the_limits_of_a_database():
    declared = firestore_indexes()
    assert json.loads(json.dumps(declared)) == declared
    assert len(declared["indexes"]) <= COMPOSITE_MAX and len(declared["fieldOverrides"]) <= OVERRIDES_MAX


def test_a_descending_order_alone_is_served_where_a_shape_has_it():
    nothing = frozenset()
    assert missing(NODE, nothing, nothing, "-received_at") is missing(EVENT, nothing, nothing, "-seq") is None
    for name, way in itertools.product(("name", "due_at"), ("", "-")):
        assert (missing(NODE, nothing, nothing, way + name) is None) == (way == "")
