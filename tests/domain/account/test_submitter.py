"""Tokens that name origins: whom they let submit, and how they end."""

import pytest

from lib.domain.account.access import Actor, may_submit
from lib.domain.account.recent import KNOWN_FOR
from lib.domain.account.submitter import Submitters, name_of
from lib.errors import Invalid


@pytest.fixture
def submitters(store, auth, ids):
    return Submitters(store, auth, ids)


def test_a_token_lets_submit_for_its_origins_alone(submitters, clock):
    actor = submitters.actor_of(submitters.mint(["a", "b_2"], clock(), 60, "lab"), clock())
    assert actor.username == "submitter:lab" and not actor.is_superuser
    assert may_submit(actor, "a") and may_submit(actor, "b_2") and not may_submit(actor, "c")


def test_a_token_ends(submitters, clock):
    token = submitters.mint(["a"], clock(), 60)
    assert submitters.actor_of(token, clock()) is not None
    clock.advance(seconds=61)
    assert submitters.actor_of(token, clock()) is None


def test_a_revoked_token_lets_nobody_submit_here_at_once_and_elsewhere_soon(submitters, store, auth, ids, clock):
    token, other = (submitters.mint(["a"], clock(), 3600, name) for name in ("lab", "other"))
    elsewhere = Submitters(store, auth, ids)
    assert elsewhere.actor_of(token, clock()) is not None
    submitters.revoke("lab", clock())
    submitters.revoke("lab", clock())
    assert submitters.actor_of(token, clock()) is None and submitters.actor_of(other, clock()) is not None
    clock.advance(seconds=KNOWN_FOR.total_seconds())
    assert elsewhere.actor_of(token, clock()) is None


def test_a_token_without_a_name_is_revoked_by_its_digest(submitters, auth, clock):
    token = auth.vouch(["a"], clock(), 60, "")
    assert submitters.actor_of(token, clock()).username == f"submitter:{name_of(token)}"
    submitters.revoke(name_of(token), clock())
    assert submitters.actor_of(token, clock()) is None


@pytest.mark.parametrize("origins", [[], ["A"], ["a b"], [""], ["a\n"], ["x" * 101], ["a"] * 101])
def test_origins_that_no_object_may_have_are_refused(submitters, clock, origins):
    with pytest.raises(Invalid):
        submitters.mint(origins, clock(), 60)


def test_users_submit_by_their_groups_and_superusers_for_all():
    assert may_submit(Actor("1", "u", groups=frozenset(["kcidb:origin:a"])), "a")
    assert not may_submit(Actor("1", "u", groups=frozenset(["kcidb:origin:a"])), "b")
    assert may_submit(Actor("1", "u", is_superuser=True), "b")
