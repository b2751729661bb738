"""Visitors: users another authority vouches for, and the records they get here."""

from __future__ import annotations

from typing import Any

import pytest

from lib.auth.port import FederatedUser
from lib.domain.account import federated
from lib.domain.account.recent import KNOWN_FOR
from lib.domain.hub import Hub
from lib.domain.query.query import Query
from lib.errors import Coded, Exists, Invalid, Unavailable
from lib.outbound.memory import MemoryPost
from tests import build

ANN = FederatedUser("firebase:p", "u1", "ann", "ann@example.org")


class Embassy:
    """The Visitors port from memory: whom each token stands for."""

    def __init__(self) -> None:
        self.tokens: dict[str, FederatedUser] = {"of ann": ANN}
        self.error: Exception | None = None

    def check(self, token: str, now: Any) -> FederatedUser | None:
        if self.error is not None:
            raise self.error
        return self.tokens.get(token)


@pytest.fixture
def embassy() -> Embassy:
    return Embassy()


@pytest.fixture
def post() -> MemoryPost:
    return MemoryPost()


@pytest.fixture
def hub(store, bus, auth, clock, ids, embassy, post) -> Hub:
    return Hub(store, bus, auth, embassy, clock=clock, ids=ids, post=post)


@pytest.fixture
def who(hub, clock):
    return lambda token: hub.accounts.actor_of(token, clock())


def users(hub: Hub) -> list[str]:
    return [doc.body["username"] for doc in hub.accounts.find(Query((), 100, 0))]


def test_a_visitor_is_a_user_from_the_first_request_on(hub, who):
    actor = who("of ann")
    assert (actor.username, actor.email, actor.is_verified, actor.is_superuser) == (
        "ann", "ann@example.org", True, False,
    )  # fmt: skip
    assert who("of ann") == actor and users(hub) == ["ann"]
    assert hub.accounts.get(actor.id).authority == "firebase:p"
    assert who("of nobody") is None


def test_a_new_process_knows_it_again(store, bus, auth, clock, ids, embassy, who):
    first = who("of ann")
    second = Hub(store, bus, auth, embassy, clock=clock, ids=ids).accounts.actor_of("of ann", clock())
    assert first == second


def test_two_first_requests_at_once_make_one_record(store, bus, auth, clock, ids, embassy, hub, who, monkeypatch):
    other = Hub(store, bus, auth, embassy, clock=clock, ids=ids)
    transact = store.transact

    def late(work):
        monkeypatch.setattr(store, "transact", transact)
        other.accounts.actor_of("of ann", clock())
        raise Exists("unique")

    monkeypatch.setattr(store, "transact", late)
    assert who("of ann").username == "ann" and users(hub) == ["ann"]


def test_tokens_of_ours_are_tried_first(hub, clock, who, embassy):
    embassy.error = Unavailable("Firebase cannot be asked")
    lab = build.register(hub.accounts, "lab")
    assert who(hub.accounts.auth.mint(lab.id, clock())) == lab
    with pytest.raises(Unavailable):
        who("of ann")


def test_rights_are_those_of_the_record_and_those_granted(hub, clock, who, embassy):
    hub.accounts.make_group("ours", clock())
    embassy.tokens["of ann"] = ANN._replace(groups=frozenset(("theirs",)), is_superuser=True)
    actor = who("of ann")
    assert actor.is_superuser and actor.groups == {"theirs"}
    hub.accounts.edit(actor.id, {"groups": ["ours"]})
    assert who("of ann").groups == {"ours", "theirs"}
    # What is granted no more is gone at once; the record never held it.
    embassy.tokens["of ann"] = ANN
    assert who("of ann").groups == {"ours"} and not who("of ann").is_superuser


def test_names_of_others_are_never_taken(hub, who, embassy, caplog):
    build.register(hub.accounts, "ann")
    assert who("of ann") is None
    assert "firebase:p user 'u1': the username or address is taken here" in caplog.text
    embassy.tokens["of ann"] = ANN._replace(username="other", email="ANN@kernelci.org")
    assert who("of ann") is None
    embassy.tokens["of ann"] = ANN._replace(username="other")
    assert who("of ann").username == "other"


def test_a_former_username_is_not_taken_either(hub, who):
    lab = build.register(hub.accounts, "lab")
    hub.accounts.edit(lab.id, {"username": "ann"})
    hub.accounts.edit(lab.id, {"username": "lab2"})
    assert who("of ann") is None


def test_two_visitors_do_not_share_a_record(hub, who, embassy):
    assert who("of ann")
    embassy.tokens["of eve"] = ANN._replace(subject="u2", email="eve@example.org")
    embassy.tokens["of far"] = ANN._replace(authority="firebase:q", email="far@example.org")
    assert who("of eve") is None and who("of far") is None and users(hub) == ["ann"]


def test_nobody_else_can_register_its_names(hub, who):
    who("of ann")
    with pytest.raises(Exists):
        hub.accounts.register("ann", "x@example.org", "password", build.NOW)
    with pytest.raises(Coded, match="REGISTER_USER_ALREADY_EXISTS"):
        hub.accounts.register("x", "Ann@example.org", "password", build.NOW)


def test_names_stay_as_they_were_first_told(hub, who, embassy):
    first = who("of ann")
    embassy.tokens["of ann"] = ANN._replace(username="anna", email="anna@example.org")
    assert who("of ann") == first


def test_an_administrator_can_rename_deactivate_and_delete_it(hub, who, clock):
    id = who("of ann").id
    hub.accounts.edit(id, {"username": "lab-ann"})
    assert who("of ann").username == "lab-ann"
    hub.accounts.edit(id, {"is_active": False})
    assert who("of ann") is None
    hub.accounts.edit(id, {"is_active": True})
    assert who("of ann").id == id
    hub.accounts.delete(id)
    clock.advance(seconds=KNOWN_FOR.total_seconds())
    assert who("of ann") is None and users(hub) == []


def test_it_has_no_password_here(hub, who, post, clock):
    id = who("of ann").id
    hub.account_mail.ask_reset("ann@example.org", clock())
    assert post.sent == []
    for password in ("", "plain:", "password"):
        with pytest.raises(Coded, match="LOGIN_BAD_CREDENTIALS"):
            hub.accounts.login("ann", password, build.NOW)
    with pytest.raises(Invalid, match="password: is kept by firebase:p, not here"):
        hub.accounts.edit(id, {"password": "a good one"})


def test_memory_for_visitors_is_bounded(hub, who, embassy, monkeypatch):
    monkeypatch.setattr(federated, "KNOWN_MAX", 3)
    for n in range(10):
        embassy.tokens[f"{n}"] = FederatedUser("firebase:p", f"u{n}", f"n{n}", f"{n}@example.org")
        assert who(f"{n}").username == f"n{n}"
    assert who("0").username == "n0"
