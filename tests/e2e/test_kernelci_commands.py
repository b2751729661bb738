"""Every command of the KernelCI client and every call of its library (kernelci.md 10.1 and 10.2), each with exactly the
requests that were captured of the real one."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import requests

from functions.settings import read
from functions.wiring import Wiring
from tests.build.mailbox import mailbox, token_in

from .conftest import SECRET_KEY
from .player import Player, Refused

REVISION = {"tree": "mainline", "url": "https://git.kernel.org/linux.git", "branch": "master", "commit": "0" * 40}
FLAG = "processed_by_kcidb_bridge"


@contextmanager
def sends(player: Player, *wanted: str) -> Iterator[None]:
    """What is done inside sends exactly these requests, below the version's prefix."""
    player.asked.clear()
    yield
    assert player.asked == [f"{w.partition(' ')[0]} /latest/{w.partition(' ')[2]}" for w in wanted]


def test_every_current_command(hub_folder):
    server = hub_folder.start(KEEP_ALIVE_PERIOD="1")
    kci = Player(server.url, server.token)
    anybody = Player(server.url)

    with sends(anybody, "GET "):
        assert anybody.hello() == {"message": "KernelCI API"}
    with sends(kci, "GET whoami"):
        assert kci.whoami()["username"] == "admin"
    with sends(kci):
        info = kci.token_info()
    assert info["aud"] == ["fastapi-users:auth"] and info["sub"] == kci.whoami()["id"]

    with sends(kci, "POST node"):
        checkout = kci.submit({"kind": "checkout", "name": "c", "path": ["c"], "data": {"kernel_revision": REVISION}})
    with sends(anybody, f"GET node/{checkout['id']}"):
        assert anybody.get(checkout["id"])["name"] == "c"
    assert anybody.get("f" * 24) is None
    with sends(kci, f"PUT node/{checkout['id']}"):
        assert kci.submit({**checkout, "state": "available", "result": "pass"})["state"] == "available"
    kbuild = kci.submit({"kind": "kbuild", "name": "k", "path": ["c", "k"], "parent": checkout["id"]})
    with sends(kci, f"GET node/{kbuild['id']}", f"GET node/{checkout['id']}", "POST node"):
        job = kci.job_new(kbuild["id"], "baseline", platform="qemu")
    assert (job["parent"], job["path"], job["data"]["kernel_revision"]) == (
        kbuild["id"],
        ["c", "k", "baseline"],
        REVISION,
    )
    tree = {"result": "fail", "child_nodes": [{"name": "suite", "result": "fail", "child_nodes": [
        {"name": "case", "result": "fail"}]}]}  # fmt: skip
    with sends(
        kci, f"GET node/{job['id']}", f"GET node/{job['id']}", f"GET node/{kbuild['id']}", f"PUT nodes/{job['id']}"
    ):
        nodes = kci.submit_hierarchy(job["id"], tree)
    assert [n["name"] for n in nodes] == ["baseline", "suite", "case"] and nodes[0]["state"] == "done"
    assert (nodes[2]["kind"], nodes[2]["group"], nodes[2]["data"]["platform"]) == ("test", "baseline", "qemu")

    with sends(anybody, "GET nodes?kind=test&name__re=%5Esui&limit=10"):
        assert [n["name"] for n in anybody.find("kind=test", "name=~^sui", limit=10)] == ["suite"]
    with sends(anybody, "GET nodes?kind=test&offset=1&limit=10"):
        assert [n["name"] for n in anybody.find("kind=test", limit=10, offset=1)] == ["case"]
    with sends(anybody, "GET nodes/fast?result__ne=fail&kind=checkout"):
        assert len(anybody.findfast("result!=fail", "kind=checkout")) == 1
    with sends(anybody, "GET count?data.kernel_revision.tree=mainline"):
        assert anybody.count("data.kernel_revision.tree=mainline") == 4
    before = datetime.now(UTC).replace(tzinfo=None) - timedelta(hours=1)
    assert anybody.count(f"created>{before}", "kind=job") == 1 and anybody.count(f"created<={before}") == 0

    with sends(kci, "POST subscribe/abc?promisc=True"):
        subscription = kci.subscribe("abc", promisc=True)
    with sends(kci, "POST publish/abc"):
        kci.send("abc", {"n": 1})
    with sends(kci, f"GET listen/{subscription}"):
        assert kci.receive(subscription)["data"] == {"n": 1}
    with sends(kci, f"GET listen/{subscription}"):
        assert kci.receive(subscription, block=False) is None
    with sends(kci, "POST push/todo", "GET pop/todo"):
        kci.push("todo", {"n": 2})
        assert kci.pop("todo")["data"] == {"n": 2}
    with sends(kci, "GET stats/subscriptions"):
        assert [s["id"] for s in kci.stats()] == [subscription]
    with sends(kci, f"POST unsubscribe/{subscription}"):
        kci.unsubscribe(subscription)
    assert all(status < 300 for player in (kci, anybody) for status in player.statuses)


