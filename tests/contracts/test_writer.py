"""How callers share a commit: fibers of an event loop and plain threads, in any mix."""

import asyncio
import sqlite3
import threading
import time

import pytest

from lib.errors import Exists, Unavailable
from lib.store.sqlite.store import SqliteStore
from lib.waiting import Fiber


@pytest.fixture
def store(tmp_path):
    store = SqliteStore(str(tmp_path / "hub.db"))
    yield store
    store.close()


def aside(work):
    """Run `work` in a fiber of the running loop; a future of its outcome."""
    loop = asyncio.get_running_loop()
    outcome = loop.create_future()

    def run():
        try:
            outcome.set_result(work())
        except Exception as error:
            outcome.set_exception(error)

    Fiber(run, loop).switch()
    return outcome


def create(store, key):
    return store.transact(lambda tx: tx.create("counter", key, {"by": threading.get_ident()}) or key)


def commits_of(store):
    """The batches committed from now on, by size."""
    sizes, seal = [], store._writer._seal

    def noted(batch):
        sizes.append(len(batch))
        seal(batch)

    store._writer._seal = noted
    return sizes


def test_fibers_of_one_round_share_one_commit(store):
    async def story():
        return await asyncio.gather(*(aside(lambda n=n: create(store, f"k{n}")) for n in range(20)))

    sizes = commits_of(store)
    assert asyncio.run(story()) == [f"k{n}" for n in range(20)]
    assert sizes == [20]


def test_a_fiber_hears_what_went_wrong_with_its_own_work_alone(store):
    async def story():
        twice = [aside(lambda: create(store, "same")) for _ in range(2)]
        good = aside(lambda: create(store, "good"))
        return await asyncio.gather(*twice, good, return_exceptions=True)

    first, second, good = asyncio.run(story())
    assert first == "same" and isinstance(second, Exists) and good == "good"


def test_a_fiber_may_write_again_and_again(store):
    async def story():
        return await aside(lambda: [create(store, f"k{n}") for n in range(5)])

    assert len(asyncio.run(story())) == 5


def test_the_loop_goes_on_while_a_thread_writes_for_long(store):
    began, go_on = threading.Event(), threading.Event()

    def slow(tx):
        began.set()
        go_on.wait(60)
        tx.create("counter", "slow", {})

    async def story():
        thread = threading.Thread(target=store.transact, args=(slow,))
        thread.start()
        await asyncio.to_thread(began.wait)
        waiting = aside(lambda: create(store, "late"))
        for _ in range(10):
            await asyncio.sleep(0.01)
        assert not waiting.done() and not go_on.is_set()
        go_on.set()
        await waiting
        thread.join()

    asyncio.run(story())
    assert store.count("counter", ()) == 2


def test_the_loop_goes_on_while_a_commit_is_slow_and_gathers_the_next_batch(store):
    sizes = commits_of(store)
    seal = store._writer._seal
    sealing, go_on = threading.Event(), threading.Event()

    def slowly(batch):
        sealing.set()
        return go_on.wait(60) and seal(batch)

    store._writer._seal = slowly

    async def story():
        first, later = aside(lambda: create(store, "first")), []
        while not sealing.is_set():
            await asyncio.sleep(0.01)
        for turn in range(10):
            await asyncio.sleep(0.01)
            if turn in (3, 5):
                later.append(aside(lambda k=f"k{turn}": create(store, k)))
        assert not first.done() and not go_on.is_set()
        go_on.set()
        return await asyncio.gather(*later)

    assert asyncio.run(story()) == ["k3", "k5"] and sizes == [1, 2]


def test_a_commit_that_fails_is_told_to_its_batch_and_the_next_one_works(store):
    seal = store._writer._seal

    def fail(batch):
        store._writer._give_up(batch, sqlite3.OperationalError("disk full"))

    async def story():
        store._writer._seal = fail
        lost = await asyncio.gather(*(aside(lambda n=n: create(store, f"k{n}")) for n in range(3)),
                                    return_exceptions=True)  # fmt: skip
        store._writer._seal = seal
        return lost, await aside(lambda: create(store, "k0"))

    lost, made = asyncio.run(story())
    assert [type(e) for e in lost] == [Unavailable] * 3 and made == "k0"
    assert store.count("counter", ()) == 1


def test_the_loop_goes_on_while_another_process_holds_the_file(store, tmp_path):
    other = sqlite3.connect(tmp_path / "hub.db", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")

    async def story():
        waiting = [aside(lambda n=n: create(store, f"k{n}")) for n in range(3)]
        longest, before = 0.0, time.monotonic()
        for _ in range(30):
            await asyncio.sleep(0.01)
            now = time.monotonic()
            longest, before = max(longest, now - before), now
        assert not any(w.done() for w in waiting)
        other.execute("ROLLBACK")
        return longest, await asyncio.gather(*waiting)

    longest, made = asyncio.run(story())
    other.close()
    assert made == ["k0", "k1", "k2"] and longest < 5
    assert create(store, "after") == "after"


def test_threads_and_fibers_mix(store):
    keys = [f"t{t}-{n}" for t in range(8) for n in range(25)]

    def work(t):
        for n in range(25):
            create(store, f"t{t}-{n}")

    async def story():
        threads = [threading.Thread(target=work, args=(t,)) for t in range(8)]
        for thread in threads:
            thread.start()
        for n in range(100):
            await asyncio.gather(*(aside(lambda k=f"f{n}-{i}": create(store, k)) for i in range(3)))
        await asyncio.to_thread(lambda: [thread.join() for thread in threads])

    asyncio.run(story())
    assert store.count("counter", ()) == len(keys) + 300


def test_a_transaction_inside_another_is_refused(store):
    with pytest.raises(RuntimeError, match="wait for itself"):
        store.transact(lambda tx: create(store, "inner"))


def test_what_a_closed_loop_left_behind_stops_nobody(store):
    store._writer._expected = 8

    async def leave():
        aside(lambda: create(store, "left"))

    asyncio.run(leave())
    assert create(store, "thread") == "thread"

    async def story():
        return await asyncio.wait_for(asyncio.gather(*(aside(lambda n=n: create(store, n)) for n in "ab")), 60)

    store._writer._expected = 8
    assert asyncio.run(story()) == ["a", "b"]
    assert store.count("counter", ()) == 4
