"""Lists: push, and exactly one pop."""


def test_items_come_out_once_and_in_order(hub, clock):
    for n in range(2):
        hub.queues.push("todo", {"n": n}, clock(), source="me", attributes={"extra": 1})
        clock.advance(seconds=1)
    hub.queues.push("other", {"n": 9}, clock(), source=None)
    key, event = hub.queues.pop("todo", clock())
    assert event["data"] == {"n": 0} and event["source"] == "me" and event["extra"] == 1 and event["id"] == key
    hub.queues.settle(key)
    second, event = hub.queues.pop("todo", clock())
    assert event["data"] == {"n": 1}
    assert hub.queues.pop("todo", clock()) is None
    # Its response never went out: it comes back when the lease ends.
    clock.advance(seconds=31)
    assert hub.queues.pop("todo", clock())[0] == second
