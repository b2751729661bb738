"""Tokens: what they permit, how they end, what the record holds, and what a look at one costs."""

from __future__ import annotations

import json
import re
from datetime import timedelta

import pytest

from lib.domain.account.access import ADMIN, SCOPES, may_submit
from lib.domain.account.account import TOKENS_MAX
from lib.domain.account.recent import KNOWN_FOR, Recent
from lib.domain.account.token import USE_NOTED_EVERY, Tokens
from lib.errors import Conflict, Forbidden, Invalid, NotFound
from lib.store.port import Scan
from tests import build


@pytest.fixture
def tokens(hub) -> Tokens:
    return hub.tokens


@pytest.fixture
def bob(hub):
    for name in ("kcidb:origin:lab", "kcidb:origin:other", "node:edit:any"):
        hub.accounts.make_group(name, build.NOW)
    return build.register(hub.accounts, "bob", groups=["kcidb:origin:lab", "kcidb:origin:other", "node:edit:any"])


@pytest.fixture
def boss(hub):
    return build.register(hub.accounts, "boss", is_superuser=True)


@pytest.fixture
def acting(tokens, clock):
    """The actor by a new token of an owner with these scopes."""

    def acting(owner, *scopes):
        return tokens.actor_of(tokens.create(owner, "t", scopes, None, clock())[1], clock())

    return acting


def test_a_token_acts_as_its_owner(acting, bob):
    actor = acting(bob)
    assert (actor.id, actor.username, actor.groups) == (bob.id, "bob", bob.groups)
    assert all(actor.permits(scope) for scope in ("read", "nodes:write", ""))


def test_the_record_holds_no_secret(tokens, bob, clock, store):
    token, secret = tokens.create(bob, "ci", ["read", "read"], "90d", clock())
    assert re.fullmatch(r"trb_[0-9a-f]{24}_[0-9a-f]{64}", secret) and token.id in secret
    stored = json.dumps(store.load("token", token.id).body)
    assert secret not in stored and secret.rpartition("_")[2] not in stored
    assert (token.name, token.scopes, token.user_id) == ("ci", ("read",), bob.id)
    assert tokens.find(bob.id) == [token] == list(tokens.all())


@pytest.mark.parametrize("change", [
    lambda s: s[:-1], lambda s: s + "0", lambda s: s[:-1] + ("0" if s[-1] != "0" else "1"), lambda s: s.upper(),
    lambda s: "trb_" + "f" * 24 + s[28:], lambda s: "", lambda s: "trb_", lambda s: s + "\n", lambda s: "\ud800" + s,
])  # fmt: skip
def test_another_text_is_nobody(tokens, bob, clock, change):
    assert tokens.actor_of(change(tokens.create(bob, "t", [], None, clock())[1]), clock()) is None


def test_scopes_restrict(acting, boss, bob):
    actor = acting(bob, "nodes:write", "kcidb:submit:lab")
    assert actor.permits("nodes:write") and actor.permits("kcidb:submit:<origin>")
    assert not any(actor.permits(scope) for scope in ("read", "events", "kcidb:watch", "", ADMIN))
    admin = acting(boss, ADMIN)
    assert admin.is_superuser and all(admin.permits(scope) for scope in (*SCOPES, ""))


def test_the_powers_of_a_superuser_need_their_scope(acting, boss, bob, tokens, clock):
    assert not acting(boss).is_superuser and not acting(boss, "nodes:write").is_superuser
    with pytest.raises(Invalid, match=ADMIN):
        tokens.create(bob, "t", [ADMIN], None, clock())


def test_the_powers_end_with_those_of_the_owner(tokens, hub, boss, clock):
    secret = tokens.create(boss, "t", [ADMIN], None, clock())[1]
    hub.accounts.edit(boss.id, {"is_superuser": False})
    assert not tokens.actor_of(secret, clock()).is_superuser


