"""Submitting over the wire: what is answered, in upstream's words and ours; who may; what is wrong, all of it."""

from __future__ import annotations

import gzip
import json
from datetime import timedelta
from typing import Any

import pytest

from lib.dialects.kcidb.source import DOCUMENTS_MAX
from tests import build

VERSION = {"major": 5, "minor": 3}
GOOD: dict[str, Any] = {
    "version": VERSION,
    "checkouts": [{"id": "lab:c1", "origin": "lab"}],
    "builds": [{"id": "lab:b1", "origin": "lab", "checkout_id": "lab:c1", "status": "PASS"}],
}
BAD = {"version": VERSION, "tests": [{"id": "lab:t1", "origin": "lab", "build_id": "lab:b1", "path": "a b"}]}


@pytest.fixture
def token(hub) -> str:
    return hub.submitters.mint(["lab"], build.NOW, 3600, "lab-1")


@pytest.fixture
def post(client, token):
    def post(path: str, value: Any, **headers: str):
        body = value if isinstance(value, bytes) else json.dumps(value).encode()
        named = {name.replace("_", "-"): text for name, text in headers.items()}
        reply = client.send("POST", path, body=body, headers=named, token=token)
        return reply.status, json.loads(reply.body)

    return post


@pytest.fixture
def get(client):
    def get(path: str, token: str | None = None):
        reply = client.send("GET", path, token=token)
        is_json = dict(reply.headers)["content-type"] == "application/json"
        return reply.status, json.loads(reply.body) if is_json else reply.body

    return get


@pytest.mark.parametrize("path", ["/submit", "/kcidb/submit"])
def test_a_submission_is_received_in_upstreams_words_and_ours(post, get, path):
    status, answer = post(path, GOOD)
    size, id = len(json.dumps(GOOD)), answer["id"]
    assert status == 200 and len(id) == 64 and answer == {
        "id": id, "status": "ok", "message": f"Received submission {id} with size {size} bytes", "duplicate": False,
        "objects": {"checkouts": 1, "builds": 1}, "version": "5.3", "warnings": [], "status_url": f"/status?id={id}",
    }  # fmt: skip
    status, told = get(f"/status?id={id}")
    assert status == 200 and (told["id"], told["status"], told["message"]) == (id, "processed", "File archived")
    assert told["counts"] == {"objects": {"checkouts": 1, "builds": 1}, "new": 2, "changed": 0, "unchanged": 0}
    assert told["origins"] == ["lab"] and told["errors"] == [] and told["conflicts"] == 0
    assert get(f"/kcidb/submissions/{id}") == (200, GOOD)


def test_the_same_json_however_it_is_written_is_a_duplicate(post, hub):
    first = post("/submit", GOOD)[1]
    last = hub.store.last("kcidb")
    other = json.dumps(GOOD, indent=2, sort_keys=True).replace('"minor": 3', '"minor": 3.0').encode()
    again = post("/submit", other)[1]
    assert again["duplicate"] and again["id"] == first["id"]
    assert hub.store.last("kcidb") == last


def test_every_fault_is_told_with_its_place_and_nothing_is_kept(post, get):
    value = {**GOOD, "tests": [{"id": "lab:t1", "origin": "lab", "path": "a b", "duration": "5", "extra": 1}]}
    status, answer = post("/submit", value)
    assert status == 400 and answer["id"] == "0" and answer["status"] == "error" and answer["error_count"] == 4
    assert {(e["pointer"], e["object"]) for e in answer["errors"]} == {
        (f"/tests/0/{name}", "lab:t1") for name in ("build_id", "path", "duration", "extra")
    }  # fmt: skip
    assert all(e["hint"] and e["rule"] for e in answer["errors"])
    assert get("/kcidb/submissions") == (200, {"submissions": [], "next": None})


