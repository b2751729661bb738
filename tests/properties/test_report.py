"""The laws of the merge (kcidb.md 2.8), over copies that collide as often as can be."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.domain.report import KINDS, absorb, join
from tests.domain.reports import copies, merged, model, model_of_both, reread, same, tellings

quick = settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
kinds = pytest.mark.parametrize("kind", KINDS)


def told(kind, min_size=1, max_size=7):
    return st.lists(copies(kind), min_size=min_size, max_size=max_size)


@kinds
@quick
@given(st.data())
def test_the_merge_is_what_the_rules_say(kind, data):
    """(1, 2, 5, 6) whatever the copies, in any order."""
    some = data.draw(told(kind))
    assert same(merged(kind, some), model(kind, some))


@kinds
@quick
@given(st.data())
def test_the_join_of_states_is_a_join(kind, data):
    """(1) and it agrees with the copies absorbed one by one."""
    a, b, c = (data.draw(told(kind, max_size=5)) for _ in range(3))
    x, y, z = (merged(kind, some) for some in (a, b, c))
    assert join(kind, x, x) is x
    assert same(join(kind, x, y), join(kind, y, x))
    assert same(join(kind, x, join(kind, y, z)), join(kind, join(kind, x, y), z))
    assert same(join(kind, x, y), model(kind, a + b))


@kinds
@quick
@given(st.data())
def test_what_was_absorbed_changes_nothing_again(kind, data):
    """(14) the very same object comes back, and no argument is changed."""
    some = data.draw(told(kind))
    body = merged(kind, some)
    before = reread(body)
    for copy in some:
        assert absorb(kind, body, reread(copy.fields), copy.source, copy.at) is body
    assert body == before


@kinds
@quick
@given(st.data())
def test_a_node_counts_as_it_is_last_known(kind, data):
    """The state is a function of the submissions and of the newest rev of the node."""
    nodes = data.draw(tellings(kind))
    some = data.draw(st.lists(copies(kind), max_size=4))
    order = data.draw(st.permutations([*some, *nodes, *data.draw(st.lists(st.sampled_from(nodes), max_size=2))]))
    body = merged(kind, order)
    assert same(body, model_of_both(kind, order))
    assert merged(kind, order, body) == body
    x, y = merged(kind, order[:2]), merged(kind, order[1:] or order)
    assert same(join(kind, x, y), body)
    assert same(join(kind, y, x), body)
    assert join(kind, body, x) is body
