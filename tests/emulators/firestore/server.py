"""The stand-in as a gRPC server on the loopback interface.

    server = start(indexes="infra/firestore.indexes.json")      # or a dict; None allows every query
    os.environ["FIRESTORE_EMULATOR_HOST"] = server.address
    before = server.meter.bill(); ...; cost = server.meter.bill() - before
    server.reset(); server.stop()

Every project and database id names a fresh, empty database, so tests need no reset between them.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
from google.cloud.firestore_v1.types import firestore

from tests.emulators.firestore import rpc
from tests.emulators.firestore.database import Clock
from tests.emulators.firestore.index import IndexSet, Source
from tests.emulators.firestore.listen import listen
from tests.emulators.firestore.meter import Meter
from tests.emulators.firestore.refusal import Refused
from tests.emulators.firestore.room import Rooms, system_clock

SERVICE = "google.firestore.v1.Firestore"
THREADS_MAX = 128
"""Threads are made as requests need them; a listener holds one."""
MESSAGE_BYTES_MAX = 64 * 1024 * 1024
"""Of the transport: beyond what any request may have, so that our own refusal is what a client sees."""

LOG = logging.getLogger(__name__)
Method = Callable[[Rooms, Any], Any]

UNARY: dict[str, tuple[Method, Any]] = {
    "GetDocument": (rpc.get_document, firestore.GetDocumentRequest),
    "ListDocuments": (rpc.list_documents, firestore.ListDocumentsRequest),
    "CreateDocument": (rpc.create_document, firestore.CreateDocumentRequest),
    "UpdateDocument": (rpc.update_document, firestore.UpdateDocumentRequest),
    "DeleteDocument": (rpc.delete_document, firestore.DeleteDocumentRequest),
    "BeginTransaction": (rpc.begin_transaction, firestore.BeginTransactionRequest),
    "Commit": (rpc.commit, firestore.CommitRequest),
    "Rollback": (rpc.rollback, firestore.RollbackRequest),
    "BatchWrite": (rpc.batch_write, firestore.BatchWriteRequest),
    "PartitionQuery": (rpc.partition_query, firestore.PartitionQueryRequest),
    "ListCollectionIds": (rpc.list_collection_ids, firestore.ListCollectionIdsRequest),
}
STREAMED: dict[str, tuple[Method, Any]] = {
    "BatchGetDocuments": (rpc.batch_get_documents, firestore.BatchGetDocumentsRequest),
    "RunQuery": (rpc.run_query, firestore.RunQueryRequest),
    "RunAggregationQuery": (rpc.run_aggregation_query, firestore.RunAggregationQueryRequest),
}
ABSENT = {
    "Write": "this stand-in has no streamed writes; use Commit or BatchWrite",
    "ExecutePipeline": "this stand-in has no pipelines; use RunQuery",
}


class Server:
    """A running stand-in. `address` is host:port, `meter` counts what the service would bill."""

    def __init__(self, indexes: Source = None, port: int = 0, clock: Clock = system_clock) -> None:
        self.meter = Meter()
        self.rooms = Rooms(IndexSet(indexes), self.meter, clock)
        self._pool = ThreadPoolExecutor(THREADS_MAX, thread_name_prefix="firestore")
        options = [("grpc.max_receive_message_length", MESSAGE_BYTES_MAX), ("grpc.so_reuseport", 0)]
        self._server = grpc.server(self._pool, options=options)
        handlers = _handlers(self.rooms)
        self._server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler(SERVICE, handlers),))
        self.port = self._server.add_insecure_port(f"127.0.0.1:{port}")
        self.address = f"127.0.0.1:{self.port}"
        self._server.start()

    def reset(self) -> None:
        """Forget all documents and counts."""
        self.rooms.clear()
        self.meter.clear()

    def stop(self) -> None:
        self._server.stop(grace=None).wait()
        self._pool.shutdown(wait=True)

    def wait(self) -> None:
        """Serve until the process is told to end."""
        self._server.wait_for_termination()


def start(indexes: Source = None, port: int = 0) -> Server:
    """A running server, on a free port unless one is named."""
    return Server(indexes, port)


def _handlers(rooms: Rooms) -> dict[str, Any]:
    handlers = {
        name: grpc.unary_unary_rpc_method_handler(_answer_one(method, rooms), _reader(request), _write)
        for name, (method, request) in UNARY.items()
    }
    for name, (method, request) in STREAMED.items():
        handlers[name] = grpc.unary_stream_rpc_method_handler(_answer_many(method, rooms), _reader(request), _write)
    reader = _reader(firestore.ListenRequest)
    handlers["Listen"] = grpc.stream_stream_rpc_method_handler(_answer_stream(listen, rooms), reader, _write)
    for name, text in ABSENT.items():
        handlers[name] = grpc.stream_stream_rpc_method_handler(_refuse(text))
    return handlers


def _reader(request: Any) -> Callable[[bytes], Any]:
    return request.pb().FromString  # type: ignore[no-any-return]


def _write(message: Any) -> bytes:
    return message.SerializeToString()  # type: ignore[no-any-return]


def _answer_one(method: Method, rooms: Rooms) -> Callable[[Any, grpc.ServicerContext], Any]:
    def answer(request: Any, context: grpc.ServicerContext) -> Any:
        rooms.meter.add(requests=1)
        try:
            return method(rooms, request)
        except Refused as refused:
            context.abort(refused.code, refused.text)

    return answer


def _answer_many(method: Method, rooms: Rooms) -> Callable[[Any, grpc.ServicerContext], Iterator[Any]]:
    def answer(request: Any, context: grpc.ServicerContext) -> Iterator[Any]:
        rooms.meter.add(requests=1)
        try:
            yield from method(rooms, request)
        except Refused as refused:
            context.abort(refused.code, refused.text)

    return answer


def _answer_stream(
    method: Callable[[Rooms, Iterator[Any], grpc.ServicerContext], Iterator[Any]], rooms: Rooms
) -> Callable[[Iterator[Any], grpc.ServicerContext], Iterator[Any]]:
    def answer(requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        rooms.meter.add(requests=1)
        try:
            yield from method(rooms, requests, context)
        except Refused as refused:
            context.abort(refused.code, refused.text)

    return answer


def _refuse(text: str) -> Callable[[Iterator[bytes], grpc.ServicerContext], Iterator[bytes]]:
    def answer(requests: Iterator[bytes], context: grpc.ServicerContext) -> Iterator[bytes]:
        context.abort(grpc.StatusCode.UNIMPLEMENTED, text)
        yield b""

    return answer
