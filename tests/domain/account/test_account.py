"""Users and groups."""

import pytest

from lib.domain.query.query import Filter, Query
from lib.errors import Coded, Conflict, Exists, Invalid, NotFound


@pytest.fixture
def bob(hub, clock):
    return hub.accounts.register("bob", "Bob@Example.org", "secret", clock(), is_verified=True)


def test_who_logs_in_and_who_does_not(hub, clock, bob):
    token = hub.accounts.login("bob", "secret", clock())
    assert hub.accounts.actor_of(token, clock()).username == "bob"
    for pair in (("bob", "wrong"), ("nobody", "secret"), ("Bob@Example.org", "secret")):
        with pytest.raises(Coded, match="LOGIN_BAD_CREDENTIALS"):
            hub.accounts.login(*pair, clock())
    hub.accounts.edit(bob.id, {"is_verified": False})
    with pytest.raises(Coded, match="LOGIN_USER_NOT_VERIFIED"):
        hub.accounts.login("bob", "secret", clock())
    hub.accounts.edit(bob.id, {"is_active": False})
    with pytest.raises(Coded, match="LOGIN_BAD_CREDENTIALS"):
        hub.accounts.login("bob", "secret", clock())
    assert hub.accounts.actor_of(token, clock()) is None
    assert hub.accounts.actor_of("nonsense", clock()) is None


def test_names_and_emails_are_unique_and_emails_whatever_their_case(hub, clock, bob):
    with pytest.raises(Exists):
        hub.accounts.register("bob", "other@example.org", "x", clock())
    with pytest.raises(Coded, match="REGISTER_USER_ALREADY_EXISTS"):
        hub.accounts.register("bob2", "bob@example.ORG", "x", clock())
    eve = hub.accounts.register("eve", "eve@example.org", "x", clock())
    with pytest.raises(Exists):
        hub.accounts.edit(eve.id, {"username": "bob"})
    with pytest.raises(Coded, match="UPDATE_USER_EMAIL_ALREADY_EXISTS"):
        hub.accounts.edit(eve.id, {"email": "BOB@example.org"})
    hub.accounts.edit(bob.id, {"username": "robert", "email": "robert@example.org"})
    hub.accounts.edit(eve.id, {"email": "bob@example.org"})


def test_a_former_name_goes_to_nobody_but_its_holder_and_whom_an_administrator_registers(hub, clock, bob):
    eve = hub.accounts.register("eve", "eve@example.org", "x", clock())
    hub.accounts.edit(bob.id, {"username": "robert"})
    with pytest.raises(Exists):
        hub.accounts.edit(eve.id, {"username": "bob"})
    with pytest.raises(Coded):
        hub.accounts.login("bob", "secret", clock())
    assert hub.accounts.login("robert", "secret", clock())
    hub.accounts.edit(bob.id, {"username": "bob"})
    assert hub.accounts.login("bob", "secret", clock())
    hub.accounts.delete(bob.id)
    with pytest.raises(Exists):
        hub.accounts.edit(eve.id, {"username": "bob"})
    again = hub.accounts.register("bob", "bob@example.org", "new", clock(), is_verified=True)
    assert again.id != bob.id and hub.accounts.login("bob", "new", clock())


def test_an_edit_changes_what_it_names(hub, clock, bob):
    hub.accounts.make_group("lab", clock())
    edited = hub.accounts.edit(bob.id, {"groups": ["lab"], "is_superuser": True})
    assert [g["name"] for g in edited.groups] == ["lab"] and edited.is_superuser and edited.is_verified
    assert hub.accounts.edit(bob.id, {"groups": []}).groups == []
    assert not hub.accounts.edit(bob.id, {"email": "new@example.org"}).is_verified
    with pytest.raises(Invalid, match="no-such"):
        hub.accounts.edit(bob.id, {"groups": ["no-such"]})
    with pytest.raises(NotFound):
        hub.accounts.edit("f" * 24, {"is_active": True})


def test_a_password_changes_for_who_knows_it(hub, clock, bob):
    with pytest.raises(Coded):
        hub.accounts.update_password("bob", "wrong", "new")
    hub.accounts.update_password("bob", "secret", "new")
    assert hub.accounts.login("bob", "new", clock())
    with pytest.raises(Invalid):
        hub.accounts.update_password("bob", "new", "")


def test_a_group_goes_when_nobody_has_it_or_everybody_leaves(hub, clock, bob):
    lab = hub.accounts.make_group("lab", clock())
    with pytest.raises(Exists):
        hub.accounts.make_group("lab", clock())
    hub.accounts.edit(bob.id, {"groups": ["lab"]})
    with pytest.raises(Conflict):
        hub.accounts.delete_group(lab.id)
    hub.accounts.delete_group(lab.id, leave=True)
    assert hub.accounts.get(bob.id).groups == [] and hub.accounts.group(lab.id) is None
    with pytest.raises(NotFound):
        hub.accounts.delete_group(lab.id)
    hub.accounts.make_group("lab", clock())
    assert hub.accounts.count_groups(()) == 1


def test_a_deleted_user_may_be_registered_again(hub, clock, bob):
    hub.accounts.delete(bob.id)
    assert hub.accounts.find(Query((Filter("username", "eq", "bob"),), 10)) == []
    with pytest.raises(NotFound):
        hub.accounts.delete(bob.id)
    hub.accounts.register("bob", "bob@example.org", "x", clock())
