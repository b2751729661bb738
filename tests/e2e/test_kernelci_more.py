"""More of what KernelCI's clients do over the real wire: lists, flags, durable subscribers, groups, streams, and the
old timeout services beside the hub's own clock."""

from __future__ import annotations

import json
import re
import socket
import threading
import time
from pathlib import Path
from urllib.parse import urlsplit

import pytest
import requests

from .conftest import OVER_BOTH
from .player import Player, Refused, TimeoutService, soon, until

pytestmark = pytest.mark.parametrize("hub_folder", OVER_BOTH, indirect=True)

STREAMS = 300


def checkout(player: Player, **more) -> dict:
    return player.submit({"kind": "checkout", "name": "c", "path": ["c"], **more})


def test_push_and_pop(admin, lab):
    lab.push("todo", {"n": 1}, priority=7)
    event = admin.pop("todo")
    assert (event["data"], event["priority"], event["specversion"]) == ({"n": 1}, 7, "1.0")

    popped: list = []
    waiting = [threading.Thread(target=lambda: popped.append(lab.pop("todo")["data"])) for _ in range(3)]
    for thread in waiting:
        thread.start()
    time.sleep(0.3)
    began = time.monotonic()
    for n in range(3):
        admin.push("todo", n)
    for thread in waiting:
        thread.join(60)
    # An idle pop would look again after 45 s only.
    assert sorted(popped) == [0, 1, 2] and time.monotonic() - began < 20


def test_an_abandoned_pop_takes_nothing(server, lab):
    with pytest.raises(requests.exceptions.ReadTimeout):
        requests.get(f"{server.url}/latest/pop/todo", headers={"Authorization": f"Bearer {lab.token}"}, timeout=0.3)
    lab.push("todo", "kept")
    assert lab.pop("todo")["data"] == "kept"


def test_flags_and_quiet_updates(admin, lab):
    nodes = [checkout(lab) for _ in range(3)]
    others = checkout(admin)
    subscription = lab.subscribe("node")
    assert lab.bulkset([n["id"] for n in (*nodes, others)], "processed_by_kcidb_bridge", "True") == 3
    assert lab.count("processed_by_kcidb_bridge=True") == 3
    with pytest.raises(Refused, match="true, True, false, False"):
        lab.bulkset([nodes[0]["id"]], "processed_by_kcidb_bridge", "maybe")
    lab.update({**lab.get(nodes[0]["id"]), "state": "available"}, noevent=True)
    lab.update({**lab.get(nodes[0]["id"]), "state": "done"})
    told = lab.receive(subscription)
    assert (told["data"]["state"], told["data"]["previous_state"]) == ("done", "available")
    assert lab.get(nodes[0]["id"])["processed_by_kcidb_bridge"] is False


def test_a_poll_that_does_not_block_and_what_administrators_see(hub_folder):
    hub_folder.start(KEEP_ALIVE_PERIOD="1")
    admin = Player(hub_folder.url, hub_folder.token)
    subscription = admin.subscribe("abc", promisc=True)
    assert admin.receive(subscription, block=False) is None
    (seen,) = admin.stats()
    assert (seen["id"], seen["channel"], seen["user"], seen["promiscuous"]) == (subscription, "abc", "admin", True)
    assert seen["last_poll"] >= seen["created"]
    admin.unsubscribe(subscription)
    assert admin.stats() == []
    with pytest.raises(Refused, match="Forbidden"):
        admin.user_add("eve", "eve@example.org", "secret of eve")
        Player(hub_folder.url, hub_folder.token_of("eve")).stats()


def test_a_durable_subscriber_misses_nothing_across_a_restart(server, lab):
    name = "job_retry:abc"
    subscription = lab.subscribe("abc", subscriber_id=name)
    lab.send("abc", 1)
    assert lab.receive(subscription)["data"] == 1
    lab.send("abc", 2)
    server.stop()
    server.start()
    lab = Player(server.url, lab.token)
    lab.send("abc", 3)
    subscription = lab.subscribe("abc", subscriber_id=name)
    heard = [lab.receive(subscription)["data"]]
    while heard[-1] != 3:
        heard.append(lab.receive(subscription)["data"])
    # What was handed out and never acknowledged may come again; nothing is left out.
    assert heard in ([1, 2, 3], [2, 3])
    with pytest.raises(Refused, match="another user"):
        Player(server.url, server.token).subscribe("abc", subscriber_id=name)