@pytest.mark.parametrize(("scopes", "lab", "other"), [
    ([], True, True), (["kcidb:submit:lab"], True, False), (["kcidb:submit:*"], True, True), (["read"], False, False),
])  # fmt: skip
def test_a_members_token_submits_for_its_origins_among_the_members(acting, bob, scopes, lab, other):
    actor = acting(bob, *scopes)
    assert (may_submit(actor, "lab"), may_submit(actor, "other")) == (lab, other)
    assert not may_submit(actor, "third") and "node:edit:any" in actor.groups


def test_a_superusers_token_submits_for_the_origins_it_names(acting, boss):
    assert may_submit(acting(boss, "kcidb:submit:lab"), "lab") and not may_submit(acting(boss, "kcidb:submit:lab"), "x")
    assert may_submit(acting(boss, "kcidb:submit:*"), "x") and not may_submit(acting(boss, "nodes:write"), "x")


@pytest.mark.parametrize(("changes", "path"), [
    ({"name": ""}, "name"), ({"name": "x" * 201}, "name"), ({"name": "a\tb"}, "name"),
    ({"scopes": ["nodes"]}, "scopes"), ({"scopes": ["kcidb:submit:<origin>"]}, "scopes"),
    ({"scopes": ["kcidb:submit:"]}, "scopes"), ({"scopes": ["kcidb:submit"]}, "scopes"),
    ({"scopes": ["kcidb:submit:A b"]}, "scopes"), ({"scopes": ["read"] * 101}, "scopes"),
    ({"lifetime": "0d"}, "expires"), ({"lifetime": "3651d"}, "expires"), ({"lifetime": "1"}, "expires"),
    ({"lifetime": ""}, "expires"), ({"lifetime": "-1d"}, "expires"), ({"lifetime": "99999d"}, "expires"),
])  # fmt: skip
def test_what_no_token_may_be(tokens, bob, clock, changes, path):
    wanted = {"name": "t", "scopes": [], "lifetime": None, **changes}
    with pytest.raises(Invalid) as refused:
        tokens.create(bob, wanted["name"], wanted["scopes"], wanted["lifetime"], clock())
    assert refused.value.path == path and tokens.find(bob.id) == []


def test_a_token_makes_no_token_unless_it_administers(tokens, acting, bob, boss, clock):
    for actor in (acting(bob), acting(bob, "read"), acting(boss)):
        with pytest.raises(Forbidden):
            tokens.create(actor, "t", ["read"], None, clock())
    assert tokens.create(acting(boss, ADMIN), "t", [], None, clock())


def test_a_user_has_so_many(tokens, bob, clock):
    for _ in range(TOKENS_MAX):
        tokens.create(bob, "t", [], None, clock())
    with pytest.raises(Conflict):
        tokens.create(bob, "t", [], None, clock())


def test_a_token_expires_to_the_instant(tokens, bob, clock):
    secret = tokens.create(bob, "t", [], "1h", clock())[1]
    clock.advance(seconds=3599.9)
    assert tokens.actor_of(secret, clock())
    clock.advance(seconds=0.1)
    assert tokens.actor_of(secret, clock()) is None


def test_an_expired_token_is_listed_for_a_month_and_then_goes(tokens, hub, bob, clock):
    tokens.create(bob, "short", [], "1h", clock())
    kept = tokens.create(bob, "kept", [], None, clock())[0]
    clock.advance(days=30)
    hub.tidy(clock())
    assert len(tokens.find(bob.id)) == 2
    clock.advance(hours=2)
    hub.tidy(clock())
    assert tokens.find(bob.id) == [kept]


def test_a_revoked_token_is_refused_here_at_once_and_elsewhere_soon(tokens, hub, ids, bob, clock):
    token, secret = tokens.create(bob, "t", [], None, clock())
    elsewhere = Tokens(hub.store, hub.accounts, ids)
    assert tokens.actor_of(secret, clock()) and elsewhere.actor_of(secret, clock())
    tokens.revoke(token.id)
    assert tokens.actor_of(secret, clock()) is None
    clock.advance(seconds=KNOWN_FOR.total_seconds())
    assert elsewhere.actor_of(secret, clock()) is None