def test_whose_a_faulty_object_is_counts_among_its_faults(post):
    value = {"version": VERSION, "tests": [{"id": "lab:t1", "origin": "bal", "path": "a b"}]}
    answer = post("/submit", value)[1]
    assert {e["pointer"] for e in answer["errors"]} == {f"/tests/0/{n}" for n in ("origin", "path", "build_id")}
    hint = next(e["hint"] for e in answer["errors"] if e["pointer"] == "/tests/0/build_id")
    assert "belongs to" in hint


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"nonsense", b'{"a": 1, "a": 2}', b'{"version": NaN}', b"\xff"])
def test_what_is_no_submission_is_a_fault_of_the_clients(post, body):
    status, answer = post("/submit", body)
    assert (status, answer["id"], answer["status"]) == (400, "0", "error") and answer["error_count"] >= 1


def test_partial_takes_what_is_right_and_lists_the_rest(post, get):
    value = {**GOOD, "tests": BAD["tests"]}
    status, answer = post("/submit?partial=1", value)
    assert status == 200 and answer["objects"] == {"checkouts": 1, "builds": 1}
    assert answer["error_count"] == 1 and answer["errors"][0]["object"] == "lab:t1"
    assert get(f"/status?id={answer['id']}")[1]["errors"] == answer["errors"]
    assert post("/submit?partial=1", value)[1]["duplicate"]
    assert post("/submit", value)[0] == 400


@pytest.mark.parametrize("path", ["/submit?dry_run=1", "/validate", "/kcidb/validate"])
def test_a_look_stores_nothing_and_foresees_what_would_change(post, hub, path):
    post("/submit", GOOD)
    before = hub.store.generation()
    change = {**GOOD["builds"][0], "status": "FAIL", "start_time": "2025-07-15t12:10:17z"}
    status, answer = post(path, {"version": {"major": 5, "minor": 0}, "builds": [change]})
    normal = {**change, "start_time": "2025-07-15T12:10:17.000000+00:00"}
    assert status == 200 and answer["normal"] == {"version": VERSION, "builds": [normal]}
    assert answer["changes"] == [{
        "kind": "builds", "id": "lab:b1", "is_new": False,
        "fields": {
            "status": {"from": "PASS", "to": "FAIL"}, "start_time": {"from": None, "to": normal["start_time"]},
        },
    }]  # fmt: skip
    assert hub.store.generation() == before


@pytest.mark.parametrize("query", ["dryrun=1", "dry_run=maybe", "partial=1&partial=0", "dry_run&x=1"])
def test_a_parameter_that_is_not_known_stores_nothing(post, get, query):
    """Who misspells `dry_run` wants nothing stored."""
    assert post(f"/submit?{query}", GOOD)[0] == 400
    assert get("/kcidb/submissions") == (200, {"submissions": [], "next": None})


def test_a_flag_needs_no_value(post, get):
    assert post("/submit?dry_run", GOOD)[0] == 200
    assert get("/kcidb/submissions")[1]["submissions"] == []


def test_gzip_is_unpacked_and_bounded(post, monkeypatch):
    packed = gzip.compress(json.dumps(GOOD).encode())
    assert post("/submit", packed, content_encoding="gzip")[1]["objects"] == {"checkouts": 1, "builds": 1}
    halves = [gzip.compress(part) for part in (json.dumps(GOOD).encode()[:50], json.dumps(GOOD).encode()[50:])]
    assert post("/submit", b"".join(halves), content_encoding="gzip")[1]["duplicate"]
    assert post("/submit", gzip.compress(b"") * 101, content_encoding="gzip")[0] == 413
    for body in (b"no gzip", packed[:-9], packed + b"x"):
        assert post("/submit", body, content_encoding="gzip")[0] == 400
    assert post("/submit", packed, content_encoding="br")[0] == 400
    monkeypatch.setattr("lib.dialects.kcidb.submit.TEXT_BYTES_MAX", 100)
    status, answer = post("/submit", packed, content_encoding="gzip")
    assert status == 413 and "100 bytes" in answer["message"]


