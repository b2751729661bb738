"""The log on Firestore: events are committed without a number, numbered right after, and then sent in batches.

Hides: the assignment of numbers, which guarantees that no reader skips a late commit. An event is a document of its
own, written in the transaction of its node, and readers do not see it before it has its number. After each commit the
committing thread numbers a batch: its own events and those of all waiting threads of this process. The numbering
transaction reads the channel's newest event and writes after it. Two concurrent ones conflict there, and one runs
again. So numbers become visible in their order.

A number is the microsecond of its assignment, or the last number plus one. So there is no counter to contend for or to
pay for, and numbers keep growing in a channel whose old events have expired.

Where events are sent, the last event of a numbered batch stays marked (`todo_at`, `batch`) until the batch was passed
to `publish`. The process that numbers the next batch sees that mark and keeps the order. Events that a killed process
left unnumbered or unsent still have `todo_at`, by which `repair` finds them.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from google.api_core import exceptions

from lib.clock import Clock, stamp, unstamp
from lib.errors import Refusal, Unavailable
from lib.store.firestore import wire as wire
from lib.store.firestore.client import Contended, Database, Transaction, pause, translated
from lib.store.firestore.doc import Stored, encode, read_main
from lib.store.firestore.index import KEY, TODO_AT
from lib.store.firestore.tx import Fresh, Reader
from lib.store.indexes import EVENT
from lib.store.port import Doc, Event, Publish
from lib.store.term import Term

log = logging.getLogger(__name__)

BATCH_MAX = 200
TRIES_MAX = 20
REPAIR_MAX = 2000
"""Most events that one repair processes; the next repair continues."""
PATIENCE_S = 2.0
"""Seconds that a batch waits for the previous batch, which another process is sending, before it sends that one too."""
LOOK_S = 5.0
"""Seconds between the searches of a reader at the end of a channel for events without a number."""
STRANDED = timedelta(seconds=2)
"""The process that wrote a younger event is presumed to be still numbering it."""
CHANNELS_MAX = 10_000
BATCHES_MAX = 10_000
_MICROSECOND = timedelta(microseconds=1)


@dataclass(slots=True)
class _Commit:
    """Events of one commit that wait for their numbers."""

    events: list[Fresh]
    is_done: bool = False


@dataclass(frozen=True, slots=True)
class _Batch:
    """Numbered events of one channel that are to be sent. `behind` is the marked end of a batch that must be sent
    first."""

    channel: str
    events: list[Event]
    end: str
    behind: str | None


@dataclass(slots=True)
class _End:
    """The end of a channel: the number and instant of its newest event, and its path if its batch is not sent yet."""

    seq: int = 0
    at: str = ""
    unsent: str | None = None


@dataclass
class Log:
    """Numbers, reads and sends the events of one database. `next_seq` returns the least number of a new event."""

    database: Database
    clock: Clock
    next_seq: Callable[[], int]
    is_sending: bool = False
    _waiting: deque[_Commit] = field(default_factory=deque)
    _gate: threading.Lock = field(default_factory=threading.Lock)
    _unsent: deque[_Batch] = field(default_factory=lambda: deque(maxlen=BATCHES_MAX))
    _sending: threading.Lock = field(default_factory=threading.Lock)
    _looked: dict[str, float] = field(default_factory=dict)
    _sent: dict[str, str] = field(default_factory=dict)
    _failed_at: float | None = None

    def number(self, fresh: list[Fresh]) -> None:
        """Number the events that were just committed, and all other waiting events of this process. On failure they are
        left to `repair`: the commit stands."""
        if not fresh:
            return
        job = _Commit(fresh)
        self._waiting.append(job)
        with self._gate:
            if job.is_done:
                return
            jobs = [self._waiting.popleft() for _ in range(len(self._waiting))]
            try:
                self._number([event for j in jobs for event in j.events])
            except Refusal:
                log.warning("log: events are left to the sweep to number", exc_info=True)
            finally:
                for j in jobs:
                    j.is_done = True

    def read(self, channel: str, after: int, limit: int) -> list[Event]:
        found = self._after(channel, after, limit)
        if not found and self._is_time_to_look(channel):
            before = stamp(self.clock() - STRANDED)
            with self._gate:
                is_mended = self._number_stranded(self._todo(before, BATCH_MAX, channel))
            if is_mended:
                found = self._after(channel, after, limit)
        return found

    def last(self, channel: str) -> int:
        return self._end(channel, None).seq

    def send(self, publish: Publish) -> None:
        """Publish every batch that was numbered here, in order. A failed batch stays marked for `repair`."""
        while self._unsent:
            with self._sending:
                self._send_waiting(publish)

    def repair(self, before: datetime, publish: Publish | None) -> int:
        """Number and send the events left over from before `before`. Returns their number."""
        done = 0
        with self._sending:
            if publish is not None:
                self._send_waiting(publish)
            while done < REPAIR_MAX:
                left = self._todo(stamp(before), BATCH_MAX)
                if not left:
                    break
                unsent = sorted((s for s in left if not s.is_hidden), key=lambda s: s.log["seq"])
                for end in unsent:
                    self._send_marked(end, publish)
                with self._gate:
                    self._number_stranded(left)
                if publish is not None:
                    self._send_waiting(publish)
                done += len(left)
        return done

    def _number(self, events: Sequence[Fresh]) -> None:
        channels: dict[str, list[Fresh]] = {}
        for event in events:
            channels.setdefault(event.channel, []).append(event)
        for channel, its in channels.items():
            for start in range(0, len(its), BATCH_MAX):
                self._number_batch(channel, its[start : start + BATCH_MAX])

    def _number_batch(self, channel: str, events: list[Fresh]) -> None:
        if any(e.updated is None for e in events):
            events = self._look_again(events)
        for n in range(TRIES_MAX):
            if not events:
                return
            try:
                self._assign(channel, events)
                return
            except (Contended, Unavailable) as error:
                if n == TRIES_MAX - 1:
                    raise Unavailable("too many number events of this channel at once") from error
                pause(n, most_s=0.2)
            # Another process may have numbered some of them.
            events = self._look_again(events)

    def _assign(self, channel: str, events: Sequence[Fresh]) -> None:
        """Number events of a channel after its newest one, in one transaction."""
        transaction = Transaction(self.database)
        try:
            end = self._end(channel, transaction)
            first = max(end.seq + 1, self.next_seq())
            numbered, writes, at = [], [], end.at
            for n, event in enumerate(events):
                at = max(event.at, stamp(unstamp(at).astimezone(UTC) + _MICROSECOND) if at else "")
                is_marked = self.is_sending and n == len(events) - 1
                fields = {"seq": first + n, "at": at, TODO_AT: at if is_marked else None, "batch": first}
                writes.append(wire.write_some(event.path, fields, event.updated))
                numbered.append((event, first + n, at))
            with translated():
                transaction.begun()
            self.database.write(writes, transaction)
        except (exceptions.Aborted, exceptions.FailedPrecondition, exceptions.NotFound) as error:
            transaction.abandon()
            raise Contended(str(error)) from error
        except exceptions.GoogleAPICallError as error:
            transaction.abandon()
            raise Unavailable(str(error)) from error
        if self.is_sending:
            told = [_told(event, seq, at) for event, seq, at in numbered]
            self._unsent.append(_Batch(channel, told, events[-1].path, end.unsent))

    def _look_again(self, events: Sequence[Fresh]) -> list[Fresh]:
        """The events that still have no number, with the instants of their writes."""
        found = self.database.get(e.path for e in events)
        mains = {path: read_main(document, EVENT.name) for path, document in found.items()}
        left = [(e, mains[e.path]) for e in events if e.path in mains]
        return [replace(e, updated=main.updated) for e, main in left if main.is_hidden]

    def _number_stranded(self, left: Iterable[Stored]) -> bool:
        """Number the events without a number. Returns whether there were any."""
        mains = [m for m in left if m.is_hidden]
        docs = Reader(self.database).docs(mains)
        self._number([_fresh(m, d) for m, d in zip(mains, docs, strict=True)])
        return bool(mains)

    def _end(self, channel: str, transaction: Transaction | None) -> _End:
        terms = [Term("channel", "==", (channel,)), Term("seq", ">=", (0,))]
        order = (("seq", True), (KEY, True))
        query = wire.query(EVENT.name, terms, order, limit=1, select=("seq", "at", TODO_AT))
        for document in self.database.find(query, transaction):
            found = wire.decode_fields(document, ("seq", "at", TODO_AT))
            return _End(found["seq"], found["at"], document.name if found[TODO_AT] is not None else None)
        return _End()

    def _after(self, channel: str, after: int, limit: int, until: int | None = None) -> list[Event]:
        """Numbered events of a channel, after one number and up to another."""
        terms = [Term("channel", "==", (channel,)), Term("seq", ">", (after,))]
        if until is not None:
            terms.append(Term("seq", "<=", (until,)))
        query = wire.query(EVENT.name, terms, (("seq", False), (KEY, False)), limit=limit)
        mains = [read_main(document, EVENT.name) for document in self.database.find(query)]
        return [_event(doc) for doc in Reader(self.database).docs(mains)]

    def _todo(self, before: str, limit: int, channel: str | None = None) -> list[Stored]:
        """Events that have waited for a number or for publication since before `before`."""
        terms = [Term(TODO_AT, "<=", (before,))]
        if channel is not None:
            terms.append(Term("channel", "==", (channel,)))
        query = wire.query(EVENT.name, terms, ((TODO_AT, False), (KEY, False)), limit=limit)
        return [read_main(document, EVENT.name) for document in self.database.find(query)]

    def _is_time_to_look(self, channel: str) -> bool:
        now = time.monotonic()
        if now < self._looked.get(channel, 0.0) + LOOK_S:
            return False
        if len(self._looked) >= CHANNELS_MAX:
            self._looked.clear()
        self._looked[channel] = now
        return True

    def _send_waiting(self, publish: Publish) -> None:
        while self._unsent:
            batch = self._unsent.popleft()
            if self._failed_at is not None and time.monotonic() < self._failed_at + PATIENCE_S:
                # During an outage not every write needs to read the waiting events again.
                raise Unavailable("events could not be sent a moment ago")
            try:
                if batch.behind not in (None, self._sent.get(batch.channel)):
                    self._let_go_first(batch, publish)
                publish(batch.events)
            except Unavailable:
                self._failed_at = time.monotonic()
                raise
            self._failed_at = None
            self._unmark(batch.end)
            if len(self._sent) >= CHANNELS_MAX:
                self._sent.clear()
            self._sent[batch.channel] = batch.end

    def _let_go_first(self, batch: _Batch, publish: Publish) -> None:
        """Wait until the previous batch was sent. Send it here when that takes too long, or when nothing can be sent
        now. Raises Unavailable when the earlier events are more than one call sends."""
        until = time.monotonic() + (PATIENCE_S if self._failed_at is None else 0)
        assert batch.behind is not None
        for n in range(TRIES_MAX):
            document = self.database.get([batch.behind]).get(batch.behind)
            if document is None or wire.decode_fields(document, (TODO_AT,))[TODO_AT] is None:
                return
            if time.monotonic() >= until:
                break
            pause(n, most_s=0.2)
        # Earlier events have earlier instants: `at` grows along a channel, even if the clocks differ.
        left = self._todo(batch.events[0].at, BATCH_MAX, batch.channel)
        for end in sorted((s for s in left if not s.is_hidden), key=lambda s: s.log["seq"]):
            if end.log["seq"] < batch.events[0].seq:
                self._send_marked(end, publish)
        if len(left) == BATCH_MAX:
            raise Unavailable("more events go first than are sent at a time")

    def _send_marked(self, end: Stored, publish: Publish | None) -> None:
        """Send the batch that ends with this event, and unmark it."""
        if publish is not None:
            first, last = end.log["batch"], end.log["seq"]
            publish(self._after(end.log["channel"], first - 1, last - first + 1, last))
        self._unmark(end.path)

    def _unmark(self, path: str) -> None:
        try:
            self.database.write([wire.write_some(path, {TODO_AT: None})])
        except exceptions.NotFound:
            pass  # deleted meanwhile
        except exceptions.GoogleAPICallError as error:
            # It was sent. The repair sends it once more; consumers recognise it by its id.
            log.warning("log: a batch that was sent stays marked: %s", error.message)


def machine_seq() -> int:
    """The microsecond of this machine's clock: past every earlier number, even if the store has another clock."""
    return time.time_ns() // 1000


def _told(event: Fresh, seq: int, at: str) -> Event:
    body = event.encoded.decode()
    body.update(seq=seq, channel=event.channel, at=at)
    return Event(seq, event.channel, at, event.key, body)


def _event(doc: Doc) -> Event:
    return Event(doc.body["seq"], doc.body["channel"], doc.body["at"], doc.key, doc.body)


def _fresh(main: Stored, doc: Doc) -> Fresh:
    return Fresh(main.path, main.key, main.log["channel"], main.log["at"], encode(EVENT, doc.body), main.updated)
