"""What is too large, too deep or too many is refused by name, and what is merely large is taken."""

import json
import time

import orjson
import pytest

from lib.dialects.kernelci import lists
from lib.dialects.wire import JSON_DEPTH_MAX
from lib.domain.node.node import DEPTH_MAX, HIERARCHY_NODES_MAX
from tests import build


@pytest.fixture
def bob(hub, auth, clock):
    return auth.mint(build.register(hub.accounts, "bob").id, clock())


@pytest.fixture
def submit(client, bob):
    def submit(body):
        return json.loads(client.send("POST", "/node", token=bob, json_body=body).body)

    return submit


def deep(levels):
    """A hierarchy of so many levels below its root, as text: nothing here recurses either."""
    level = json.dumps(build.job(name="n"))
    return (f'{{"node":{level},"child_nodes":[' * (levels + 1) + "]}" * (levels + 1)).encode()


def nested(levels):
    inner = "[" * levels + "]" * levels
    return f'{{"kind":"process","name":"n","path":["n"],"data":{{"x":{inner}}}}}'.encode()


@pytest.mark.parametrize("levels", [JSON_DEPTH_MAX - 1, 1000, 1100, 100_000])
def test_a_body_too_deep_to_be_written_again_is_refused(client, bob, levels):
    assert client.send("POST", "/node", token=bob, body=nested(levels)).status == 422


def test_the_deepest_body_can_be_read_wherever_it_shows(client, bob):
    posted = client.send("POST", "/node", token=bob, body=nested(JSON_DEPTH_MAX - 2))
    id = json.loads(posted.body)["id"]
    for path in (f"/node/{id}", "/nodes", "/nodes/fast", "/events?recursive=1&limit=10"):
        assert client.send("GET", path).status == 200, path


@pytest.mark.parametrize("levels", [DEPTH_MAX + 1, 90, 200, 600, 5000])
def test_a_hierarchy_deeper_than_a_node_may_be_is_refused(client, bob, submit, levels):
    root = submit(build.job())["id"]
    assert client.send("PUT", f"/nodes/{root}", token=bob, body=deep(levels)).status in (400, 422)
    assert json.loads(client.send("GET", "/count").body) == 1


def test_a_hierarchy_as_deep_as_a_node_may_be_is_taken(client, bob, submit):
    root = submit(build.job())["id"]
    assert client.send("PUT", f"/nodes/{root}", token=bob, body=deep(DEPTH_MAX)).status == 200


def test_a_hierarchy_of_the_most_nodes_is_taken_and_one_more_is_not(client, bob, submit):
    root = submit(build.job())["id"]
    test = {"node": build.test_node(), "child_nodes": []}
    tree = {"node": build.job(), "child_nodes": [test] * (HIERARCHY_NODES_MAX - 1)}
    began = time.process_time()
    reply = client.send("PUT", f"/nodes/{root}", token=bob, body=orjson.dumps(tree))
    assert reply.status == 200 and time.process_time() - began < 60
    assert json.loads(client.send("GET", f"/count?parent={root}").body) == HIERARCHY_NODES_MAX - 1
    tree["child_nodes"].append(test)
    assert client.send("PUT", f"/nodes/{root}", token=bob, body=orjson.dumps(tree)).status == 413


def test_a_long_pattern_is_refused(client):
    reply = client.send("GET", "/count?name__re=" + "a" * 501)
    assert (reply.status, json.loads(reply.body)["detail"]) == (400, "name__re: a pattern has at most 500 characters")


def test_an_unfiltered_fast_read_is_the_newest_page_oldest_first(client, submit, monkeypatch):
    monkeypatch.setattr(lists, "FAST_NODES_DEFAULT", 2)
    ids = [submit(build.job())["id"] for _ in range(3)]
    reply = client.send("GET", "/nodes/fast")
    assert [n["id"] for n in json.loads(reply.body)] == ids[1:]
    assert "x-nodes-window" in dict(reply.headers)


def test_a_fast_read_is_whole_across_chunks_or_refused(client, submit, monkeypatch):
    monkeypatch.setattr(lists, "FAST_CHUNK_NODES", 2)
    ids = [submit(build.job())["id"] for _ in range(5)]
    for limit, want in (("", ids), ("&limit=3", ids[:3]), ("&limit=4&offset=1", ids[1:]), ("&limit=0", ids)):
        reply = client.send("GET", f"/nodes/fast?kind=job{limit}")
        assert [n["id"] for n in json.loads(reply.body)] == want
    for most, status in ((5, 200), (4, 400)):
        monkeypatch.setattr(lists, "FAST_NODES_MAX", most)
        assert client.send("GET", "/nodes/fast?kind=job").status == status


def test_ids_of_either_case_are_the_same(client, submit):
    id = submit(build.job())["id"]
    assert json.loads(client.send("GET", f"/node/{id.upper()}").body)["id"] == id
    assert json.loads(client.send("GET", f"/count?id={id.upper()}").body) == 1
