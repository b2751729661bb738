"""What is kept for a while only."""

from lib.domain.account.access import Actor

BOB = Actor("1" * 24, "bob")


def test_events_go_after_a_week_and_nothing_else_does(hub, clock):
    node = hub.nodes.submit(BOB, {"kind": "job", "name": "old", "path": []}, clock())
    clock.advance(days=6)
    hub.journal.publish(BOB, "node", {"n": 1}, clock())
    clock.advance(days=1, seconds=1)
    assert hub.tidy(clock()) == {"dropped": 1, "reaped": 0}
    assert [e.body["data"] for e in hub.store.read("node", 0, 10)] == [{"n": 1}]
    assert hub.nodes.get(node.id) is not None
