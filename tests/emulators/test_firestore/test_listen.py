"""Listeners: the first result, and each change as it is committed."""

from __future__ import annotations

from queue import Queue

import pytest
from google.cloud.firestore_v1.types import firestore

from .test_query import F

WAIT_S = 60


class Heard:
    """What a listener was told, one snapshot after the other."""

    def __init__(self, watched):
        self._queue: Queue = Queue()
        self._watch = watched.on_snapshot(self._hear)

    def _hear(self, snapshots, changes, _):
        docs = {s.id: s.to_dict() for s in snapshots if s.exists}
        self._queue.put((docs, [(c.type.name, c.document.id) for c in changes]))

    def next(self):
        return self._queue.get(timeout=WAIT_S)

    def stop(self):
        self._watch.unsubscribe()
        return self._queue.empty()


@pytest.fixture
def listen():
    heard = []

    def start(watched):
        heard.append(Heard(watched))
        return heard[-1]

    yield start
    for each in heard:
        each.stop()


def test_a_document(node, listen):
    node.set({"v": 1})
    heard = listen(node)
    assert heard.next()[0] == {"a": {"v": 1}}
    node.set({"v": 2})
    assert heard.next()[0] == {"a": {"v": 2}}
    node.delete()
    assert heard.next()[0] == {}
    node.set({"v": 3})
    assert heard.next()[0] == {"a": {"v": 3}}


def test_a_query(fill, listen):
    nodes = fill({"a": {"v": 1}})
    heard = listen(nodes.where(filter=F("v", ">", 0)))
    assert heard.next() == ({"a": {"v": 1}}, [("ADDED", "a")])
    nodes.document("b").set({"v": 2})
    assert heard.next() == ({"a": {"v": 1}, "b": {"v": 2}}, [("ADDED", "b")])
    nodes.document("a").set({"v": 5})
    assert heard.next() == ({"a": {"v": 5}, "b": {"v": 2}}, [("MODIFIED", "a")])
    nodes.document("b").set({"v": -1})
    assert heard.next() == ({"a": {"v": 5}}, [("REMOVED", "b")])
    nodes.document("a").delete()
    assert heard.next() == ({}, [("REMOVED", "a")])


def test_a_limited_query(fill, listen):
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}, "c": {"v": 3}})
    heard = listen(nodes.order_by("v").limit(2))
    assert set(heard.next()[0]) == {"a", "b"}
    nodes.document("d").set({"v": 0})
    docs, changes = heard.next()
    assert set(docs) == {"d", "a"} and sorted(changes) == [("ADDED", "d"), ("REMOVED", "b")]


def test_one_commit_is_one_snapshot(client, nodes, listen):
    heard = listen(nodes)
    assert heard.next() == ({}, [])
    batch = client.batch()
    for id in "abc":
        batch.set(nodes.document(id), {})
    batch.commit()
    assert set(heard.next()[0]) == {"a", "b", "c"}


def test_other_writes_are_not_told(client, nodes, listen):
    heard = listen(nodes)
    heard.next()
    client.document("other/a").set({"x": 1})
    nodes.document("mine").set({"x": 1})
    assert heard.next()[1] == [("ADDED", "mine")]


def test_a_group(client, listen):
    heard = listen(client.collection_group("x"))
    heard.next()
    client.document("a/b/x/c").set({"v": 1})
    assert heard.next()[0] == {"c": {"v": 1}}


def test_no_word_after_unsubscribing(nodes, listen):
    heard = listen(nodes)
    heard.next()
    assert heard.stop()
    nodes.document("a").set({})
    other = listen(nodes)
    other.next()
    assert heard.stop()


def listen_once(client, **target):
    """The responses of one raw call up to the first that says the results stand."""
    query = {
        "parent": f"{client._database_string}/documents",
        "structured_query": {"from_": [{"collection_id": "node"}], "order_by": [{"field": {"field_path": "v"}}]},
    }
    request = firestore.ListenRequest(
        database=client._database_string, add_target={"target_id": 1, "query": query, **target}
    )
    metadata = [("google-cloud-resource-prefix", client._database_string)]
    call = client._firestore_api.listen(iter([request]), metadata=metadata)
    responses = []
    for response in call:
        responses.append(response)
        change = response.target_change
        if "target_change" in response and change.target_change_type == 0 and change.read_time:
            break
    return responses


def test_resuming(client, fill):
    """After a break the client is told what changed since, deletions too."""
    nodes = fill({"a": {"v": 1}, "b": {"v": 2}, "c": {"v": 3}})
    token = listen_once(client)[-1].target_change.resume_token
    nodes.document("a").delete()
    nodes.document("b").update({"v": 9})
    nodes.document("d").set({"v": 4})
    told = [r._pb.WhichOneof("response_type") for r in listen_once(client, resume_token=token)]
    assert told.count("document_delete") == 1 and told.count("document_change") == 2
    again = listen_once(client, resume_token=token)
    assert {r.document_change.document.name.rpartition("/")[2] for r in again if "document_change" in r} == {"b", "d"}
