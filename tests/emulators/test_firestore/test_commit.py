"""Several writes at once: batches, bulk writers, recursive deletion."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import AlreadyExists, InvalidArgument


def test_a_batch_of_many(client, nodes):
    batch = client.batch()
    for n in range(700):
        batch.set(nodes.document(f"{n:04}"), {"n": n})
    assert len(batch.commit()) == 700
    assert nodes.count().get()[0][0].value == 700


def test_a_batch_is_all_or_nothing(client, fill):
    nodes = fill({"x": {"v": 1}})
    batch = client.batch()
    batch.set(nodes.document("n"), {"v": 1})
    batch.delete(nodes.document("x"))
    batch.create(nodes.document("n"), {"v": 2})
    with pytest.raises(AlreadyExists):
        batch.commit()
    assert [s.id for s in nodes.stream()] == ["x"]


def test_writes_of_a_batch_see_those_before(client, nodes):
    batch = client.batch()
    batch.create(nodes.document("a"), {"x": 1})
    batch.update(nodes.document("a"), {"y": 2})
    batch.delete(nodes.document("b"))
    batch.create(nodes.document("b"), {"z": 3})
    times = {result.update_time for result in batch.commit() if result.update_time}
    assert {s.id: s.to_dict() for s in nodes.stream()} == {"a": {"x": 1, "y": 2}, "b": {"z": 3}}
    assert len(times) == 1


def test_a_bulk_writer(client, nodes):
    writer = client.bulk_writer()
    for n in range(200):
        writer.create(nodes.document(f"{n:04}"), {"n": n})
    writer.close()
    assert len(list(nodes.stream())) == 200


def test_a_bulk_writer_tells_of_each_failure(client, fill):
    nodes, failures = fill({"x": {"v": 1}}), []
    writer = client.bulk_writer()
    writer.on_write_error(lambda failure, _: failures.append((failure.operation.reference.id, failure.code)))
    writer.create(nodes.document("x"), {"v": 2})
    writer.create(nodes.document("y"), {"v": 2})
    writer.close()
    assert failures == [("x", 6)]
    assert nodes.document("x").get().get("v") == 1 and nodes.document("y").get().exists


def test_a_batch_write_names_each_document_once(client, node):
    write = {"delete": node._document_path}
    with pytest.raises(InvalidArgument, match="twice"):
        client._firestore_api.batch_write(request={"database": client._database_string, "writes": [write, write]})


def test_recursive_deletion(client, node):
    node.set({"x": 1})
    node.collection("s").document("b").set({"y": 1})
    client.document("nodes/other").set({"z": 1})
    client.recursive_delete(node.parent)
    assert not node.collection("s").document("b").get().exists and not node.get().exists
    assert client.document("nodes/other").get().exists
