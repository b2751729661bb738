"""The documented limits, and ids and names that are refused."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument

from tests.emulators.firestore.limits import (
    BATCH_WRITES_MAX,
    DEPTH_MAX,
    DOCUMENT_BYTES_MAX,
    FIELD_NAME_BYTES_MAX,
    ID_BYTES_MAX,
    INDEX_ENTRIES_MAX,
)

MIB = 1024 * 1024


def nest(depth):
    """Maps inside each other, a document's fields not counted."""
    value = 1
    for _ in range(depth):
        value = {"m": value}
    return value


FITS = [
    ("a document of 1 MiB", lambda c: c.document("a").set({"x": "y" * (DOCUMENT_BYTES_MAX - 100)})),
    ("an id of 1,500 bytes", lambda c: c.document("é" * (ID_BYTES_MAX // 2)).set({})),
    ("20 levels", lambda c: c.document("a").set({"v": nest(DEPTH_MAX)})),
    ("a long name of a field", lambda c: c.document("a").set({"f" * FIELD_NAME_BYTES_MAX: 1})),
    ("an array of 39,000", lambda c: c.document("a").set({"v": list(range(INDEX_ENTRIES_MAX - 1000))})),
]  # fmt: skip
TOO_MUCH = [
    ("a document over 1 MiB", lambda c: c.document("a").set({"x": "y" * DOCUMENT_BYTES_MAX}), "bytes"),
    ("an id over 1,500 bytes", lambda c: c.document("é" * (ID_BYTES_MAX // 2 + 1)).set({}), "1500 bytes"),
    ("a reserved id", lambda c: c.document("__x__").set({"x": 1}), "reserved"),
    ("a dot", lambda c: c.document(".").set({"x": 1}), "not an id"),
    ("two dots", lambda c: c.document("..").set({"x": 1}), "not an id"),
    ("a reserved collection", lambda c: c.document("a").collection("__y__").document("b").set({}), "reserved"),
    ("a reserved field", lambda c: c.document("a").set({"__f__": 1}), "reserved"),
    ("a long name of a field", lambda c: c.document("a").set({"f" * (FIELD_NAME_BYTES_MAX + 1): 1}), "1500 bytes"),
    ("21 levels", lambda c: c.document("a").set({"v": nest(DEPTH_MAX + 1)}), "deeper than 20"),
    ("an array in an array", lambda c: c.document("a").set({"x": [[1]]}), "array"),
    ("too many index entries", lambda c: c.document("a").set({"v": list(range(INDEX_ENTRIES_MAX + 1))}), "too many"),
]  # fmt: skip


@pytest.mark.parametrize("write", [row[1] for row in FITS], ids=[row[0] for row in FITS])
def test_fits(nodes, write):
    write(nodes)


@pytest.mark.parametrize(("write", "word"), [row[1:] for row in TOO_MUCH], ids=[row[0] for row in TOO_MUCH])
def test_too_much(nodes, write, word):
    with pytest.raises(InvalidArgument, match=word):
        write(nodes)
    assert list(nodes.stream()) == []


def commit(client, ids, mib):
    batch = client.batch()
    for id in ids:
        batch.set(client.document(f"node/{id}"), {"x": "y" * int(mib * MIB)})
    batch.commit()


def test_a_request_over_10_mib(client):
    commit(client, range(10), 0.95)
    with pytest.raises(InvalidArgument, match="payload size exceeds"):
        commit(client, range(11), 0.95)


def test_a_commit_counts_its_index_entries(client):
    """Small in the request, large with the entries of every field."""
    batch = client.batch()
    for n in range(400):
        batch.set(client.document(f"node/{n}"), {f"f{i}": i for i in range(200)})
    with pytest.raises(InvalidArgument, match="too big"):
        batch.commit()


def test_a_batch_write_over_500(client):
    writes = [{"delete": client.document(f"node/{n}")._document_path} for n in range(BATCH_WRITES_MAX + 1)]
    with pytest.raises(InvalidArgument, match="500"):
        client._firestore_api.batch_write(request={"database": client._database_string, "writes": writes})
