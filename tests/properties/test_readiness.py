"""What holds of readiness whatever is submitted, in which order and how often (kcidb.md 2.8, property 11, and 4.4)."""

from __future__ import annotations

import orjson
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from lib.dialects.kcidb.codec import decode_text
from lib.domain.account.access import Actor
from lib.domain.hub import Hub
from lib.domain.ingest.intake import Sender
from lib.domain.readiness.purpose import BUILT_IN, is_lasting
from lib.domain.readiness.readiness import Report, evaluate
from lib.domain.report.order import IDENTITY
from lib.domain.report.report import KINDS, absorb
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.build.collision import copies
from tests.build.ready import FAMILY, LONG_AGO, Shelf

quick = settings(max_examples=60, suppress_health_check=list(HealthCheck))
LASTING = [p for p in BUILT_IN.values() if is_lasting(p, BUILT_IN)]
OPTIONAL = {kind: [f for f in FAMILY[kind] if f not in ("id", "origin", "version") and not f.endswith("_id")
                   and f != "issue_version"] for kind in KINDS}  # fmt: skip


@pytest.mark.parametrize("kind", KINDS)
@quick
@given(st.data())
def test_what_asks_only_that_fields_are_given_never_goes_back(kind, data):
    """Over copies that collide: whatever values win, none is unspecified again."""
    body, was_ready = None, set()
    for copy in data.draw(st.lists(copies(kind), min_size=1, max_size=6)):
        # Of one parent: another one would be an id that was used twice.
        fields = {**copy.fields, **{n: FAMILY[kind][n] for n in FAMILY[kind] if n in IDENTITY}}
        body = absorb(kind, body, fields, copy.source, copy.at)
        shelf = Shelf([Report(k, f, LONG_AGO) for k, f in FAMILY.items() if k != kind])
        report = shelf.put(kind, body["object"])
        ready = {
            p.name for p in LASTING if kind in p.needs and evaluate(p, report, shelf, BUILT_IN, build.NOW).is_ready
        }
        assert was_ready <= ready
        was_ready = ready


def pieces():
    """Pieces of the family: objects with some of their fields, alone or several in one submission."""
    one = st.sampled_from(KINDS).flatmap(
        lambda kind: st.sets(st.sampled_from(OPTIONAL[kind]) if OPTIONAL[kind] else st.nothing()).map(
            lambda names: (kind, {n: v for n, v in FAMILY[kind].items() if n in names or n not in OPTIONAL[kind]})
        )
    )
    return st.lists(one, min_size=1, max_size=3)


WHOLE = [[(kind, fields)] for kind, fields in FAMILY.items()]


@settings(quick, max_examples=25)
@given(st.lists(pieces(), max_size=5), st.randoms(use_true_random=False), st.sets(st.integers(0, 12)))
def test_every_order_and_repetition_fires_once(some, random, sweeps):
    """In the end all is there; whatever came before, and however often the watchman looked, each watch was told of
    each object once."""
    submissions = [*some, *WHOLE, *random.sample(WHOLE, 2)]
    random.shuffle(submissions)
    clock = build.FixedClock()
    store = SqliteStore("", clock=clock)
    hub = Hub(store, build.RecordingBus(), build.PlainAuth(), clock=clock, ids=build.CountedIds(), decode=decode_text)
    admin = Actor("admin", "admin", is_superuser=True)
    try:
        for name in BUILT_IN:
            hub.watches.make(admin, {"purpose": name, "filter": {}, "action": {"event": True}}, clock())
        for n, objects in enumerate(submissions):
            lists: dict = {}
            for kind, fields in objects:
                lists.setdefault(kind, []).append(fields)
            raw = orjson.dumps({"version": {"major": 5, "minor": 3}, **lists})
            hub.intake.submit(decode_text(raw, False), raw, Sender(admin, "rest"), clock.advance(seconds=1))
            if n in sweeps:
                hub.readiness_follower.sweep(clock())
        for _ in range(3):
            hub.readiness_follower.sweep(clock.advance(hours=3))
        told = [e.body["data"] for e in store.read("kcidb-ready", 0, 1000)]
    finally:
        store.close()
    ready = [(d["purpose"], d["id"]) for d in told if d["op"] == "ready"]
    expected = [(p.name, FAMILY[kind]["id"]) for p in BUILT_IN.values() for kind in p.needs]
    assert sorted(ready) == sorted(expected)
    # The same values come again and again, so that no verdict is another one; but for what is counted below, which may
    # have been complete by the time before all had come.
    assert all(
        d["purpose"] in ("builds-complete", "tests-complete", "report", "result") for d in told if d["op"] != "ready"
    )
