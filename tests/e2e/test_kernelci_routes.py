"""Routes of the KernelCI API that no command of its client asks for, over a real server: edits that merge, conditions,
repetitions, cursors, filtered events, today's groups, one's own account."""

from __future__ import annotations

from typing import Any

import pytest
import requests

from .player import Player, Refused


@pytest.fixture
def ask(server, lab):
    """A request of the ordinary user, or of the holder of another token; the whole reply."""

    def ask(method: str, path: str, body: Any = None, token: str = "", **headers: str) -> requests.Response:
        sent = {"Authorization": f"Bearer {token or lab.token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
        return requests.request(method, f"{server.url}/latest/{path}", json=body, headers=sent, timeout=60)

    return ask


@pytest.fixture
def job(lab):
    return lab.submit({"kind": "job", "name": "j", "path": ["j"], "data": {"platform": "x", "job_id": "1"}})


def test_a_patch_replaces_and_a_merging_one_adds(ask, job):
    path = f"node/{job['id']}"
    merged = ask(
        "PATCH", f"{path}?merge=1", {"data": {"job_id": "2", "device": "d"}, "artifacts": {"log": "http://h/l"}}
    )
    assert merged.json()["data"] == {"platform": "x", "job_id": "2", "device": "d"}
    merged = ask("PATCH", f"{path}?merge=1", {"data": {"device": None}, "artifacts": {"a/b.c": "http://h"}})
    assert merged.json()["data"] == {"platform": "x", "job_id": "2"}
    assert merged.json()["artifacts"] == {"log": "http://h/l", "a/b.c": "http://h/"}
    assert ask("PATCH", path, {"data": {"platform": "y"}}).json()["data"] == {"platform": "y"}
    quiet = ask("PATCH", f"{path}?noevent=true", {"state": "available", "result": "pass"})
    assert (quiet.json()["state"], quiet.json()["result"]) == ("available", "pass")
    assert ask("PATCH", path, {"state": "running"}).status_code == 400
    told = ask("GET", f"events?node_id={job['id']}&op=updated").json()
    assert len(told) == 3 and all(e["data"]["state"] == "running" for e in told)


def test_conditions_hold_for_a_node_and_for_a_tree(ask, job):
    path, tree = f"node/{job['id']}", {"node": job, "child_nodes": [{"node": {**job, "id": None}, "child_nodes": []}]}
    first = ask("GET", path).headers["etag"]
    written = ask("PUT", f"nodes/{job['id']}", tree, If_Match=first)
    assert written.status_code == 200 and len(written.json()) == 2
    assert written.headers["etag"] == ask("GET", path).headers["etag"] != first
    for method, target, body in (
        ("PUT", f"nodes/{job['id']}", tree), ("PUT", path, job), ("PATCH", path, {"result": "fail"}),
    ):  # fmt: skip
        assert ask(method, target, body, If_Match=first).status_code == 412
    assert ask("GET", "count").json() == 2 and ask("GET", path).json()["result"] is None
    assert ask("GET", path, If_None_Match=written.headers["etag"]).status_code == 304


def test_a_hierarchy_that_is_sent_again_is_written_once(ask, job):
    tree = {"node": job, "child_nodes": [{"node": {"kind": "test", "name": "t", "path": ["t"]}, "child_nodes": []}]}
    replies = [ask("PUT", f"nodes/{job['id']}", tree, Idempotency_Key="run") for _ in range(3)]
    assert [r.status_code for r in replies] == [200] * 3 and len({r.text for r in replies}) == 1
    assert [r.headers.get("idempotency-replayed") for r in replies] == [None, "true", "true"]
    assert ask("GET", "count").json() == 2
    assert ask("PUT", f"nodes/{job['id']}", {**tree, "child_nodes": []}, Idempotency_Key="run").status_code == 409


def test_pages_and_fast_reads_go_on_by_cursor_in_either_order(ask, lab):
    names = [lab.submit({"kind": "test", "name": f"t{n}", "path": ["t"]})["name"] for n in range(7)]

    def pages(sort: str) -> list[str]:
        seen, after = [], ""
        while after is not None:
            page = ask("GET", f"nodes?kind=test&limit=3&sort={sort}&after={after}&fields=name").json()
            seen += page["items"]
            after = page["next"]
        return [n["name"] for n in seen]

    assert pages("created") == names and pages("-created") == names[::-1]
    first = ask("GET", "nodes/fast?kind=test&limit=4&fields=name,state")
    assert first.json()[0] == {"name": "t0", "state": "running"}
    rest = ask("GET", f"nodes/fast?kind=test&fields=name&after={first.headers['x-next']}")
    assert [n["name"] for n in rest.json()] == names[4:]


def test_a_tree_is_counted_by_state_and_result(ask, lab, job):
    for state, result in (("done", "pass"), ("done", "fail"), ("running", None)):
        lab.submit({"kind": "test", "name": "t", "path": ["t"], "parent": job["id"], "state": state, "result": result})
    counts = ask("GET", f"tree/{job['id']}?counts=1").json()["counts"]
    assert counts == {
        "total": 4, "state": {"running": 2, "available": 0, "closing": 0, "done": 2},
        "result": {"pass": 1, "fail": 1, "skip": 0, "incomplete": 0, "null": 2},
    }  # fmt: skip
    tree = ask("GET", f"tree/{job['id']}?fields=name,state").json()
    assert tree["counts"] == counts and len(tree["items"]) == 4 and tree["root"] == job["id"]


def test_a_subscription_hears_only_what_it_asked_for(ask, lab):
    id = ask("POST", "subscribe/node?kind=test&result=fail").json()["id"]
    for kind, result in (("test", "pass"), ("job", "fail"), ("test", "fail")):
        lab.submit({"kind": kind, "name": f"{kind}-{result}", "path": ["x"], "state": "done", "result": result})
    assert lab.receive(id)["data"]["name"] == "test-fail"


def test_the_log_is_followed_by_sequence(ask, lab):
    for n in range(5):
        lab.send("abc", {"n": n})
    seen, after = [], 0
    while events := ask("GET", f"events?channel=abc&limit=2&after={after}").json():
        seen += [e["data"]["n"] for e in events]
        after = events[-1]["sequence_id"]
    assert seen == list(range(5))


def test_todays_groups(server, admin, ask):
    root = admin.token
    made = ask("POST", "user-groups", {"name": "lab-x"}, root)
    assert (made.status_code, list(made.json())) == (200, ["name", "id"])
    group = {"id": made.json()["id"], "name": "lab-x"}
    assert ask("GET", "user-groups?name=lab-x", token=root).json()["items"] == [group]
    assert ask("GET", f"user-groups/{group['id']}", token=root).json() == group
    admin.user_join("lab", "lab-x")
    assert ask("DELETE", f"user-groups/{group['id']}", token=root).status_code == 409
    admin.user_leave("lab", "lab-x")
    assert ask("DELETE", f"user-groups/{group['id']}", token=root).status_code == 204
    assert ask("GET", f"user-groups/{group['id']}", token=root).status_code == 404
    assert ask("GET", "user-groups").status_code == 403


def test_ones_own_account(server, lab, ask):
    changed = ask("PATCH", "user/me", {"username": "lab-2", "password": "another secret", "is_superuser": True})
    assert changed.json()["username"] == "lab-2" and changed.json()["is_superuser"] is False
    anybody = Player(server.url)
    with pytest.raises(Refused, match="LOGIN_BAD_CREDENTIALS"):
        anybody.login("lab-2", "secret of the lab")
    assert anybody.login("lab-2", "another secret")
    moved = ask("PATCH", "user/me", {"email": "new@example.org"}).json()
    assert moved["is_verified"] is False and ask("GET", "whoami").status_code == 403
    verify = server.admin("verify-token", "lab-2").stdout.strip()
    assert anybody.user_verify(verify)["email"] == "new@example.org" and ask("GET", "whoami").status_code == 200
    assert ask("PATCH", "user/me", {"groups": ["any"]}).status_code == 400


def test_a_namespace_is_closed_by_its_group(admin, lab):
    lab.kv_set("svc", "k", "1")
    admin.group_add("kv:svc")
    for use in (lambda: lab.kv_get("svc", "k"), lambda: lab.kv_set("svc", "k", "2"), lambda: lab.kv_delete("svc", "k")):
        with pytest.raises(Refused, match="kv:svc"):
            use()
    admin.user_join("lab", "kv:svc")
    assert lab.kv_get("svc", "k") == "1"