def test_every_library_call(lab):
    for n in range(102):
        lab.submit({"kind": "test", "name": f"t{n}", "path": ["t"]})
    with sends(lab, "GET nodes?kind=test&limit=100&offset=0", "GET nodes?kind=test&limit=100&offset=100"):
        found = lab.find("kind=test")
    assert [n["name"] for n in found] == [f"t{n}" for n in range(102)]
    with sends(lab, "GET nodes/fast?kind=test&name=t7"):
        (node,) = lab.findfast("kind=test", "name=t7")
    with sends(lab, "PUT batch/nodeset"):
        assert lab.bulkset([n["id"] for n in found[:3]], FLAG, "True") == 3
    with sends(lab, f"PUT node/{node['id']}?noevent=true"):
        lab.update({**node, "state": "available"}, noevent=True)
    with sends(lab, "GET kv/svc/last", "POST kv/svc/last", "GET kv/svc/last", "DELETE kv/svc/last", "GET kv/svc/last"):
        assert lab.kv_get("svc", "last") is None
        assert lab.kv_set("svc", "last", "2024-02-01 ü") == "OK"
        assert lab.kv_get("svc", "last") == "2024-02-01 ü"
        assert "last" in lab.kv_delete("svc", "last")
        assert lab.kv_get("svc", "last") is None

    event = {"kind": "job_result", "runtime": "lab-x", "device_type": "rk", "job_name": "baseline", "result": "fail"}
    skip = {"kind": "job_skip", "runtime": "lab-x", "error_type": "rules"}
    with sends(lab, "POST telemetry"):
        assert lab.telemetry_add([event] * 50 + [skip] * 3) == {"inserted": 53}
    with sends(lab, "GET telemetry?kind=job_skip&limit=2"):
        assert [e["error_type"] for e in lab.telemetry_find(kind="job_skip", limit=2)] == ["rules"] * 2
    with sends(lab, "GET telemetry/stats?group_by=runtime%2Ckind&device_type=rk"):
        assert lab.telemetry_stats("runtime,kind", device_type="rk") == [
            {"runtime": "lab-x", "kind": "job_result", "total": 50, "pass": 0, "fail": 50, "incomplete": 0, "skip": 0,
             "infra_error": 0}
        ]  # fmt: skip
    with sends(lab, "GET telemetry/anomalies?window=1h"):
        found = lab.telemetry_anomalies(window="1h")
    assert [(a["device_type"], a["constant_failure"]) for a in found["result_anomalies"]] == [("rk", True)]
    assert found["error_anomalies"] == [{"runtime": "lab-x", "error_type": "rules", "count": 3}]
    with pytest.raises(Refused, match="runtime"):
        lab.telemetry_add([{"kind": "job_result"}])