def test_each_line_is_a_submission_and_a_bad_one_hinders_no_other(post):
    text = "\n".join(json.dumps(d) for d in (GOOD, BAD, {"version": VERSION})).encode()
    status, answers = post("/submit", text, content_type="application/x-ndjson; charset=utf-8")
    assert status == 200 and [a["status"] for a in answers] == ["ok", "error", "ok"]
    assert answers[1]["errors"][0]["pointer"] == "/tests/0/path"
    too_many = b'{"version": {"major": 5, "minor": 3}}\n' * (DOCUMENTS_MAX + 1)
    assert post("/submit", too_many, content_type="application/x-ndjson")[0] == 413


def test_results_of_another_origin_are_refused_by_name(post):
    value = {"version": VERSION, "checkouts": [{"id": "other:c", "origin": "other"}]}
    status, answer = post("/submit", value)
    assert status == 403
    assert answer == {
        "id": "0", "status": "error",
        "message": "checkouts other:c: you may not submit results of the origin other",
    }  # fmt: skip


def test_each_way_of_having_no_token_has_its_words(client, token, hub, clock):
    def ask(**headers: str) -> tuple[int, str]:
        reply = client.send("GET", "/authtest", headers=headers)
        return reply.status, json.loads(reply.body)["message"]

    assert ask() == (401, "The Authorization header is missing")
    assert ask(authorization=f"Basic {token}") == (401, "The Authorization header must be `Bearer` and a token")
    assert ask(authorization="Bearer x.y.z") == (401, "The token is not valid, or no more")
    assert ask(authorization=f"Bearer {token}") == (200, "submitter:lab-1 may submit for lab")
    boss = build.register(hub.accounts, "boss", is_superuser=True)
    assert ask(authorization=f"Bearer {hub.accounts.auth.mint(boss.id, clock())}")[1].endswith("for any origin")
    hub.submitters.revoke("lab-1", clock())
    assert ask(authorization=f"Bearer {token}")[0] == 401


def test_a_submitters_token_is_good_for_nothing_else(client, token):
    for method, path in (("POST", "/latest/node"), ("GET", "/latest/users"), ("GET", "/latest/whoami")):
        assert client.send(method, path, token=token, json_body={}).status == 401


def test_a_member_of_an_origins_group_submits_for_it(client, hub, clock):
    hub.accounts.make_group("kcidb:origin:lab", clock())
    member = build.register(hub.accounts, "ann", groups=["kcidb:origin:lab"])
    token = hub.accounts.auth.mint(member.id, clock())
    reply = client.send("POST", "/submit", body=json.dumps(GOOD).encode(), token=token)
    assert reply.status == 200


def test_the_status_of_nothing(get):
    assert get("/status")[0] == 400 and b"id" in get("/status")[1]
    assert get("/status?id=")[0] == get("/status?id=../x")[0] == get(f"/status?id={'a' * 65}")[0] == 400
    status, answer = get(f"/status?id={'0' * 64}")
    assert (status, answer["status"]) == (404, "notfound")
    assert get(f"/kcidb/submissions/{'0' * 64}")[0] == 404


def test_submissions_are_listed_newest_first_by_origin_and_state(post, get, clock):
    ids = []
    for n in range(3):
        ids.append(post("/submit", {"version": VERSION, "checkouts": [{"id": f"lab:c{n}", "origin": "lab"}]})[1]["id"])
        clock.advance(seconds=1)
    found = get("/kcidb/submissions?origin=lab&state=merged&limit=2")[1]
    assert [s["id"] for s in found["submissions"]] == ids[:0:-1]
    rest = get(f"/kcidb/submissions?origin=lab&state=merged&limit=2&after={found['next']}")[1]
    assert [s["id"] for s in rest["submissions"]] == ids[:1] and rest["next"] is None
    assert get("/kcidb/submissions?state=failed")[1]["submissions"] == []
    for bad in ("limit=0", "limit=x", "state=odd", "after=odd"):
        assert get(f"/kcidb/submissions?{bad}")[0] == 400


def test_tokens_end(post, clock):
    clock.advance(**{"seconds": timedelta(hours=2).total_seconds()})
    assert post("/submit", GOOD)[0] == 401
