"""The writing connection, and group commit: several transactions share one commit to disk.

`run` puts its work into a queue. One of the waiting callers then leads: it opens a transaction, runs all queued work,
commits once with a sync to disk, and resumes the others. A plain thread leads at once if no other caller leads. An
event loop leads at the end of its round, when all of its fibers have queued their work. No separate thread runs the
statements: switching to it and back for each statement costs more than the write. Only the sync to disk, which is slow
and needs no CPU, runs in a thread of its own (the sealer) when an event loop leads; meanwhile the loop reads the
requests of the next batch.

Work that fails does not affect the others of its batch. A commit that fails (full disk) is Unavailable for its whole
batch, and the next batch starts a new transaction.
"""

from __future__ import annotations

import sqlite3
import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

from lib.errors import Unavailable
from lib.store.port import Tx
from lib.store.sqlite.tx import HalfDone, SqliteTx, is_outage
from lib.waiting import Loop, Timer, Turn

T = TypeVar("T")

BATCH_JOBS_MAX = 256
LINGER_S = 0.001
"""Seconds that an event loop waits for the callers that shared the previous commit to queue work again."""


class _Job:
    """A piece of work and, once `is_done`, its outcome; then its turn is given to the waiter."""

    __slots__ = ("error", "is_done", "is_out", "turn", "value", "work")

    def __init__(self, work: Callable[[Tx], Any]) -> None:
        self.work = work
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_out = False  # its writes failed half done: the batch continues without it
        self.is_done = False
        self.turn = Turn()


