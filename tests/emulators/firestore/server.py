"""The stand-in as a gRPC server on the loopback interface.

    server = start(indexes="infra/firestore.indexes.json")      # or a dict; None allows every query
    os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
    before = server.meter.bill(); ...; cost = server.meter.bill() - before
    server.reset(); server.stop()

Every project and database id names a fresh, empty database, so tests need no reset between them.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore

from tests.emulators.firestore import rpc, rpc_list, rpc_query
from tests.emulators.firestore.database import Clock
from tests.emulators.firestore.index import IndexSet, Source
from tests.emulators.firestore.listen import Requests, listen
from tests.emulators.firestore.meter import Meter
from tests.emulators.firestore.refusal import Refused, unimplemented
from tests.emulators.firestore.room import Rooms, system_clock

SERVICE = "google.firestore.v1.Firestore"
THREADS_MAX = 128
"""Threads are made as requests need them; a listener holds one."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""Of the transport: beyond what any request may have, so that our own refusal is what a client sees."""

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Method = Callable[..., Any]


def _absent(what: str) -> Method:
    def method(rooms: Rooms, requests: Any) -> Any:
        raise unimplemented(f"this stand-in has no {what}")

    return method


UNARY: dict[str, tuple[Method, Any]] = {
    "GetDocument": (rpc.get_document, firestore.GetDocumentRequest),
    "ListDocuments": (rpc_list.list_documents, firestore.ListDocumentsRequest),
    "CreateDocument": (rpc.create_document, firestore.CreateDocumentRequest),
    "UpdateDocument": (rpc.update_document, firestore.UpdateDocumentRequest),
    "DeleteDocument": (rpc.delete_document, firestore.DeleteDocumentRequest),
    "BeginTransaction": (rpc.begin_transaction, firestore.BeginTransactionRequest),
    "Commit": (rpc.commit, firestore.CommitRequest),
    "Rollback": (rpc.rollback, firestore.RollbackRequest),
    "BatchWrite": (rpc.batch_write, firestore.BatchWriteRequest),
    "PartitionQuery": (rpc_query.partition_query, firestore.PartitionQueryRequest),
    "ListCollectionIds": (rpc_list.list_collection_ids, firestore.ListCollectionIdsRequest),
}
STREAMED: dict[str, tuple[Method, Any]] = {
    "BatchGetDocuments": (rpc.batch_get_documents, firestore.BatchGetDocumentsRequest),
    "RunQuery": (rpc_query.run_query, firestore.RunQueryRequest),
    "RunAggregationQuery": (rpc_query.run_aggregation_query, firestore.RunAggregationQueryRequest),
    "ExecutePipeline": (_absent("pipelines; use RunQuery"), firestore.ExecutePipelineRequest),
}
TWO_WAY: dict[str, tuple[Method, Any]] = {
    "Listen": (listen, firestore.ListenRequest),
    "Write": (_absent("streamed writes; use Commit or BatchWrite"), firestore.WriteRequest),
}


class Server:
    """A running stand-in. `address` is host:port; `meter` counts what the service would bill, `calls` the calls."""

    def __init__(self, indexes: Source = None, port: int = 0, clock: Clock = system_clock) -> None:
        self.meter = Meter()
        self.calls: Counter[str] = Counter()
        self._indexes = IndexSet(indexes)
        self._rooms = Rooms(self._indexes, self.meter, clock)
        self._clock = clock
        self._faults: dict[str, list[grpc.StatusCode]] = {}
        self._gate = threading.Lock()
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="firestore")
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(self._pool, options=options)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, self._handlers()),))
        self.address = f"127.0.0.1:{self._server.add_insecure_port(f'127.0.0.1:{port}')}"
        self._server.start()

    def reset(self) -> None:
        """Forget all documents, counts, and faults still to come."""
        with self._gate:
            self._rooms.clear()
            self.meter.clear()
            self.calls.clear()
            self._faults.clear()

    def fail(self, name: str, code: grpc.StatusCode, times: int = 1) -> None:
        """Answer the next calls of this name with an error, before anything is done."""
        with self._gate:
            self._faults.setdefault(name, []).extend([code] * times)

    def expire(self, now: datetime | None = None) -> int:
        """Do what TTL policies of the index file do in a day or so: delete what is due, and give its number."""
        due = self._clock() if now is None else (now - EPOCH) // timedelta(microseconds=1)
        return sum(room.database.expire(self._indexes.ttl, due) for room in self._rooms.all())

    def stop(self) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown(wait=True)

    def wait(self) -> None:
        """Serve until the process is told to end."""
        self._server.wait_for_termination()

    def _handlers(self) -> dict[str, grpc.RpcMethodHandler]:
        handlers = {}
        for name, (method, takes) in UNARY.items():
            answer = self._answer(name, method)
            handlers[name] = grpc.unary_unary_rpc_method_handler(answer, _reader(takes), _write)
        for name, (method, takes) in STREAMED.items():
            answer = self._stream(name, method)
            handlers[name] = grpc.unary_stream_rpc_method_handler(answer, _reader(takes), _write)
        for name, (method, takes) in TWO_WAY.items():
            answer = self._stream(name, method)
            handlers[name] = grpc.stream_stream_rpc_method_handler(answer, _reader(takes), _write)
        return handlers

    def _answer(self, name: str, method: Method) -> Callable[[Any, grpc.ServicerContext], Any]:
        def answer(request: Any, context: grpc.ServicerContext) -> Any:
            try:
                self._enter(name)
                return method(self._rooms, request)
            except Refused as refused:
                context.abort(refused.code, refused.text)

        return answer

    def _stream(self, name: str, method: Method) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
        def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
            try:
                self._enter(name)
                if name in TWO_WAY:
                    request = Requests(request, context)
                yield from method(self._rooms, request)
            except Refused as refused:
                context.abort(refused.code, refused.text)

        return answer

    def _enter(self, name: str) -> None:
        with self._gate:
            self.calls[name] += 1
            faults = self._faults.get(name)
            if faults:
                raise Refused(faults.pop(0), "a fault that was asked for")


def start(indexes: Source = None, port: int = 0) -> Server:
    """A running server, on a free port unless one is named."""
    return Server(indexes, port)


def _reader(request: Any) -> Callable[[bytes], Any]:
    return request.pb().FromString  # type: ignore[no-any-return]


def _write(message: Any) -> bytes:
    return message.SerializeToString()  # type: ignore[no-any-return]
