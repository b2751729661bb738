"""The stand-in as a gRPC server on the loopback interface.

    server = start(indexes="infra/firestore.indexes.json")      # or a dict; None allows every query
    os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
    before = server.meter.bill(); ...; cost = server.meter.bill() - before
    server.reset(); server.stop()

Every project and database id names a fresh, empty database, so tests need no reset between them.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from google.cloud.firestore_v1.types import firestore

from tests.emulators import rpc
from tests.emulators.firestore import rpc_document, rpc_list, rpc_query
from tests.emulators.firestore.database import Clock
from tests.emulators.firestore.index import IndexSet, Source
from tests.emulators.firestore.listen import listen
from tests.emulators.firestore.meter import Meter
from tests.emulators.firestore.refusal import unimplemented
from tests.emulators.firestore.room import Rooms, system_clock

SERVICE = "google.firestore.v1.Firestore"
CALLS_MAX = 128
"""Each has a thread, and a listener keeps its own; threads are made as they are needed."""
WAITING_MAX = 10_000
"""Calls that wait for a thread: the service takes any number."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Method = Callable[..., Any]


def _absent(what: str) -> Method:
    def method(rooms: Rooms, *request: Any) -> Any:
        raise unimplemented(f"this stand-in has no {what}")

    return method


ONE: dict[str, Method] = {
    "GetDocument": rpc_document.get_document,
    "CreateDocument": rpc_document.create_document,
    "UpdateDocument": rpc_document.update_document,
    "DeleteDocument": rpc_document.delete_document,
    "BeginTransaction": rpc_document.begin_transaction,
    "Commit": rpc_document.commit,
    "Rollback": rpc_document.rollback,
    "BatchWrite": rpc_document.batch_write,
    "ListDocuments": rpc_list.list_documents,
    "ListCollectionIds": rpc_list.list_collection_ids,
    "PartitionQuery": rpc_query.partition_query,
}
MANY: dict[str, Method] = {
    "BatchGetDocuments": rpc_document.batch_get_documents,
    "RunQuery": rpc_query.run_query,
    "RunAggregationQuery": rpc_query.run_aggregation_query,
    "ExecutePipeline": _absent("pipelines; use RunQuery"),
}
STREAMS: dict[str, Method] = {
    "Listen": listen,
    "Write": _absent("streamed writes; use Commit or BatchWrite"),
}


class Server(rpc.Server):
    """A running stand-in. `address` is host:port; `meter` counts what the service would bill, `calls` the calls."""

    def __init__(self, indexes: Source = None, port: int = 0, clock: Clock = system_clock) -> None:
        self.meter = Meter()
        self._indexes = IndexSet(indexes)
        self._rooms = Rooms(self._indexes, self.meter, clock)
        self._clock = clock
        super().__init__({SERVICE: self._methods()}, port, CALLS_MAX, WAITING_MAX)

    def _methods(self) -> dict[str, rpc.Method]:
        return {
            name: rpc.Method(_request(name), partial(run, self._rooms), table is STREAMS, table is MANY)
            for table in (ONE, MANY, STREAMS)
            for name, run in table.items()
        }

    def reset(self) -> None:
        """Forget all documents, counts, and faults still to come."""
        super().reset()
        self._rooms.clear()
        self.meter.clear()

    def expire(self, now: datetime | None = None) -> int:
        """Do what TTL policies of the index file do in a day or so: delete what is due, and give its number."""
        due = self._clock() if now is None else (now - EPOCH) // timedelta(microseconds=1)
        return sum(room.database.expire(self._indexes.ttl, due) for room in self._rooms.all())


def start(indexes: Source = None, port: int = 0) -> Server:
    """A running server, on a free port unless one is named."""
    return Server(indexes, port)


def _request(name: str) -> Any:
    """The message class of a call's request."""
    return getattr(firestore, f"{name}Request").pb()