class Writer:
    """Runs work in transactions on a connection of its own.

    `begin` makes the transaction object of one work. `batch_s` bounds how long one batch accepts more work before it
    commits. `rehearse` runs every work twice and discards the first run.
    """

    def __init__(
        self,
        open_connection: Callable[[], sqlite3.Connection],
        begin: Callable[[sqlite3.Connection], SqliteTx],
        *,
        batch_s: float,
        rehearse: bool,
    ) -> None:
        self._open, self._begin, self._batch_s, self._rehearse = open_connection, begin, batch_s, rehearse
        self.connection = open_connection()
        self._patience_ms: int = self.connection.execute("PRAGMA busy_timeout").fetchone()[0]
        self._waiting: deque[_Job] = deque()
        self._gate = threading.Lock()
        self._leader: int | None = None
        self._is_called = False
        self._timer: Timer | None = None
        self._loop: Loop | None = None  # the loop that owns the timer and the call
        self._expected = 1
        self._sealing: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._sealer: threading.Thread | None = None
        self._is_closed = False

    def run(self, work: Callable[[Tx], T]) -> T:
        """Run the work and commit it, possibly with other work. Returns its result, raises its exception."""
        if self._leader == threading.get_ident():
            raise RuntimeError("a transaction inside a transaction would wait for itself")
        job = _Job(work)
        loop = job.turn.loop
        if loop is not None:
            self._start_sealer()
        self._waiting.append(job)
        if loop is None:
            self._lead(job)
        else:
            self._call(loop)
        job.turn.wait()
        if job.error is not None:
            raise job.error
        value: T = job.value
        return value

    def close(self) -> None:
        """Finish the queued work, then close the connection."""
        with self._gate:
            while self._waiting:
                self._commit_waiting()
            self._is_closed = True
            self.connection.close()
        if self._sealer is not None:
            self._sealing.put(None)
            self._sealer.join()
        # Work queued during the close fails with Unavailable.
        self._relieve()

    def _lead(self, job: _Job) -> None:
        """Run batches until this job is done, unless another thread holds the lock; that thread checks the queue again
        after releasing it."""
        while not job.is_done and self._gate.acquire(blocking=False):
            try:
                self._commit_waiting()
            finally:
                self._gate.release()
        if job.is_done and self._waiting:
            self._call_relief()

    def _call_relief(self) -> None:
        """Start a thread that leads from here, so that a caller whose work is done can return, and a loop need not
        wait."""
        threading.Thread(target=self._relieve, name="sqlite-relief", daemon=True).start()

    def _relieve(self) -> None:
        """Lead as long as work is queued."""
        while self._waiting and self._gate.acquire(blocking=False):
            try:
                self._commit_waiting()
            finally:
                self._gate.release()

    def _call(self, loop: Loop) -> None:
        """Make the loop lead once as many callers wait as shared the previous commit, or after LINGER_S at the latest.

        Clients that got their replies together send again together, and a commit of many costs little more than a
        commit of one.
        """
        if self._loop is not loop:
            # Another loop, which may be closed by now; then its scheduled call never runs.
            self._loop, self._timer, self._is_called = loop, None, False
        if len(self._waiting) >= self._expected:
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            if not self._is_called:
                self._is_called = True
                loop.call_soon(lambda: self._lead_round(loop))
        elif self._timer is None and not self._is_called:
            self._timer = loop.call_later(LINGER_S, lambda: self._lead_round(loop))

    def _lead_round(self, loop: Loop) -> None:
        self._is_called, self._timer = False, None
        if not self._gate.acquire(blocking=False):
            return
        if not self._waiting:
            self._gate.release()
        elif self._begin_at_once():
            batch = self._fill()
            self._expected = len(batch)
            self._sealing.put(lambda: self._finish_round(batch, loop))
        else:
            self._gate.release()
            self._call_relief()

    def _start_sealer(self) -> None:
        """Start the sealer once, before anything waits for it, since starting a thread may fail."""
        if self._sealer is None:
            sealer = threading.Thread(target=self._seal_on, name="sqlite-sealer", daemon=True)
            sealer.start()
            self._sealer = sealer

    def _seal_on(self) -> None:
        """The body of the sealer."""
        while (work := self._sealing.get()) is not None:
            work()

    def _finish_round(self, batch: list[_Job], loop: Loop) -> None:
        """Commit the batch of the loop, then let the loop resume the waiters and lead the next batch."""

        def tell() -> None:
            _tell(batch)
            if self._waiting:
                self._call(loop)

        try:
            self._seal(batch)
        finally:
            self._gate.release()
        try:
            loop.call_soon_threadsafe(tell)
        except RuntimeError:  # the loop and its fibers are closed; threads may still wait
            _tell([job for job in batch if job.turn.loop is None])
            self._relieve()

    def _begin_at_once(self) -> bool:
        """Begin the transaction, unless another process holds the file: a loop must not block for it."""
        try:
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        except sqlite3.Error:
            return True  # waiting would not help: the batch meets the error again and reports it to every caller
        finally:
            with suppress(sqlite3.Error):
                self.connection.execute(f"PRAGMA busy_timeout = {self._patience_ms}")
        return True

    def _commit_waiting(self) -> None:
        """Run and commit one batch of the queued work."""
        batch = self._fill()
        self._seal(batch)
        _tell(batch)

    def _fill(self) -> list[_Job]:
        """Run the queued work, and work that is queued meanwhile, in one transaction that stays open. Returns the
        batch.

        If the begin fails, the whole batch fails and the transaction is rolled back.
        """
        batch: list[_Job] = []
        if self._waiting:
            self._leader = threading.get_ident()
            try:
                self._run_batch(batch)
            except BaseException as error:
                self._give_up(batch, error)
            finally:
                self._leader = None
        return batch

    def _seal(self, batch: list[_Job]) -> None:
        """Commit the batch."""
        try:
            # The connection may be closed, if no new one could be opened; then it cannot report its state.
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
        except BaseException as error:
            self._give_up(batch, error)

    def _run_batch(self, batch: list[_Job]) -> None:
        """Run the works. If writes fail half done, all is rolled back and the other works run again, which is safe
        because works are pure."""
        until = time.monotonic() + self._batch_s
        # The job is taken first, so that it gets the error even if the begin fails.
        batch.append(self._waiting.popleft())
        if not self.connection.in_transaction:
            self.connection.execute("BEGIN IMMEDIATE")
        place = 0
        while True:
            while place < len(batch):
                job, place = batch[place], place + 1
                if not job.is_out and not self._run(job):
                    self.connection.execute("ROLLBACK")
                    self.connection.execute("BEGIN IMMEDIATE")
                    place = 0
            if not self._waiting or len(batch) >= BATCH_JOBS_MAX or time.monotonic() >= until:
                return
            batch.append(self._waiting.popleft())

    def _run(self, job: _Job) -> bool:
        """Run one work and its writes; False when the writes failed half done. An exception of the work belongs to that
        work; only a disk error ends the batch."""
        job.error = None
        try:
            if self._rehearse:
                job.work(self._begin(self.connection))
            tx = self._begin(self.connection)
            job.value = job.work(tx)
            tx.apply()
        except HalfDone as error:
            job.error, job.is_out = error.__cause__, True
            return False
        except BaseException as error:
            if is_outage(error):
                raise
            job.error = error
        return True

    def _give_up(self, batch: list[_Job], error: BaseException) -> None:
        """Nothing of this batch was committed: roll back, and report the error to every caller, including callers whose
        work had failed, since it may have failed because of writes that are now rolled back."""
        for job in batch:
            job.error = Unavailable(f"the store cannot write now: {error}")
            job.error.__cause__ = error
        if self._is_closed:
            return
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            # Open a new connection. If that fails too, the next batch fails on the closed one and comes here again.
            with suppress(sqlite3.Error):
                self.connection.close()
                self.connection = self._open()


def _tell(batch: list[_Job]) -> None:
    """Resume the callers of the finished jobs."""
    for job in batch:
        job.is_done = True
        job.turn.give()
