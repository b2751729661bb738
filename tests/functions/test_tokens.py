"""Tokens at the edge: the routes `/tokens`, which routes a scope opens, and the three schemes in every dialect."""

from __future__ import annotations

import base64
import json

import pytest

from functions.command import admin
from functions.edge import routes
from lib.dialects.wire import Access, Route
from lib.domain.account.access import ADMIN, SCOPES
from tests import build

NODE = build.checkout()


@pytest.fixture
def people(hub):
    return {name: build.register(hub.accounts, name, is_superuser=name == "boss") for name in ("ann", "bob", "boss")}


@pytest.fixture
def ask(client, hub, people, clock):
    """Ask with a session of a user, or with a token; gives the status and the answer."""

    def ask(who, request, body=...):
        token = hub.accounts.auth.mint(people[who].id, clock()) if who in people else who
        reply = client.send(*request.split(" "), token=token, json_body=body)
        return reply.status, json.loads(reply.body) if reply.body else None

    return ask


@pytest.fixture
def made(hub, people, clock):
    def made(owner, *scopes):
        return hub.tokens.create(people[owner], "t", scopes, None, clock())[1]

    return made


def test_a_user_makes_lists_and_revokes_tokens(ask):
    status, made = ask("bob", "POST /tokens", {"name": "ci", "scopes": ["nodes:write"], "expires": "90d"})
    assert status == 201 and made["token"].startswith(f"trb_{made['id']}_")
    assert ask(made["token"], "POST /node", NODE)[0] == 200
    shown = {**made, "last_used_at": "2024-02-01T09:58:28.479138Z"}
    del shown["token"]
    assert shown["expires_at"] == "2024-05-01T09:58:28.479138Z"
    assert ask("bob", "GET /tokens") == (200, {"tokens": [shown]})
    assert ask("ann", "GET /tokens") == (200, {"tokens": []})
    assert ask("ann", f"DELETE /tokens/{made['id']}")[0] == 404
    assert ask("bob", f"DELETE /tokens/{made['id']}") == (204, None)
    assert ask(made["token"], "POST /node", NODE)[0] == 401
    assert ask("bob", f"DELETE /tokens/{made['id']}")[0] == 404


def test_a_superuser_looks_after_the_tokens_of_any_user(ask):
    status, made = ask("boss", "POST /tokens", {"name": "ci", "user": "bob"})
    assert status == 201 and ask(made["token"], "GET /whoami")[1]["username"] == "bob"
    assert [t["id"] for t in ask("boss", "GET /tokens?user=bob")[1]["tokens"]] == [made["id"]]
    assert ask("boss", "GET /tokens?user=nobody")[0] == 404
    assert ask("ann", "GET /tokens?user=bob")[0] == ask("ann", "POST /tokens", {"name": "x", "user": "bob"})[0] == 403
    assert ask("boss", f"DELETE /tokens/{made['id']}") == (204, None)


@pytest.mark.parametrize(("body", "status", "text"), [
    ({}, 422, "name: Field required"), ({"name": "x", "scope": ["read"]}, 422, "scope: Extra"), ([], 422, "Input"),
    ({"name": "x", "scopes": "read"}, 422, "scopes: "), ({"name": "x", "scopes": [""]}, 422, "scopes.0: "),
    ({"name": "x", "scopes": ["write"]}, 400, "scopes: there is no scope 'write'"),
    ({"name": "x", "expires": "soon"}, 400, "expires: "), ({"name": "x", "scopes": [ADMIN]}, 400, "scopes: "),
])  # fmt: skip
def test_a_bad_body_is_refused_with_the_path_of_its_fault(ask, body, status, text):
    got, answer = ask("bob", "POST /tokens", body)
    assert got == status and answer["message"].startswith(text)


def test_no_token_makes_a_broader_one(ask, made):
    for token in (made("bob", "read"), made("bob", "nodes:write"), made("bob"), made("boss"), made("boss", "read")):
        assert ask(token, "POST /tokens", {"name": "x"})[0] == 403
        assert ask(token, "POST /tokens", {"name": "x", "scopes": ["read"]})[0] == 403
    assert ask(made("boss", ADMIN), "POST /tokens", {"name": "x", "scopes": [ADMIN]})[0] == 201


