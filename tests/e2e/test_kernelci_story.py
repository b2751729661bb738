"""The main job over the real wire: a CI system submits, listeners hear, the clock closes, anyone asks."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import pytest
import requests

from .conftest import OVER_BOTH
from .player import Player, Refused, soon, until

pytestmark = pytest.mark.parametrize("hub_folder", OVER_BOTH, indirect=True)

TESTS = 3000
REVISION = {
    "tree": "mainline",
    "url": "https://git.kernel.org/pub/scm/linux/kernel/git/torvalds/linux.git",
    "branch": "master",
    "commit": "2a987e65025e2b79c6d453b78cb5985ac6e5eb26",
    "describe": "v5.16-rc4-31-g2a987e65025e",
    "version": {"version": "5", "patchlevel": "16", "extra": "-rc4-31-g2a987e65025e"},
}


def case(suite: int, number: int) -> dict[str, str]:
    return {"name": f"case-{suite}-{number}", "result": "fail" if number == 7 else "pass"}


class Ear(threading.Thread):
    """Listens on a channel until it heard what it was told to wait for."""

    def __init__(self, player: Player, channel: str, is_last) -> None:
        super().__init__(daemon=True)
        self.player, self.is_last, self.heard = player, is_last, []
        self.subscription = player.subscribe(channel, promisc=True)
        self.start()

    def run(self) -> None:
        while not self.heard or not self.is_last(self.heard[-1]["data"]):
            self.heard.append(self.player.receive(self.subscription))


def test_from_checkout_to_three_thousand_tests(server, admin, lab):
    assert admin.hello() == {"message": "KernelCI API"}
    assert admin.whoami()["username"] == "admin"
    reader = Player(server.url)
    ear = Ear(Player(server.url, server.token), "node", lambda d: (d["kind"], d["state"]) == ("checkout", "done"))

    checkout = lab.submit(
        {"kind": "checkout", "name": "checkout", "path": ["checkout"], "data": {"kernel_revision": REVISION}}
    )
    assert (checkout["state"], checkout["owner"], checkout["parent"]) == ("running", "lab", None)
    checkout = lab.get(checkout["id"])
    checkout.update(state="available", result="pass", holdoff=soon(seconds=6))
    checkout["artifacts"] = {"tarball": "http://storage.example.org/linux.tar.gz"}
    checkout = lab.submit(checkout)

    path = ["checkout", "kbuild-gcc-12-x86"]
    kbuild = lab.submit(
        {"kind": "kbuild", "name": path[-1], "path": path, "parent": checkout["id"], "group": path[-1],
         "data": {"kernel_revision": REVISION, "arch": "x86_64", "compiler": "gcc-12", "platform": "docker"}}
    )  # fmt: skip
    kbuild.update(state="available", result="pass", holdoff=soon(seconds=6))
    kbuild = lab.submit(kbuild)
    job = lab.submit(
        {"kind": "job", "name": "kunit-x86_64", "path": [*path, "kunit-x86_64"], "parent": kbuild["id"],
         "data": {"kernel_revision": REVISION, "arch": "x86_64", "platform": "qemu", "runtime": "lab-x"}}
    )  # fmt: skip

    suites = [
        {"name": f"suite-{s}", "result": "pass", "child_nodes": [case(s, c) for c in range(TESTS // 30 - 1)]}
        for s in range(30)
    ]
    nodes = lab.submit_hierarchy(job["id"], {"result": "pass", "child_nodes": suites})
    assert len(nodes) == TESTS + 1 and nodes[0]["id"] == job["id"] and nodes[2]["parent"] == nodes[1]["id"]

    # The holdoffs pass, and the tree closes: all children are done.
    until(lambda: lab.get(checkout["id"])["state"] == "done", 20)
    assert lab.get(kbuild["id"])["state"] == "done" and lab.get(kbuild["id"])["result"] == "pass"
    ear.join(60)
    told = [(e["data"]["op"], e["data"]["kind"], e["data"]["state"]) for e in ear.heard]
    assert told[:6] == [
        ("created", "checkout", "running"), ("updated", "checkout", "available"),
        ("created", "kbuild", "running"), ("updated", "kbuild", "available"),
        ("created", "job", "running"), ("updated", "job", "done"),
    ]  # fmt: skip
    assert told[-2:] == [("updated", "kbuild", "done"), ("updated", "checkout", "done")]
    assert len({e["id"] for e in ear.heard}) == len(ear.heard)
    assert ear.heard[5]["data"]["is_hierarchy"] and ear.heard[5]["data"]["previous_state"] == "running"

    total = TESTS + 3
    assert reader.count() == total and reader.count("data.kernel_revision.tree=mainline") == total
    assert reader.count("kind=test") == TESTS and reader.count("kind=test", "result=fail") == 30
    assert reader.count("name=~^case-1-") == TESTS // 30 - 1
    assert [n["kind"] for n in reader.find("parent=null")] == ["checkout"]
    assert reader.count("parent=null") == 1 and reader.count("parent!=null") == total - 1
    before = (datetime.now(UTC) - timedelta(hours=1)).replace(tzinfo=None)
    assert reader.count(f"created>{before}") == total and reader.count(f"created<{before}") == 0
    found = reader.find("kind=test", "group=kunit-x86_64")
    assert [n["id"] for n in found] == [n["id"] for n in nodes[1:]]
    assert len(reader.findfast("path=suite-3", "state=done")) == TESTS // 30
    assert all(status < 400 for p in (admin, lab, reader) for status in p.statuses)


def test_the_clock_ends_what_nobody_ends(server, admin, lab):
    parent = lab.submit({"kind": "checkout", "name": "c", "path": ["c"], "data": {"kernel_revision": REVISION}})
    child = {"kind": "kbuild", "name": "k", "path": ["c", "k"], "parent": parent["id"], "timeout": soon(hours=1)}
    child = lab.submit(child)
    parent.update(state="available", result="pass", holdoff=soon(seconds=0.5))
    lab.submit(parent)
    until(lambda: lab.get(parent["id"])["state"] == "closing")
    lab.submit({**child, "timeout": soon(seconds=0.5)})
    ended = until(lambda: (n := lab.get(child["id"]))["state"] == "done" and n)
    assert ended["result"] == "incomplete" and ended["data"]["error_code"] == "node_timeout"
    closed = until(lambda: (n := lab.get(parent["id"]))["state"] == "done" and n)
    assert closed["result"] == "pass"

    # The lab answers after all, as the client does it.
    answered = {**ended, "result": "pass"}
    assert lab.update(answered)["data"]["error_code"] is None


def test_an_abandoned_poll_loses_nothing(server, lab):
    subscription = lab.subscribe("abc")
    for _ in range(3):
        with pytest.raises(requests.exceptions.ReadTimeout):
            requests.get(
                f"{server.url}/latest/listen/{subscription}",
                headers={"Authorization": f"Bearer {lab.token}"},
                timeout=0.5,
            )
    for n in range(3):
        lab.send("abc", {"n": n})
    assert [lab.receive(subscription)["data"]["n"] for _ in range(3)] == [0, 1, 2]
    lab.unsubscribe(subscription)
    with pytest.raises(Refused):
        lab.receive(subscription)


def test_others_may_read_and_not_write(server, admin, lab):
    admin.user_add("eve", "eve@example.org", "secret of eve")
    eve = Player(server.url, server.token_of("eve"))
    node = lab.submit({"kind": "checkout", "name": "c", "path": ["c"]})
    with pytest.raises(Refused):
        eve.submit({**node, "name": "taken"})
    with pytest.raises(Refused):
        eve.submit_hierarchy(node["id"], {"result": "fail"})
    mine = eve.submit({"kind": "job", "name": "j", "path": ["j"]})
    with pytest.raises(Refused, match="not below the root"):
        eve._call(
            "PUT", f"nodes/{mine['id']}",
            body={"node": mine, "child_nodes": [{"node": {**node, "name": "taken"}, "child_nodes": []}]},
        )  # fmt: skip
    assert Player(server.url).get(node["id"])["name"] == "c"
    assert 401 in eve.statuses and 400 in eve.statuses and not any(s >= 500 for s in eve.statuses)