def test_who_revokes(tokens, bob, boss, clock):
    mine, other, third = (tokens.create(owner, "t", [], None, clock())[0] for owner in (bob, boss, bob))
    with pytest.raises(NotFound):
        tokens.revoke(other.id, bob)
    for id in (mine.id[:-1], "a/b", "", "0" * 24):
        with pytest.raises(NotFound):
            tokens.revoke(id, boss)
    tokens.revoke(mine.id, bob)
    tokens.revoke(third.id, boss)
    assert tokens.find(bob.id) == [] and tokens.find(boss.id) == [other]


def test_tokens_end_with_their_owner(tokens, hub, bob, boss, clock):
    secrets = [tokens.create(bob, "t", [], None, clock())[1] for _ in range(3)]
    build.deactivate(hub, bob.id)
    assert [tokens.actor_of(secret, clock()) for secret in secrets] == [None] * 3
    tokens.create(boss, "t", [], None, clock())
    hub.accounts.delete(bob.id)
    assert [token.user_id for token in tokens.all()] == [boss.id]
    with pytest.raises(NotFound):
        tokens.create(bob, "t", [], None, clock())


def test_all_are_listed_page_by_page(tokens, bob, clock, monkeypatch):
    monkeypatch.setattr("lib.domain.account.token.PAGE", 2)
    made = [tokens.create(bob, f"t{n}", [], None, clock())[0].id for n in range(5)]
    assert [token.id for token in tokens.all()] == made


def test_a_look_reads_one_document_a_second(tokens, hub, bob, clock, monkeypatch):
    read: list[str] = []
    load = type(hub.store).load
    monkeypatch.setattr(type(hub.store), "load", lambda self, *place: read.append(place[0]) or load(self, *place))
    secret = tokens.create(bob, "t", [], None, clock())[1]
    for _ in range(5):
        assert tokens.actor_of(secret, clock())
    assert tokens.actor_of(secret[:-3] + "xyz", clock()) is None
    clock.advance(seconds=0.9)
    assert tokens.actor_of(secret, clock())
    assert sorted(read) == ["token", "user"]


def test_a_use_is_written_once_an_hour(tokens, bob, clock, store):
    token, secret = tokens.create(bob, "t", [], None, clock())
    first = clock()
    assert tokens.actor_of(secret, clock()) and tokens.is_use_news(token.id, clock())
    tokens.note_use(token.id, clock())
    clock.advance(minutes=59)
    assert tokens.actor_of(secret, clock()) and not tokens.is_use_news(token.id, clock())
    tokens.note_use(token.id, clock())
    assert store.load("token", token.id).rev == 2
    assert store.find("token", Scan()).docs[0].body["last_used_at"].startswith(first.isoformat()[:19])
    clock.advance(seconds=(USE_NOTED_EVERY - timedelta(minutes=59)).total_seconds())
    assert tokens.actor_of(secret, clock()) and tokens.is_use_news(token.id, clock())


def test_a_use_of_what_is_gone_writes_nothing(tokens, bob, clock, store):
    token, secret = tokens.create(bob, "t", [], None, clock())
    tokens.actor_of(secret, clock())
    tokens.revoke(token.id)
    assert not tokens.is_use_news(token.id, clock())
    tokens.note_use(token.id, clock())
    assert store.load("token", token.id) is None


def test_what_was_read_before_a_change_is_not_kept_after_it():
    recent = Recent()

    def read(key: str) -> str:
        recent.forget(key)  # as if another thread changed it meanwhile
        return "old"

    assert recent.get("k", build.NOW, read) == "old"
    assert recent.get("k", build.NOW, lambda key: "new") == "new"


def test_memory_is_bounded(monkeypatch):
    monkeypatch.setattr("lib.domain.account.recent.KNOWN_MAX", 3)
    recent = Recent()
    for n in range(10):
        recent.get(f"k{n}", build.NOW, str)
    assert len(recent._known) <= 3
