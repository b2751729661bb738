"""Pairs: namespaces are apart, and guarded once a group says so."""

import pytest

from lib.domain.account.access import Actor
from lib.domain.service.kv import VALUE_BYTES_MAX, guard_of
from lib.errors import Forbidden, Invalid

BOB = Actor("1" * 24, "bob")


PLACES = [("a", "bc"), ("ab", "c"), ("a/b", "c"), ("..", "__x__"), ("é", "\ud800"), (" ", "a\0b")]


@pytest.mark.parametrize("place", PLACES)
def test_any_place_holds_its_own_value(hub, clock, place):
    hub.pairs.put(BOB, "a", "b", "other", clock())
    hub.pairs.put(BOB, *place, "mine", clock())
    assert (hub.pairs.get(BOB, *place), hub.pairs.get(BOB, "a", "b")) == ("mine", "other")
    hub.pairs.drop(BOB, *place, clock())
    assert (hub.pairs.get(BOB, *place), hub.pairs.get(BOB, "a", "b")) == (None, "other")


def test_limits(hub, clock):
    hub.pairs.put(BOB, "a", "b", "é" * (VALUE_BYTES_MAX // 2), clock())
    for place, value in ((("a", "b"), "é" * (VALUE_BYTES_MAX // 2 + 1)), (("", "b"), "x"), (("a", ""), "x")):
        with pytest.raises(Invalid):
            hub.pairs.put(BOB, *place, value, clock())


def test_a_namespace_is_guarded_while_its_group_is_there(hub, clock):
    hub.pairs.put(BOB, "svc", "k", "1", clock())
    group = hub.accounts.make_group(guard_of("svc"), clock())
    for verb in (lambda: hub.pairs.get(BOB, "svc", "k"), lambda: hub.pairs.put(BOB, "svc", "k", "2", clock())):
        with pytest.raises(Forbidden, match="kv:svc"):
            verb()
    member = Actor("2" * 24, "eve", groups=frozenset((guard_of("svc"),)))
    assert hub.pairs.get(member, "svc", "k") == "1"
    hub.accounts.delete_group(group.id)
    assert hub.pairs.get(BOB, "svc", "k") == "1"