def test_the_older_commands_for_users_and_groups(server, admin):
    admin.user_add("bob", "bob@example.org", "first")
    admin.user_update("bob", is_verified=True, email="bob@kernelci.org")
    bob = Player(server.url)
    bob.user_password("bob", "first", "second")
    with pytest.raises(Refused, match="LOGIN_BAD_CREDENTIALS"):
        bob.login("bob", "first")
    bob.token = bob.login("bob", "second")
    assert bob.whoami()["email"] == "bob@kernelci.org"

    group = admin.group_add("lab-x")
    assert admin.group_find(name="lab-x") == [{"id": group["id"], "name": "lab-x"}]
    assert bob.group_get(group["id"])["name"] == "lab-x" and bob.group_get("f" * 24) is None
    admin.group_add("lab-y")
    admin.user_join("bob", "lab-x")
    admin.user_join("bob", "lab-y")
    assert [g["name"] for g in bob.whoami()["groups"]] == ["lab-x", "lab-y"]
    admin.user_leave("bob", "lab-x")
    admin.user_leave("bob", "lab-y")
    assert bob.whoami()["groups"] == []
    admin.user_join("bob", "lab-x")
    admin.group_delete("lab-x")
    assert bob.whoami()["groups"] == [] and len(admin.group_find()) == 1

    admin.user_deactivate("bob")
    with pytest.raises(Refused, match="Unauthorized"):
        bob.whoami()
    admin.user_activate("bob")
    assert bob.whoami()["username"] == "bob"
    admin.user_delete("bob")
    with pytest.raises(Refused, match="Unauthorized"):
        bob.whoami()


def test_the_old_timeout_services_stay_harmless(server, lab):
    """All three modes run beside the hub's own clock, as their operators would leave them (kernelci.md 6)."""
    services = [TimeoutService(lab) for _ in range(3)]
    stop = threading.Event()

    def serve(mode) -> None:
        while not stop.is_set():
            mode()

    modes = (services[0].timeout, services[1].holdoff, services[2].closing)
    threads = [threading.Thread(target=serve, args=(mode,)) for mode in modes]
    for thread in threads:
        thread.start()
    try:
        root = checkout(lab, state="available", result="pass", holdoff=soon(seconds=2))
        late = lab.submit({"kind": "kbuild", "name": "late", "path": ["c", "late"], "parent": root["id"],
                           "timeout": soon(seconds=5), "data": {"arch": "x86_64"}})  # fmt: skip
        with_result = lab.submit({"kind": "job", "name": "j", "path": ["c", "j"], "parent": root["id"],
                                  "result": "fail", "timeout": soon(seconds=5)})  # fmt: skip
        until(lambda: lab.get(root["id"])["state"] == "closing")
        until(lambda: lab.get(root["id"])["state"] == "done")
        time.sleep(0.5)
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    late, with_result, root = (lab.get(n["id"]) for n in (late, with_result, root))
    assert (late["state"], late["result"]) == ("done", "incomplete")
    assert late["data"] == {"arch": "x86_64", "error_code": "node_timeout", "error_msg": "Node timed-out"}
    assert (with_result["state"], with_result["result"], with_result["data"]) == ("done", "fail", {})
    assert (root["state"], root["result"]) == ("done", "pass")
    # A service that comes second writes what is there already, or is refused: never a 5xx, never a state undone.
    assert all(status in (200, 400) for status in lab.statuses)
    events = requests.get(f"{server.url}/latest/events", params={"node_id": root["id"]}, timeout=60).json()
    states = [e["data"]["state"] for e in events]
    order = ["available", "closing", "done"]
    assert states == sorted(states, key=order.index) and set(states) == set(order)
    # One event a transition; what a service repeats says that nothing changed.
    moved = [e for e in events if e["data"].get("previous_state") not in (None, e["data"]["state"])]
    assert [e["data"]["state"] for e in moved] == ["closing", "done"]


def test_a_lost_update_is_noticed(server, lab):
    node = checkout(lab)
    url, headers = f"{server.url}/latest/node/{node['id']}", {"Authorization": f"Bearer {lab.token}"}
    read = requests.get(url, timeout=60)
    first = requests.patch(
        url, json={"result": "pass"}, headers={**headers, "If-Match": read.headers["etag"]}, timeout=60
    )
    second = requests.put(url, json=read.json(), headers={**headers, "If-Match": read.headers["etag"]}, timeout=60)
    assert (first.status_code, second.status_code) == (200, 412)
    again = requests.get(url, headers={"If-None-Match": first.headers["etag"]}, timeout=60)
    assert (again.status_code, again.content) == (304, b"")
    assert lab.get(node["id"])["result"] == "pass"


