"""Pairs: namespaces are apart, and guarded once a group says so."""

import pytest

from lib.domain.account.access import Actor
from lib.domain.service.kv import VALUE_BYTES_MAX, guard_of
from lib.errors import Forbidden, Invalid

BOB = Actor("1" * 24, "bob")


PLACES = [("a", "bc"), ("ab", "c"), ("a/b", "c"), ("..", "__x__"), ("é", "\ud800"), (" ", "a\0b")]


@pytest.mark.parametrize("place", PLACES)
def test_any_place_holds_its_own_value(hub, clock, place):
    hub.key_values.put(BOB, "a", "b", "other", clock())
    hub.key_values.put(BOB, *place, "mine", clock())
    assert (hub.key_values.get(BOB, *place), hub.key_values.get(BOB, "a", "b")) == ("mine", "other")
    hub.key_values.drop(BOB, *place, clock())
    assert (hub.key_values.get(BOB, *place), hub.key_values.get(BOB, "a", "b")) == (None, "other")


def test_limits(hub, clock):
    hub.key_values.put(BOB, "a", "b", "é" * (VALUE_BYTES_MAX // 2), clock())
    for place, value in ((("a", "b"), "é" * (VALUE_BYTES_MAX // 2 + 1)), (("", "b"), "x"), (("a", ""), "x")):
        with pytest.raises(Invalid):
            hub.key_values.put(BOB, *place, value, clock())


def test_a_namespace_is_guarded_while_its_group_is_there(hub, clock):
    hub.key_values.put(BOB, "svc", "k", "1", clock())
    group = hub.accounts.make_group(guard_of("svc"), clock())
    for verb in (
        lambda: hub.key_values.get(BOB, "svc", "k"),
        lambda: hub.key_values.put(BOB, "svc", "k", "2", clock()),
    ):
        with pytest.raises(Forbidden, match="kv:svc"):
            verb()
    member = Actor("2" * 24, "eve", groups=frozenset((guard_of("svc"),)))
    assert hub.key_values.get(member, "svc", "k") == "1"
    hub.accounts.delete_group(group.id)
    assert hub.key_values.get(BOB, "svc", "k") == "1"
