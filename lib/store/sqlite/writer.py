"""The one connection that writes, and how many transactions share one commit to disk.

Group commit: whoever calls `run` puts its work into the queue, and one of those who wait leads: it opens a transaction,
runs every work that is waiting, commits once with a sync to disk, and lets the others go on. A plain thread leads as
soon as nobody else does; an event loop, whose fibers stand aside, leads at the end of its round, when all of them have
put their work in. No other thread runs the statements: handing the turn over and back for each of them costs more than
the writing. But the sync to disk, which takes long and needs nobody, a loop leaves to a thread of its own (the sealer)
and meanwhile reads the requests of the next batch.

Work that fails leaves the others of its batch alone; a commit that fails (full disk) is Unavailable for all of its
batch, and the next batch starts afresh.
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
"""How long an event loop waits for those who shared the commit before to come again."""


class _Job:
    """A piece of work and, once `is_done`, its outcome; then its turn is given."""

    __slots__ = ("error", "is_done", "is_out", "turn", "value", "work")

    def __init__(self, work: Callable[[Tx], Any]) -> None:
        self.work = work
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_out = False  # its writes failed half done: the batch goes on without it
        self.is_done = False
        self.turn = Turn()


class Writer:
    """Runs work in transactions on a connection of its own.

    `begin` makes the transaction object of one work. `batch_s` bounds how long one batch takes up more work before it
    commits. `rehearse` runs every work twice, the first time for nothing.
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
        self._loop: Loop | None = None  # whose timer and call those are
        self._expected = 1
        self._sealing: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._sealer: threading.Thread | None = None
        self._is_closed = False

    def run(self, work: Callable[[Tx], T]) -> T:
        """Run the work and commit it, with others perhaps; gives what it returned, raises what it raised."""
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
        """Finish what was handed in, then close the connection."""
        with self._gate:
            while self._waiting:
                self._commit_waiting()
            self._is_closed = True
            self.connection.close()
        if self._sealer is not None:
            self._sealing.put(None)
            self._sealer.join()
        # Who came while the gate was shut is told that it is too late.
        self._relieve()

    def _lead(self, job: _Job) -> None:
        """Lead until the job is done, or leave it to who leads already: he looks again after he let go of the gate."""
        while not job.is_done and self._gate.acquire(blocking=False):
            try:
                self._commit_waiting()
            finally:
                self._gate.release()
        if job.is_done and self._waiting:
            self._call_relief()

    def _call_relief(self) -> None:
        """Have a thread of its own lead on, so that one whose own work is done can go, and a loop need not wait."""
        threading.Thread(target=self._relieve, name="sqlite-relief", daemon=True).start()

    def _relieve(self) -> None:
        """Lead for as long as anybody waits."""
        while self._waiting and self._gate.acquire(blocking=False):
            try:
                self._commit_waiting()
            finally:
                self._gate.release()

    def _call(self, loop: Loop) -> None:
        """Have the loop lead: once as many wait as shared the commit before, or after LINGER_S at the latest.

        Clients that were answered together ask again together, and a commit costs most of what it costs for one.
        """
        if self._loop is not loop:
            # Another loop, which may be closed by now: what it was to do then never comes.
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
        """Once; before anything waits for it, since a thread may not be to be had."""
        if self._sealer is None:
            sealer = threading.Thread(target=self._seal_on, name="sqlite-sealer", daemon=True)
            sealer.start()
            self._sealer = sealer

    def _seal_on(self) -> None:
        """The body of the sealer."""
        while (work := self._sealing.get()) is not None:
            work()

    def _finish_round(self, batch: list[_Job], loop: Loop) -> None:
        """Commit what the loop ran, then let it tell those who wait, and lead on."""

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
        except RuntimeError:  # the loop is closed, and its fibers with it; threads may still wait
            _tell([job for job in batch if job.turn.loop is None])
            self._relieve()

    def _begin_at_once(self) -> bool:
        """Begin the transaction, unless another process holds the file: a loop must not stand still for it."""
        try:
            self.connection.execute("PRAGMA busy_timeout = 0")
            self.connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        except sqlite3.Error:
            return True  # not a matter of waiting: the batch finds out, and tells everybody
        finally:
            with suppress(sqlite3.Error):
                self.connection.execute(f"PRAGMA busy_timeout = {self._patience_ms}")
        return True

    def _commit_waiting(self) -> None:
        """One batch of whatever waits."""
        batch = self._fill()
        self._seal(batch)
        _tell(batch)

    def _fill(self) -> list[_Job]:
        """Run what waits, and what joins it meanwhile, in one transaction that is left open; gives the batch.

        When the beginning fails all of it fails, and the transaction is undone.
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
            # A connection that is closed, since no new one could be opened, does not even tell whether.
            if self.connection.in_transaction:
                self.connection.execute("COMMIT")
        except BaseException as error:
            self._give_up(batch, error)

    def _run_batch(self, batch: list[_Job]) -> None:
        """Run the works. When writes fail half done all is rolled back and the others run again, which pure work
        allows."""
        until = time.monotonic() + self._batch_s
        # Taken first, so that it is told when even the beginning fails.
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
        """Run one work and its writes; False when they failed half done. What the work raises is its own; only an
        error of the disk ends the batch."""
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
        """Nothing of this batch was committed: undo, and tell every caller, those too whose work had failed, since
        it may have failed over writes that are now undone."""
        for job in batch:
            job.error = Unavailable(f"the store cannot write now: {error}")
            job.error.__cause__ = error
        if self._is_closed:
            return
        try:
            if self.connection.in_transaction:
                self.connection.execute("ROLLBACK")
        except sqlite3.Error:
            # A new connection; should that fail as well, the next batch fails on the closed one and comes here again.
            with suppress(sqlite3.Error):
                self.connection.close()
                self.connection = self._open()


def _tell(batch: list[_Job]) -> None:
    """Let those go on whose work is done."""
    for job in batch:
        job.is_done = True
        job.turn.give()