def test_a_request_that_is_sent_again_is_done_once(server, lab):
    headers = {"Authorization": f"Bearer {lab.token}", "Idempotency-Key": "run-1"}
    body = {"kind": "checkout", "name": "c", "path": ["c"]}
    replies = []
    threads = [
        threading.Thread(
            target=lambda: replies.append(
                requests.post(f"{server.url}/latest/node", json=body, headers=headers, timeout=60)
            )
        )
        for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert {r.status_code for r in replies} == {200} and len({r.text for r in replies}) == 1
    assert sum("idempotency-replayed" in r.headers for r in replies) == 7 and lab.count() == 1


def test_a_tree_in_one_request(server, lab):
    root = checkout(lab)
    suites = [{"name": f"s{n}", "result": "pass"} for n in range(700)]
    lab.submit_hierarchy(root["id"], {"result": "pass", "child_nodes": suites})
    tree = requests.get(f"{server.url}/latest/tree/{root['id']}?fields=name", timeout=60).json()
    assert len(tree["items"]) == tree["counts"]["total"] == 701 and tree["counts"]["state"]["done"] == 701
    counts = requests.get(f"{server.url}/latest/tree/{root['id']}?counts=1", timeout=60).json()
    assert counts == {"root": root["id"], "counts": tree["counts"]}

    names, params = [], {"limit": 100, "fields": "name", "sort": "created"}
    while True:
        page = requests.get(f"{server.url}/latest/nodes", params=params, timeout=60).json()
        names += [n["name"] for n in page["items"]]
        if page["next"] is None:
            break
        params["after"] = page["next"]
    assert names == [n["name"] for n in tree["items"]]


class Stream:
    """One open stream, over a bare socket: nothing here buffers, retries or reads ahead."""

    def __init__(self, url: str, path: str, **headers: str) -> None:
        self.socket = socket.create_connection((urlsplit(url).hostname, urlsplit(url).port), timeout=60)
        lines = [f"GET {path} HTTP/1.1", "Host: hub", *(f"{k.replace('_', '-')}: {v}" for k, v in headers.items())]
        self.socket.sendall("\r\n".join([*lines, "", ""]).encode())
        self.got = ""

    def until(self, text: str) -> str:
        while text not in self.got:
            chunk = self.socket.recv(65536)
            assert chunk, self.got
            self.got += chunk.decode()
        return self.got

    def events(self) -> list:
        return [json.loads(line) for line in re.findall(r"^data: (.*)$", self.got.replace("\r", ""), re.MULTILINE)]

    def close(self) -> None:
        self.socket.close()


def threads_of(server) -> int:
    status = Path(f"/proc/{server.process.pid}/status").read_text()
    return int(re.search(r"^Threads:\s+(\d+)", status, re.MULTILINE)[1])


def test_a_stream_tells_what_is_wanted_and_goes_on_where_it_was_cut(server, lab):
    stream = Stream(server.url, "/latest/events/stream?kind=job")
    assert "text/event-stream" in stream.until("id: 0\n\n")
    checkout(lab)
    job = {"kind": "job", "name": "j", "path": ["j"]}
    first = lab.submit(job)["id"]
    stream.until(first)
    assert [e["data"]["id"] for e in stream.events()] == [first]
    last = re.findall(r"^id: (\d+)$", stream.got.replace("\r", ""), re.MULTILINE)[-1]
    stream.close()
    second = lab.submit(job)["id"]
    again = Stream(server.url, "/latest/events/stream?kind=job", Last_Event_ID=last)
    again.until(second)
    assert [e["data"]["id"] for e in again.events()] == [second]
    again.close()


def test_hundreds_of_idle_streams_hold_no_threads_and_no_stop(server, lab):
    before = threads_of(server)
    streams = [Stream(server.url, "/latest/events/stream?channel=abc") for _ in range(STREAMS)]
    try:
        for stream in streams:
            stream.until("id: 0\n\n")
        assert threads_of(server) - before <= 2 + 32 and lab.count() == 0
        lab.send("abc", "hello")
        for stream in streams:
            stream.until('"hello"')
        assert server.stop() < 20
        assert all(stream.until("\r\n0\r\n") for stream in streams[:3])
    finally:
        for stream in streams:
            stream.close()
