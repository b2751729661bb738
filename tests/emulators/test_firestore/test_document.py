"""Single documents: set, update, create, delete, get, masks, preconditions, times."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import AlreadyExists, FailedPrecondition, InvalidArgument, NotFound
from google.cloud.firestore_v1 import DELETE_FIELD

NESTED = {"x": 1, "n": {"a": 1, "b": 2}}

# What a document is, what is done to it, what it is then.
CHANGES = [
    ("set replaces all", {"x": 1, "y": 2}, lambda r: r.set({"x": 5}), {"x": 5}),
    ("set of nothing empties", {"x": 1}, lambda r: r.set({}), {}),
    ("merge goes into maps", NESTED, lambda r: r.set({"n": {"b": 3, "c": 4}}, merge=True),
     {"x": 1, "n": {"a": 1, "b": 3, "c": 4}}),
    ("merge of named fields", NESTED, lambda r: r.set({"x": 9, "n": {"b": 3}}, merge=["n.b"]),
     {"x": 1, "n": {"a": 1, "b": 3}}),
    ("merge makes maps on its way", {"n": 7}, lambda r: r.set({"n": {"a": {"b": 1}}}, merge=["n.a.b"]),
     {"n": {"a": {"b": 1}}}),
    ("update of a path keeps its neighbours", NESTED, lambda r: r.update({"n.b": 7}), {"x": 1, "n": {"a": 1, "b": 7}}),
    ("update of a map replaces it", NESTED, lambda r: r.update({"n": {"c": 1}}), {"x": 1, "n": {"c": 1}}),
    ("update adds a field", {}, lambda r: r.update({"y": None}), {"y": None}),
    ("update deletes a field", {"x": 1, "y": 2}, lambda r: r.update({"y": DELETE_FIELD}), {"x": 1}),
    ("update deletes inside a map", NESTED, lambda r: r.update({"n.a": DELETE_FIELD}), {"x": 1, "n": {"b": 2}}),
    ("deleting what is not there is nothing", {"x": 1}, lambda r: r.update({"x.y": DELETE_FIELD, "z": DELETE_FIELD}),
     {"x": 1}),
    ("merge deletes a field", NESTED, lambda r: r.set({"n": {"a": DELETE_FIELD}}, merge=True), {"x": 1, "n": {"b": 2}}),
    ("a quoted path", {"a.b-c": {"d/e": 1}, "k": 1}, lambda r: r.update({"`a.b-c`.`d/e`": 2}),
     {"a.b-c": {"d/e": 2}, "k": 1}),
    ("odd names", {}, lambda r: r.set({"ü": 1, "a b": 2, "x.y": 3, "`": 4, "\\": 5}),
     {"ü": 1, "a b": 2, "x.y": 3, "`": 4, "\\": 5}),
]  # fmt: skip


@pytest.mark.parametrize(("given", "change", "want"), [row[1:] for row in CHANGES], ids=[row[0] for row in CHANGES])
def test_change(node, given, change, want):
    node.set(given)
    change(node)
    assert node.get().to_dict() == want


def test_a_missing_document(node):
    snapshot = node.get()
    assert (snapshot.exists, snapshot.to_dict()) == (False, None)
    with pytest.raises(NotFound):
        node.update({"x": 1})
    node.delete()
    assert node.set({"x": 1}, merge=True)
    assert node.get().to_dict() == {"x": 1}


def test_delete_and_create_again(node):
    node.create({"x": 1})
    with pytest.raises(AlreadyExists):
        node.create({"x": 2})
    assert node.get().to_dict() == {"x": 1}
    node.delete()
    assert not node.get().exists
    node.create({"y": 2})
    assert node.get().to_dict() == {"y": 2}


def test_add_makes_an_id(nodes):
    _, reference = nodes.add({"x": 1})
    assert len(reference.id) == 20 and reference.get().to_dict() == {"x": 1}


def test_a_read_mask(node):
    node.set({"x": 1, "y": 2, "n": {"a": 1, "b": 2}})
    assert node.get(["x", "n.a", "none"]).to_dict() == {"x": 1, "n": {"a": 1}}


def test_many_at_once(client, fill):
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}})
    found = {s.id: s.to_dict() for s in client.get_all([nodes.document(id) for id in "abz"])}
    assert found == {"a": {"v": 1}, "b": {"v": 2}, "z": None}


def test_preconditions(client, node):
    with pytest.raises(NotFound):
        node.delete(option=client.write_option(exists=True))
    node.set({"x": 1})
    first = node.get().update_time
    node.update({"x": 2}, option=client.write_option(last_update_time=first))
    for write in (lambda option: node.update({"x": 3}, option=option), lambda option: node.delete(option=option)):
        with pytest.raises(FailedPrecondition):
            write(client.write_option(last_update_time=first))
    assert node.get().to_dict() == {"x": 2}
    node.delete(option=client.write_option(last_update_time=node.get().update_time))
    with pytest.raises(FailedPrecondition):
        node.delete(option=client.write_option(last_update_time=first))


def test_times(node):
    results, snapshots = [], []
    for n in range(5):
        results.append(node.set({"n": n}))
        snapshots.append(node.get())
    updated = [s.update_time for s in snapshots]
    assert updated == sorted(set(updated)) == [r.update_time for r in results]
    assert {s.create_time for s in snapshots} == {updated[0]}
    assert any(time.microsecond % 1000 for time in updated)
    assert all(s.read_time >= s.update_time for s in snapshots)


def test_a_write_that_changes_nothing_keeps_the_update_time(node):
    first = node.set({"x": 1, "n": {"a": [1]}})
    assert node.set({"x": 1, "n": {"a": [1]}}).update_time == first.update_time == node.get().update_time
    assert node.set({"x": 1.0, "n": {"a": [1]}}).update_time > first.update_time


def test_created_anew_after_a_deletion(node):
    node.set({"x": 1})
    first = node.get().create_time
    node.delete()
    node.set({"x": 1})
    assert node.get().create_time > first


def test_a_mask_that_names_a_field_and_its_inside(client, node):
    request = {
        "database": client._database_string,
        "writes": [{"update": {"name": node._document_path}, "update_mask": {"field_paths": ["a", "a.b"]}}],
    }
    with pytest.raises(InvalidArgument, match="a field inside it"):
        client._firestore_api.commit(request=request)


def test_the_single_document_methods(client, node):
    """CreateDocument, UpdateDocument, GetDocument, DeleteDocument: the REST-like methods, which clients seldom use."""
    api, parent = client._firestore_api, node._document_path.rpartition("/")[0].rpartition("/")[0]
    made = api.create_document(
        request={"parent": parent, "collection_id": "node", "document": {"fields": {"x": {"integer_value": 1}}}}
    )
    assert len(made.name.rpartition("/")[2]) == 20
    change = {
        "document": {"name": made.name, "fields": {"y": {"integer_value": 2}}},
        "update_mask": {"field_paths": ["y"]},
    }
    assert set(api.update_document(request=change).fields) == {"x", "y"}
    assert set(api.get_document(request={"name": made.name, "mask": {"field_paths": ["y"]}}).fields) == {"y"}
    api.delete_document(request={"name": made.name, "current_document": {"exists": True}})
    with pytest.raises(NotFound):
        api.get_document(request={"name": made.name})