@pytest.mark.parametrize(("scope", "opens"), [
    ("read", {"GET /users", "GET /whoami", "GET /kcidb/watches", "GET /tokens"}),
    ("nodes:write", {"POST /node"}),
    ("events", {"POST /subscribe/x", "GET /kv/a/b"}),
    ("kcidb:submit:*", {"GET /authtest"}),
    ("kcidb:watch", {"POST /kcidb/watches"}),
    ("lava:submit", set()),
])  # fmt: skip
def test_a_scope_opens_its_routes_and_no_others(ask, made, scope, opens):
    asked = {
        "GET /users": ..., "GET /whoami": ..., "GET /kcidb/watches": ..., "GET /tokens": ..., "POST /node": NODE,
        "POST /subscribe/x": ..., "GET /kv/a/b": ..., "GET /authtest": ..., "POST /kcidb/watches": {},
        "PATCH /user/me": {}, "POST /tokens": {"name": "x"}, "GET /user-groups": ..., "POST /jobs/tidy": ...,
        "DELETE /tokens/x": ...,
    }  # fmt: skip
    token = made("boss", scope)
    assert {request for request, body in asked.items() if ask(token, request, body)[0] != 403} == opens


def test_a_token_that_lacks_a_scope_hears_which(ask, made):
    assert ask(made("bob", "read"), "POST /node", NODE) == (403, {"detail": "The token lacks the scope nodes:write"})


def test_every_route_that_asks_who_calls_is_in_a_known_scope():
    asking = [b.route for b in routes.table().bounds if b.route.access not in (Access.PUBLIC, Access.PUSH)]
    assert {route.scope for route in asking} == {*SCOPES, ""} - {"lava:submit"}
    # What no scope but that of superusers opens: one's own account and tokens.
    none = {f"{route.method} {route.path}" for route in asking if not route.scope}
    assert none == {"PATCH /user/me", "POST /user/logout", "POST /tokens", "DELETE /tokens/{id}"}


def test_a_route_takes_no_scope_by_accident():
    assert Route("POST", "/x", lambda request, hub: None, "some", Access.USER).scope == ""


def test_a_token_opens_no_push(ask, made):
    assert ask(made("boss", ADMIN), "POST /on_event", {})[0] == 401
    assert ask(made("boss", ADMIN), "POST /jobs/tidy")[0] == 200


@pytest.mark.parametrize("request_line", ["GET /latest/whoami", "GET /authtest", "GET /kcidb/watches", "GET /tokens"])
def test_one_token_in_three_schemes_in_every_dialect(client, made, request_line):
    secret = made("bob")
    headers = [f"Bearer {secret}", f"token {secret}", *(
        f"Basic {base64.b64encode(pair.encode()).decode()}" for pair in (f"bob:{secret}", f":{secret}", f"{secret}:")
    )]  # fmt: skip
    for header in headers:
        assert client.send(*request_line.split(" "), headers={"authorization": header}).status == 200
    # A password of an account is no token.
    basic = base64.b64encode(b"bob:bob").decode()
    assert client.send(*request_line.split(" "), headers={"authorization": f"Basic {basic}"}).status == 401


def test_no_log_line_shows_a_secret(ask, made, caplog):
    caplog.set_level("DEBUG")
    secret = made("bob")
    status, more = ask("bob", "POST /tokens", {"name": "ci"})
    ask(secret, "GET /whoami")
    ask(secret[:-1] + "x", "GET /whoami")
    assert status == 201 and f"token={more['id']}" in caplog.text
    assert secret.rpartition("_")[2] not in caplog.text and more["token"].rpartition("_")[2] not in caplog.text


@pytest.fixture
def run(tmp_path, monkeypatch, capsys):
    """Runs a command over a store of its own, which has the users `admin` and `bob`."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HUB_STORE", f"sqlite:///{tmp_path}/hub.db")

    def run(*arguments):
        status = admin.main(arguments)
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err

    run("create-admin", "--username", "admin")
    return run


def test_the_commands(run):
    status, (secret,), _ = run(
        "tokens", "create", "admin", "--name", "lab 1", "--scope", "kcidb:submit:lab", "--scope", "read",
        "--expires", "90d",
    )  # fmt: skip
    id = secret.split("_")[1]
    assert status == 0
    for listed in (run("tokens", "list"), run("tokens", "list", "admin")):
        fields = listed[1][1].split("\t")
        assert fields[:4] == [id, "admin", "lab 1", "kcidb:submit:lab read"] and fields[5] == "never"
        assert secret.rpartition("_")[2] not in str(listed)
    assert run("tokens", "revoke", id) == (0, [f"Revoked {id}"], "")
    assert len(run("tokens", "list")[1]) == 1


@pytest.mark.parametrize(("arguments", "text"), [
    (("create", "bob", "--name", "x"), "no user has the name bob"), (("list", "bob"), "no user has the name bob"),
    (("create", "admin", "--name", "x", "--scope", "all"), "there is no scope 'all'"),
    (("create", "admin", "--name", "x", "--expires", "90"), "hours or days"), (("revoke", "x"), "Token not found"),
])  # fmt: skip
def test_a_mistake_is_one_line(run, arguments, text):
    status, out, err = run("tokens", *arguments)
    assert (status, out) == (2, []) and text in err and err.count("\n") == 1
