"""Listen: a client names targets (documents or a query) and gets the changes of their results, commit by commit.

Every target keeps the results its client knows, by name and update time. After a commit the query runs again and the
difference is sent, then one message that says the results stand as of a time. A resume token is such a time.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from queue import SimpleQueue
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore

from tests.emulators.firestore.document import Document, from_time, project, to_time
from tests.emulators.firestore.meter import query_reads
from tests.emulators.firestore.path import Path, check_database, check_parent, split_name
from tests.emulators.firestore.plan import check
from tests.emulators.firestore.query import Query, read_query
from tests.emulators.firestore.refusal import invalid
from tests.emulators.firestore.room import Room, Rooms
from tests.emulators.firestore.scan import run, sources
from tests.emulators.rpc import Refused

Response = firestore.ListenResponse.pb()
NO_CHANGE, ADD, REMOVE, CURRENT, RESET = range(5)
COMMITTED, ENDED = object(), object()

LOG = logging.getLogger(__name__)

Results = dict[str, Document]


class Target:
    """What one target of a stream watches, and what its client knows."""

    def __init__(self, room: Room, message: Any) -> None:
        self.id = message.target_id
        self._database = room.database
        self._query: Query | None = None
        self._paths: list[str] = []
        self.projection: tuple[Path, ...] | None = None
        kind = message.WhichOneof("target_type")
        if kind == "query":
            self._watch_query(message.query)
        elif kind == "documents":
            self._paths = [room.database.path(name) for name in message.documents.documents]
        else:
            raise invalid("a target without a query or documents")
        self.known: Results = {}
        self._checked_at = -1

    def _watch_query(self, message: Any) -> None:
        database, parent = split_name(message.parent)
        if database != self._database.name:
            raise invalid("the query of a target is of another database")
        self._query = read_query(check_parent(parent), message.structured_query)
        self.projection = self._query.projection
        check(self._database.indexes, self._query)

    def absent(self) -> list[str]:
        """Names of watched documents that are not known to be there."""
        names = (self._database.prefix + path for path in self._paths)
        return [name for name in names if name not in self.known]

    def results(self, at: int | None = None) -> Results:
        if self._query:
            return {d.name: d for d in run(self._database, self._query, at).documents}
        found = (self._database.get(path, at) for path in self._paths)
        return {d.name: d for d in found if d}

    def is_touched(self) -> bool:
        """Whether a collection it looks at has changed since it was last asked."""
        if not self._query:
            return True
        latest = max((c.changed_at for c in sources(self._database, self._query)), default=0)
        is_touched = latest > self._checked_at
        self._checked_at = latest
        return is_touched


class Stream:
    """One Listen call: its targets, and the messages it owes its client."""

    def __init__(self, rooms: Rooms, wake: Callable[[], None]) -> None:
        self._rooms = rooms
        self._wake = wake
        self._room: Room | None = None
        self._targets: dict[int, Target] = {}

    def take(self, request: Any) -> Iterator[Any]:
        """The answers to a request of the client."""
        room = self._enter(request.database)
        change = request.WhichOneof("target_change")
        if change == "remove_target":
            self._targets.pop(request.remove_target, None)
            yield _change(REMOVE, [request.remove_target])
        elif change == "add_target":
            yield from self._add(room, request.add_target)
        else:
            raise invalid("a Listen request that adds and removes no target")

    def _enter(self, name: str) -> Room:
        if self._room is None:
            self._room = self._rooms.get(check_database(name))
            self._room.database.watchers.add(self._wake)
        if self._room.database.name != name:
            raise invalid("a Listen stream is of one database")
        return self._room

    def close(self) -> None:
        if self._room:
            self._room.database.watchers.discard(self._wake)

    def _add(self, room: Room, message: Any) -> Iterator[Any]:
        if message.target_id in self._targets:
            raise invalid(f"the target {message.target_id} is there already")
        target = Target(room, message)
        with room.database.lock:
            is_reset = not _resume(room, target, message)
            now = room.database.now()
            changes = _differences(room, target)
            target.is_touched()
        room.database.meter.add(reads=query_reads(_sent(changes)))
        yield _change(ADD, [target.id])
        if is_reset:
            yield _change(RESET, [target.id])
        yield from changes
        yield from (_deleted(name, target.id, now) for name in target.absent())
        yield _change(CURRENT, [target.id], now)
        yield _change(NO_CHANGE, [], now)
        if message.once:
            yield _change(REMOVE, [target.id])
        else:
            self._targets[target.id] = target

    def refresh(self) -> Iterator[Any]:
        """The changes since the last message to the client."""
        if not self._room:
            return
        with self._room.database.lock:
            now = self._room.database.now()
            changes = [c for t in self._targets.values() if t.is_touched() for c in _differences(self._room, t)]
        if changes:
            self._room.database.meter.add(reads=_sent(changes))
            yield from changes
            yield _change(NO_CHANGE, [], now)


class Requests:
    """What a client sends in one call, and when the call ends; each is put into a queue as it comes."""

    def __init__(self, messages: Iterator[Any], context: grpc.ServicerContext) -> None:
        self._messages = messages
        self._context = context

    def forward(self, inbox: SimpleQueue[Any]) -> None:
        self._context.add_callback(lambda: inbox.put(ENDED))
        threading.Thread(target=self._read, args=(inbox,), daemon=True).start()

    def _read(self, inbox: SimpleQueue[Any]) -> None:
        try:
            for message in self._messages:
                inbox.put(message)
        except Exception:
            LOG.debug("the call was cancelled")  # the iterator reports this by a bare Exception
        inbox.put(ENDED)


def listen(rooms: Rooms, messages: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
    """The responses of one Listen call."""
    inbox: SimpleQueue[Any] = SimpleQueue()
    stream = Stream(rooms, lambda: inbox.put(COMMITTED))
    Requests(messages, context).forward(inbox)
    try:
        while (item := inbox.get()) is not ENDED:
            if item is COMMITTED:
                yield from stream.refresh()
            else:
                yield from stream.take(item)
    finally:
        stream.close()


def _resume(room: Room, target: Target, message: Any) -> bool:
    """Start from what the client knew at its resume token; False when that is too old to know."""
    choice = message.WhichOneof("resume_type")
    if choice is None or (choice == "resume_token" and not message.resume_token):
        return True
    if choice == "resume_token" and not message.resume_token.isdigit():
        raise invalid("not a resume token of this server")
    at = int(message.resume_token) if choice == "resume_token" else from_time(message.read_time)
    try:
        target.known = target.results(room.database.check_read_time(at))
    except Refused:
        return False
    return True


def _differences(room: Room, target: Target) -> list[Any]:
    """Messages that bring the client from what it knows to what is there now."""
    results, messages = target.results(), []
    now = room.database.now()
    for name in target.known.keys() - results.keys():
        is_there = room.database.get(room.database.path(name))
        messages.append((_removed if is_there else _deleted)(name, target.id, now))
    for name, document in results.items():
        known = target.known.get(name)
        if known is None or known.updated != document.updated:
            message = project(document.message, target.projection)
            messages.append(Response(document_change={"document": message, "target_ids": [target.id]}))
    target.known = results
    return messages


def _sent(messages: list[Any]) -> int:
    """How many documents are among the messages, each of which is billed."""
    return sum(message.HasField("document_change") for message in messages)


def _change(kind: int, ids: list[int], at: int | None = None) -> Any:
    change: dict[str, Any] = {"target_change_type": kind, "target_ids": ids}
    if at is not None:
        change |= {"read_time": to_time(at), "resume_token": b"%d" % at}
    return Response(target_change=change)


def _removed(name: str, id: int, at: int) -> Any:
    return Response(document_remove={"document": name, "removed_target_ids": [id], "read_time": to_time(at)})


def _deleted(name: str, id: int, at: int) -> Any:
    return Response(document_delete={"document": name, "removed_target_ids": [id], "read_time": to_time(at)})
