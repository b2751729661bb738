"""The laws of the merge (kcidb.md 2.8), over copies that collide as often as can be."""

from __future__ import annotations

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.domain.report.canonical import canonical
from lib.domain.report.order import is_same, mark_of
from lib.domain.report.report import KINDS, absorb, provenance
from tests.build import collision
from tests.build.collision import Copy, apart, copies, join, merged, model, reread, same

AT = "2026-01-03T00:00:00.000000Z"
quick = settings(max_examples=60, suppress_health_check=list(HealthCheck))
kinds = pytest.mark.parametrize("kind", KINDS)


deep = settings(quick, max_examples=3000)


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


def check_all_sources(kind, data):
    nodes = data.draw(collision.tellings(kind))
    some = data.draw(st.lists(copies(kind), max_size=4))
    order = data.draw(st.permutations([*some, *nodes, *data.draw(st.lists(st.sampled_from(nodes), max_size=2))]))
    body = merged(kind, order)
    assert same(body, collision.model_of_both(kind, order))
    assert merged(kind, order, body) == body
    x, y = merged(kind, order[:2]), merged(kind, order[1:] or order)
    assert same(join(kind, x, y), body)
    assert same(join(kind, y, x), body)
    assert join(kind, body, x) is body


@kinds
@quick
@given(st.data())
def test_a_node_counts_as_it_is_last_known(kind, data):
    """The state is a function of the submissions and of the newest rev of the node."""
    check_all_sources(kind, data)


@kinds
@pytest.mark.full
@pytest.mark.timeout(1200)
@deep
@given(st.data())
def test_a_node_counts_as_it_is_last_known_in_depth(kind, data):
    check_all_sources(kind, data)


@kinds
@quick
@given(st.data())
def test_the_view_is_made_of_what_was_told(kind, data):
    """(5, 6) every field told has a value, whole, of some copy."""
    some = data.draw(told(kind))
    view = apart(merged(kind, some)["object"])
    flat = [apart(copy.fields) for copy in some]
    assert view.keys() == {field for fields in flat for field in fields}
    for field, value in view.items():
        assert canonical(value) in {canonical(fields[field]) for fields in flat if field in fields}


@kinds
@quick
@given(st.data())
def test_what_is_read_may_be_sent_again(kind, data):
    """(8) the view as one more copy changes no value; sent to an empty hub it gives the same view."""
    body = merged(kind, data.draw(told(kind)))
    sent = reread(body["object"])
    again = absorb(kind, body, sent, "export", AT)
    assert same(again["object"], body["object"])
    assert same(again.get("lost", {}), body.get("lost", {}))
    assert same(absorb(kind, None, sent, "export", AT)["object"], body["object"])


@kinds
@quick
@given(st.data())
def test_how_copies_are_packed_is_provenance_alone(kind, data):
    """(9) one submission for all copies, or one for each: the same values win and lose."""
    some = data.draw(told(kind))
    alone = merged(kind, [copy._replace(source=f"alone{n}") for n, copy in enumerate(some)])
    packed = merged(kind, [copy._replace(source="all") for copy in some])
    for part in ("object", "more", "conflicted"):
        assert same(alone.get(part), packed.get(part))
    assert same(values_of(alone), values_of(packed))


def values_of(body):
    return {field: [entry[:1] + entry[4:] for entry in entries] for field, entries in body.get("lost", {}).items()}


@kinds
@quick
@given(st.data())
def test_a_report_only_grows(kind, data):
    """(11) no field's best value gets worse, none vanishes, no conflict is forgotten."""
    some = data.draw(told(kind, min_size=2))
    before = after = merged(kind, some[:1])
    for copy in some[1:]:
        before, after = after, merged(kind, [copy], after)
        old, new = best_of(kind, before), best_of(kind, after)
        assert all(new[field] >= own for field, own in old.items())
        assert before.get("lost", {}).keys() <= after.get("lost", {}).keys()
        assert set(before.get("more", ())) <= set(after.get("more", ()))
        assert before["first_received"] >= after["first_received"]
        assert before["last_received"] <= after["last_received"]


def best_of(kind, body):
    flat = apart(body["object"])
    return {field: (*by[:2], mark_of(field, flat[field])[0]) for field, by in provenance(kind, body).items()}


@kinds
@quick
@given(st.data())
def test_a_higher_rank_supplies_what_it_tells(kind, data):
    """(12) whatever the values are."""
    low = [copy._replace(rank=data.draw(st.integers(0, 2))) for copy in data.draw(told(kind))]
    high = data.draw(copies(kind))._replace(rank=3)
    view = apart(merged(kind, data.draw(st.permutations([*low, high])))["object"])
    for field, value in apart(high.fields).items():
        assert is_same(view[field], value)


@kinds
@quick
@given(st.data())
def test_the_strongest_verdict_supplies_what_it_tells(kind, data):
    """(13) ranks being equal, contested fields come from copies with the verdict that is shown."""
    some = [copy._replace(rank=0) for copy in data.draw(told(kind))]
    view = merged(kind, some)["object"]
    field = collision.VERDICTS[kind][0]
    strong = [apart(copy.fields) for copy in some if copy.fields.get(field) == view.get(field)]
    for name, value in apart(view).items():
        supplied = [fields[name] for fields in strong if name in fields]
        assert not supplied or any(is_same(value, each) for each in supplied)


def test_ten_thousand_values_of_one_field():
    """(15) the state stays small, in whatever order they come."""
    fields = {"id": "a:x", "origin": "a", "build_id": "a:b", "status": "PASS"}
    told = [Copy({**fields, "comment": f"{n:05}"}, f"s{n:05}", AT) for n in range(10_000)]
    random.Random(1).shuffle(told)
    states = []
    by_source = sorted(told, key=lambda copy: copy.source)
    for order in (told, by_source, by_source[::-1]):
        body = None
        for copy in order:
            body = absorb("tests", body, copy.fields, copy.source, copy.at)
        states.append(body)
    assert same(states[0], states[1]) and same(states[0], states[2])
    assert states[0]["object"]["comment"] == "09999"
    assert [entry[0] for entry in states[0]["lost"]["comment"]] == ["09998", "09997", "09996"]
    assert states[0]["more"] == ["comment"]
    assert len(canonical(states[0])) < 1000
