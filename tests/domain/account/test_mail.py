"""Letters: who gets one, and that a token is of use once."""

import contextlib
import threading

import pytest

from lib.domain.hub import Hub
from lib.errors import Coded, Invalid
from lib.outbound.memory import MemoryPost
from tests import build


@pytest.fixture
def post():
    return MemoryPost()


@pytest.fixture
def hub(store, bus, auth, clock, ids, post):
    return Hub(store, bus, auth, clock=clock, ids=ids, post=post)


@pytest.fixture
def bob(hub):
    return hub.accounts.get(build.register(hub.accounts, "bob", is_verified=False).id)


def token_of(mail):
    return mail.text.split("\n\n")[1]


def test_a_letter_goes_to_the_address_of_the_account_and_its_token_verifies(hub, bob, post, clock):
    hub.account_mail.ask_verify("BOB@KernelCI.org", clock())
    (mail,) = post.sent
    assert mail.to == "bob@kernelci.org" and "bob" in mail.text
    assert hub.account_mail.verify(token_of(mail), clock()).is_verified
    with pytest.raises(Coded, match="VERIFY_USER_ALREADY_VERIFIED"):
        hub.account_mail.verify(token_of(mail), clock())


def test_a_reset_token_sets_a_password_once(hub, bob, post, clock):
    hub.account_mail.ask_reset(bob.email, clock())
    token = token_of(post.sent[0])
    with pytest.raises(Invalid):
        hub.account_mail.reset(token, "x" * 2000, clock())
    hub.account_mail.reset(token, "new", clock())
    assert hub.accounts.get(bob.id).hashed_password == "plain:new"
    with pytest.raises(Coded, match="RESET_PASSWORD_BAD_TOKEN"):
        hub.account_mail.reset(token, "newer", clock())


def test_any_change_of_the_password_ends_it(hub, bob, clock):
    token = hub.account_mail.reset_token(bob, clock())
    hub.accounts.update_password("bob", "bob", "other")
    with pytest.raises(Coded):
        hub.account_mail.reset(token, "new", clock())


def test_of_two_uses_at_once_one_holds(hub, bob, clock):
    token = hub.account_mail.reset_token(bob, clock())
    done, barrier = [], threading.Barrier(4)

    def use(password):
        barrier.wait()
        with contextlib.suppress(Coded):
            done.append(hub.account_mail.reset(token, password, clock()))

    threads = [threading.Thread(target=use, args=(f"new{n}",)) for n in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 1


def test_no_letter_goes_to_strangers_the_verified_or_the_inactive(hub, bob, post, clock):
    hub.account_mail.ask_verify("nobody@kernelci.org", clock())
    hub.account_mail.ask_reset("nobody@kernelci.org", clock())
    hub.accounts.edit(bob.id, {"is_verified": True})
    hub.account_mail.ask_verify(bob.email, clock())
    hub.accounts.edit(bob.id, {"is_active": False})
    hub.account_mail.ask_reset(bob.email, clock())
    assert post.sent == []


def test_an_address_is_not_flooded(hub, bob, post, clock):
    for _ in range(5):
        hub.account_mail.ask_reset(bob.email, clock())
        clock.advance(seconds=10)
    assert len(post.sent) == 1
    clock.advance(seconds=10)
    hub.account_mail.ask_reset(bob.email, clock())
    assert len(post.sent) == 2


def test_a_session_token_is_none_of_them_and_they_are_no_session_tokens(hub, auth, bob, clock):
    for token in (hub.account_mail.verify_token(bob, clock()), hub.account_mail.reset_token(bob, clock())):
        assert hub.accounts.actor_of(token, clock()) is None
    for use in (hub.account_mail.verify, lambda t, now: hub.account_mail.reset(t, "new", now)):
        with pytest.raises(Coded):
            use(auth.mint(bob.id, clock()), clock())


def test_the_answer_is_out_before_anything_is_looked_up(client, hub, store, monkeypatch):
    """So its time cannot tell whether there is such an account."""
    looked = []
    monkeypatch.setattr(type(hub.accounts), "by_email", lambda self, email: looked.append(email))
    for path in ("request-verify-token", "forgot-password"):
        before = store.generation()
        reply = client.send("POST", f"/latest/user/{path}", json_body={"email": "bob@kernelci.org"}, completes=False)
        assert (reply.status, reply.body, looked) == (202, b"null", []) and store.generation() == before
        reply.after()
        assert looked == ["bob@kernelci.org"]
        looked.clear()
