"""Telemetry: all or none, limits of what is read, and the time it is kept."""

import pytest

from lib.domain.query.query import Filter, Query
from lib.domain.query.source import Source
from lib.domain.service import telemetry
from lib.errors import Invalid, TooCostly, TooLarge
from schemas.kernelci.telemetry import TelemetryIn


def event(**more):
    return TelemetryIn(**{"kind": "job_result", "runtime": "lab", **more}).__dict__


def test_events_come_in_the_order_they_happened(hub, clock):
    late, early = clock(), clock() - clock.delta(hours=1)
    hub.telemetry.add([event(ts=late, job_name="late"), event(ts=early, job_name="early")], clock())
    found = hub.telemetry.find(Query((), 10, 0))
    assert [d.body["job_name"] for d in found] == ["early", "late"]
    assert [d.body["job_name"] for d in hub.telemetry.find(Query((), 1, 1))] == ["late"]


def test_what_is_read_has_a_limit_and_the_refusal_says_what_helps(hub, clock, monkeypatch):
    monkeypatch.setattr(telemetry, "SOURCE", Source("telemetry", docs_max=2))
    monkeypatch.setattr(telemetry, "EVENTS_READ_MAX", 4)
    hub.telemetry.add([event(arch=str(n)) for n in range(4)], clock())
    assert len(hub.telemetry.tally(("arch",), ())) == 4
    hub.telemetry.add([event(runtime="other", kind="job_skip")], clock())
    for ask in (
        lambda: hub.telemetry.tally(("arch",), ()),
        lambda: hub.telemetry.anomalies(clock(), 0.5, 1, by_device=False),
        lambda: hub.telemetry.count((Filter("arch", "eq", "1"),)),
    ):
        with pytest.raises(TooCostly, match="ask for less time"):
            ask()
    # What the indexes answer costs nothing, and a filter makes it cheap.
    assert hub.telemetry.count(()) == 5
    assert hub.telemetry.tally(("kind",), (Filter("runtime", "eq", "other"),))[0][1].total == 1


def test_groups_have_a_limit(hub, clock, monkeypatch):
    monkeypatch.setattr(telemetry, "GROUPS_MAX", 2)
    hub.telemetry.add([event(arch=str(n)) for n in range(3)], clock())
    with pytest.raises(TooCostly, match="more than 2 groups"):
        hub.telemetry.tally(("arch",), ())


def test_a_request_has_a_limit(hub, clock):
    with pytest.raises(TooLarge):
        hub.telemetry.add([event()] * (telemetry.EVENTS_AT_ONCE_MAX + 1), clock())
    with pytest.raises(Invalid):
        hub.telemetry.add([], clock())
    assert hub.telemetry.add([event()] * telemetry.EVENTS_AT_ONCE_MAX, clock()) == telemetry.EVENTS_AT_ONCE_MAX


def test_it_is_kept_for_two_weeks(hub, clock):
    hub.telemetry.add([event(job_name="old")], clock())
    clock.advance(days=13)
    hub.telemetry.add([event(job_name="new")], clock())
    hub.tidy(clock())
    assert hub.telemetry.count(()) == 2
    clock.advance(days=1)
    assert hub.tidy(clock())["dropped"] == 1
    assert [d.body["job_name"] for d in hub.telemetry.find(Query((), 10, 0))] == ["new"]