def test_the_older_user_commands_with_mail(hub_folder):
    """`kci user` add, verify, token, update, activate, deactivate, password update and reset, join and leave; `kci
    group` add, find, delete."""
    with mailbox() as box:
        server = hub_folder.start(SMTP_HOST="127.0.0.1", SMTP_PORT=str(box.port), EMAIL_SENDER="hub@example.org")
        admin, bob = Player(server.url, server.token), Player(server.url)
        with sends(admin, "POST user/register"):
            made = admin.user_add("bob", "bob@example.org", "first")
        assert (made["is_verified"], made["is_active"], made["is_superuser"]) == (False, True, False)
        with pytest.raises(Refused, match="LOGIN_USER_NOT_VERIFIED"):
            bob.login("bob", "first")

        with sends(admin, "GET users?username=bob", "POST user/request-verify-token"):
            admin.user_request_verify("bob")
        (letter,) = box.wait(1)
        assert (letter["to"], letter["from"]) == ("bob@example.org", "hub@example.org")
        with sends(bob, "POST user/verify"):
            assert bob.user_verify(token_in(letter))["is_verified"] is True
        with pytest.raises(Refused, match="VERIFY_USER_ALREADY_VERIFIED"):
            bob.user_verify(token_in(letter))
        with sends(bob, "POST user/login"):
            bob.token = bob.login("bob", "first")

        user = f"PATCH user/{made['id']}"
        with sends(admin, "GET users?username=bob", user):
            admin.user_update("bob", email="bob@kernelci.org", is_verified=True)
        with sends(admin, "GET users?username=bob", user):
            admin.user_deactivate("bob")
        with pytest.raises(Refused, match="Unauthorized"):
            bob.whoami()
        with sends(admin, "GET users?username=bob", user):
            admin.user_activate("bob")
        assert bob.whoami()["email"] == "bob@kernelci.org"

        with sends(bob, "POST user/update-password"):
            bob.user_password("bob", "first", "second")
        with sends(bob, "POST user/forgot-password"):
            bob.user_forgot_password("bob@kernelci.org")
        bob.user_forgot_password("nobody@kernelci.org")
        letter = box.wait(2)[1]
        with sends(bob, "POST user/reset-password"):
            bob.user_reset_password(token_in(letter), "third")
        with pytest.raises(Refused, match="RESET_PASSWORD_BAD_TOKEN"):
            bob.user_reset_password(token_in(letter), "fourth")
        with pytest.raises(Refused, match="LOGIN_BAD_CREDENTIALS"):
            bob.login("bob", "second")
        bob.token = bob.login("bob", "third")

        with sends(admin, "POST group"):
            group = admin.group_add("lab-x")
        with sends(admin, "GET groups?name=lab-x"):
            assert admin.group_find(name="lab-x") == [{"id": group["id"], "name": "lab-x"}]
        with sends(admin, "GET users?username=bob", "GET users?username=bob", user):
            admin.user_join("bob", "lab-x")
        assert [g["name"] for g in bob.whoami()["groups"]] == ["lab-x"]
        with sends(admin, "GET users?username=bob", "GET users?username=bob", user):
            admin.user_leave("bob", "lab-x")
        assert bob.whoami()["groups"] == []
        with sends(admin, "GET groups?name=lab-x", f"DELETE group/{group['id']}"):
            admin.group_delete("lab-x")
        assert len(box.messages) == 2
        server.stop()
    log = server.log.read_text()
    for secret in (token_in(letter), "third", "bob@kernelci.org"):
        assert secret not in log


def test_without_mail_an_administrator_hands_the_tokens_out(server, admin):
    admin.user_add("bob", "bob@example.org", "first")
    bob = Player(server.url)
    bob._call("POST", "user/request-verify-token", body={"email": "bob@example.org"})
    bob.user_forgot_password("bob@example.org")
    assert bob.statuses == [202, 202]
    verify = server.admin("verify-token", "bob").stdout.strip()
    assert bob.user_verify(verify)["username"] == "bob"
    reset = server.admin("reset-token", "bob").stdout.strip()
    bob.user_reset_password(reset, "second")
    assert bob.login("bob", "second")
    for command in ("verify-token", "reset-token"):
        done = server.admin(command, "nobody")
        assert (done.returncode, done.stdout, done.stderr.count("\n")) == (2, "", 1)


def test_a_mail_server_that_is_down_is_nobodys_concern(hub_folder):
    server = hub_folder.start(SMTP_HOST="127.0.0.1", SMTP_PORT="1", EMAIL_SENDER="hub@example.org")
    admin = Player(server.url, server.token)
    admin.user_add("bob", "bob@example.org", "first")
    began = time.monotonic()
    assert requests.post(
        f"{server.url}/latest/user/forgot-password", json={"email": "bob@example.org"}, timeout=60
    ).status_code == 202  # fmt: skip
    assert time.monotonic() - began < 8 and admin.whoami()  # a message is given up after 10 s
    server.stop()
    assert "a mail was not sent: ConnectionRefusedError" in server.log.read_text()


def test_a_cloud_function_sends_mail_behind_its_answer(deploy, tmp_path):
    environ = {"HUB_STORE": f"sqlite:///{tmp_path}/functions.db", "SECRET_KEY": SECRET_KEY}
    with closing(Wiring(read(environ, "/none")).hub) as hub:
        hub.accounts.register("bob", "bob@example.org", "secret", datetime.now(UTC))
    with mailbox() as box:
        mail = {"SMTP_HOST": "127.0.0.1", "SMTP_PORT": str(box.port), "EMAIL_SENDER": "hub@example.org"}
        url = deploy("user", **mail)
        for name in ("nobody", "bob"):
            body = {"email": f"{name}@example.org"}
            reply = requests.post(f"{url}/latest/user/request-verify-token", json=body, timeout=60)
            assert (reply.status_code, reply.json()) == (202, None)
        (letter,) = box.wait(1)
        assert letter["to"] == "bob@example.org"
        reply = requests.post(f"{url}/latest/user/verify", json={"token": token_in(letter)}, timeout=60)
        assert reply.json()["is_verified"] is True
