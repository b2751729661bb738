"""Collections and documents inside each other, groups, lists, partitions, databases."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument

from .conftest import connect
from .test_query import F, found


@pytest.fixture
def tree(client):
    """Two documents with collections `x` below them, and a root collection of the same id."""
    for parent in "ab":
        client.document(f"node/{parent}/x/x{parent}").set({"v": parent})
    client.document("x/top").set({"v": "t"})
    return client


def test_collections_below_are_others(tree):
    assert found(tree.collection("node")) == []
    assert found(tree.collection("node/a/x")) == ["xa"]


def test_a_group(tree):
    group = tree.collection_group("x")
    assert found(group) == ["xa", "xb", "top"]
    assert found(group.where(filter=F("v", "==", "b"))) == ["xb"]
    assert found(group.order_by("v", direction="DESCENDING").limit(2)) == ["top", "xb"]


def test_lists(tree):
    tree.document("node/c").set({})
    tree.document("node/a/y/deep/z/deeper").set({})
    listed = list(tree.collection("node").list_documents())
    assert [(r.id, r.get().exists) for r in listed] == [("a", False), ("b", False), ("c", True)]
    assert [r.id for r in tree.collection("node").list_documents(page_size=2)] == ["a", "b", "c"]
    assert [c.id for c in tree.collections()] == ["node", "x"]
    assert [c.id for c in tree.document("node/a").collections()] == ["x", "y"]
    tree.document("node/a/x/xa").delete()
    assert [c.id for c in tree.document("node/a").collections()] == ["y"]


def test_databases_are_apart(server):
    one, other = connect(server, "p"), connect(server, "p", "other")
    one.document("node/a").set({"x": 1})
    assert not other.document("node/a").get().exists
    assert connect(server, "p").document("node/a").get().exists
    request = {"database": other._database_string, "writes": [{"delete": one.document("node/a")._document_path}]}
    with pytest.raises(InvalidArgument, match="is not in"):
        other._firestore_api.commit(request=request)


@pytest.mark.parametrize("count", [1, 3, 19, 40])
def test_partitions(client, fill, count):
    fill({f"{n:02}": {"n": n} for n in range(20)})
    parts = list(client.collection_group("node").get_partitions(count))
    assert len(parts) == min(count + 1, 20)
    assert sorted(id for part in parts for id in found(part.query())) == [f"{n:02}" for n in range(20)]
