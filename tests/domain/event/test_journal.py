"""The log as it is followed, and the bell of a list."""

import uuid

import pytest

from lib.domain.event import journal
from lib.domain.query.query import Filter, Query
from lib.domain.service.queue import bell_of
from lib.errors import Exists, Forbidden, Invalid
from lib.ids import derived
from tests import build


@pytest.fixture
def tell(hub, clock):
    bob = build.register(hub.accounts, "bob")
    return lambda data: hub.journal.publish(bob, "abc", data, clock())


def test_the_tail_goes_on_where_it_was_left(hub, tell):
    assert hub.journal.last("abc") == 0
    for n in range(3):
        tell({"n": n})
    docs, position = hub.journal.tail("abc", 1, ())
    assert [d.body["data"]["n"] for d in docs] == [1, 2] and position == hub.journal.last("abc") == 3
    assert hub.journal.tail("abc", position, ()) == ([], 3)
    assert [(d.body["seq"], d.body["channel"], d.body["at"][:4]) for d in docs] == [(n, "abc", "2024") for n in (2, 3)]


def test_the_tail_moves_past_what_its_filters_leave_out(hub, tell, monkeypatch):
    monkeypatch.setattr(journal, "READ_MAX", 2)
    for kind in ("a", "a", "b", "text"):
        tell("text" if kind == "text" else {"kind": kind})
    wanted = (Filter("data.kind", "eq", "b"),)
    assert hub.journal.tail("abc", 0, wanted) == ([], 2)
    docs, position = hub.journal.tail("abc", 2, wanted)
    assert ([d.body["seq"] for d in docs], position) == ([3], 4)


def test_events_that_speak_of_no_node_hinder_no_other(hub, tell, clock):
    bob = build.register(hub.accounts, "eve")
    node = hub.nodes.submit(bob, build.checkout(), clock())
    for id in ("a:b/1", [], {}, None, 1, "..", node.id):
        tell({"id": id})
    docs, _ = hub.journal.tail("abc", 0, ())
    assert list(hub.journal.nodes_of(docs)) == [node.id]


def test_a_channel_has_a_name(hub):
    with pytest.raises(Invalid):
        hub.journal.last("x" * 201)


def test_a_push_rings_for_those_who_wait(hub, bus, clock):
    hub.queues.push("todo", 1, clock(), source=None)
    assert bus.woken == [bell_of("todo")]


def test_an_item_has_a_bounded_number_of_attributes(hub, clock):
    with pytest.raises(Invalid):
        hub.queues.push("todo", 1, clock(), source=None, attributes={str(n): n for n in range(51)})


def test_named_nodes_are_paged_by_cursor_too(hub, clock):
    bob = build.register(hub.accounts, "bob")
    ids = []
    for _ in range(5):
        ids.append(hub.nodes.submit(bob, build.job(), clock()).id)
        clock.advance(seconds=1)
    for order, want in (("received_at", ids), ("-received_at", ids[::-1])):
        seen, after = [], None
        while len(seen) < 10:
            docs, after = hub.nodes.page(Query((Filter("id", "in", tuple(ids)),), 2, 0, after), order)
            seen += [d.key for d in docs]
            if after is None:
                break
        assert seen == want


def test_what_comes_from_elsewhere_is_appended_once(hub, clock, monkeypatch):
    def receive(id="e/1", source="urn:a", **more):
        given = {"id": id, "source": source, "type": "t", **more}
        return hub.journal.receive("pubsub:inbox", "abc", {"n": 1}, clock(), **given)

    assert [receive(), receive(), receive(id="2"), receive(source="urn:b")] == [True, False, True, True]
    events = hub.store.read("abc", 0, 10)
    assert [(e.body["owner"], e.body["source"]) for e in events] == [
        ("pubsub:inbox", source) for source in ("urn:a", "urn:a", "urn:b")
    ]
    assert hub.journal.source_of(events[0].key) == "urn:a"
    assert hub.journal.source_of("e/1") is hub.journal.source_of("none") is None
    with pytest.raises(Invalid, match="attributes"):
        receive(id="3", attributes={str(n): n for n in range(51)})

    def lose(work):
        raise Exists("idempotency")

    monkeypatch.setattr(hub.store, "transact", lose)
    assert receive(id="4") is False


def test_a_derived_id_belongs_to_its_parts_and_their_order():
    made = {derived(*parts) for parts in (("a", "b"), ("b", "a"), ("ab",), ("a", "b", ""), ("a\0b",), ())}
    assert len(made) == 6
    assert all(uuid.UUID(id).version == 8 and uuid.UUID(id).variant == uuid.RFC_4122 for id in made)
    assert derived("a", "b") == derived("a", "b")


@pytest.mark.parametrize("channel", ["kcidb", "kcidb-ready"])
def test_on_its_own_channels_the_hub_alone_tells(hub, clock, channel):
    actor = build.register(hub.accounts, "eve")
    with pytest.raises(Forbidden):
        hub.journal.publish(actor, channel, {"op": "merged"}, clock())
    with pytest.raises(Forbidden):
        hub.journal.receive("push:eve", channel, {}, clock(), id="1", source="s", type="t", attributes={})
    assert hub.store.last(channel) == 0
