"""The thread that follows a channel: at once when this process writes to it, now and then otherwise, whatever fails."""

from __future__ import annotations

import threading

from lib.domain.event import loop as module
from lib.domain.event.loop import BackgroundLoop
from tests.build import NOW, RecordingBus


def test_it_runs_when_its_channel_has_news_and_outlives_a_fault(caplog, monkeypatch):
    monkeypatch.setattr(module, "EVERY_S", 3600)
    bus, ran, stop = RecordingBus(), threading.Semaphore(0), threading.Event()
    faults = [RuntimeError("the first run fails")]

    def run(now):
        ran.release()
        if faults:
            raise faults.pop()
        return 1

    loop = BackgroundLoop(run, "kcidb", bus, lambda: NOW)
    thread = threading.Thread(target=loop.pump, args=(stop,))
    thread.start()
    try:
        assert ran.acquire(timeout=60)
        bus.wake("other")
        assert not ran.acquire(timeout=0.1)
        bus.wake("kcidb")
        assert ran.acquire(timeout=60)
        # Meanwhile the sweep leaves it to the thread.
        assert loop.sweep(NOW) == 0
        # By itself, too.
        monkeypatch.setattr(module, "EVERY_S", 0.01)
        bus.wake("kcidb")
        assert ran.acquire(timeout=60) and ran.acquire(timeout=60)
    finally:
        stop.set()
        bus.wake("kcidb")
        thread.join()
    assert "the background loop of kcidb failed" in caplog.text
    assert loop.sweep(NOW) == 1
