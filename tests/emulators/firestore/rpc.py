"""The methods of the service (`google.firestore.v1.Firestore`): a request in, responses out.

Each method is handed its request message and the server's databases; it answers with one message or several. What it
refuses it raises as Refused, which the server turns into a status.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any

from google.cloud.firestore_v1.types import firestore
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from tests.emulators.firestore.aggregate import aggregate, fields_of, read_aggregations
from tests.emulators.firestore.database import Result
from tests.emulators.firestore.document import Message, from_time, project, to_time
from tests.emulators.firestore.limits import BATCH_WRITES_MAX, REQUEST_BYTES_MAX
from tests.emulators.firestore.path import check_database, check_id, check_parent, split_name
from tests.emulators.firestore.plan import check
from tests.emulators.firestore.query import Query, read_query
from tests.emulators.firestore.refusal import Refused, invalid, missing, unimplemented
from tests.emulators.firestore.room import Room, Rooms
from tests.emulators.firestore.scan import Found, run
from tests.emulators.firestore.transaction import Transaction
from tests.emulators.firestore.write import read_mask

BatchGetResponse = firestore.BatchGetDocumentsResponse.pb()
RunQueryResponse = firestore.RunQueryResponse.pb()
RunAggregationResponse = firestore.RunAggregationQueryResponse.pb()
CommitResponse = firestore.CommitResponse.pb()
BatchWriteResponse = firestore.BatchWriteResponse.pb()
BeginResponse = firestore.BeginTransactionResponse.pb()
CollectionIdsResponse = firestore.ListCollectionIdsResponse.pb()
ListResponse = firestore.ListDocumentsResponse.pb()
PartitionResponse = firestore.PartitionQueryResponse.pb()
Write = firestore.CommitRequest.pb().DESCRIPTOR.fields_by_name["writes"].message_type._concrete_class

PAGE_SIZE = 300
"""Of ListDocuments and ListCollectionIds when the request does not say."""


class Reading:
    """How one request reads: in a transaction, as of a time, or now."""

    def __init__(self, room: Room, request: Any) -> None:
        self.transaction: Transaction | None = None
        self.begun = b""
        self.at: int | None = None
        choice = request.WhichOneof("consistency_selector")
        if choice == "new_transaction":
            self.begun = room.transactions.begin(request.new_transaction)
            self.transaction = room.transactions.get(self.begun)
        elif choice == "transaction":
            self.transaction = room.transactions.get(request.transaction)
        elif choice == "read_time":
            self.at = room.database.check_read_time(from_time(request.read_time))
        if self.transaction:
            self.at = self.transaction.snapshot()
        self.time = to_time(self.at if self.at is not None else room.database.now())


def get_document(rooms: Rooms, request: Any) -> Any:
    room, path = _document(rooms, request.name)
    reading = Reading(room, request)
    document = room.database.get(path, reading.at)
    if reading.transaction:
        reading.transaction.saw(path, document)
    room.database.meter.add(reads=1)
    if document is None:
        raise missing(f"No document at {request.name}")
    return project(document.message, _mask(request))


def batch_get_documents(rooms: Rooms, request: Any) -> Iterator[Any]:
    room = rooms.get(check_database(request.database))
    database = room.database
    with database.lock:
        reading = Reading(room, request)
        paths = [database.path(name) for name in dict.fromkeys(request.documents)]
        found = [(path, database.get(path, reading.at)) for path in paths]
        if reading.transaction:
            for path, document in found:
                reading.transaction.saw(path, document)
    database.meter.add(reads=len(found))
    mask = _mask(request)
    if reading.begun:
        yield BatchGetResponse(transaction=reading.begun)
    for path, document in found:
        if document:
            yield BatchGetResponse(found=project(document.message, mask), read_time=reading.time)
        else:
            yield BatchGetResponse(missing=database.prefix + path, read_time=reading.time)


def begin_transaction(rooms: Rooms, request: Any) -> Any:
    room = rooms.get(check_database(request.database))
    return BeginResponse(transaction=room.transactions.begin(request.options))


def rollback(rooms: Rooms, request: Any) -> Any:
    rooms.get(check_database(request.database)).transactions.rollback(request.transaction)
    return Empty()


def commit(rooms: Rooms, request: Any) -> Any:
    room = rooms.get(check_database(request.database))
    _check_size(request)
    if request.transaction:
        at, results = room.transactions.commit(request.transaction, request.writes)
    else:
        at, results = room.database.commit(request.writes)
    response = CommitResponse(commit_time=to_time(at))
    for result in results:
        _add_result(response, result)
    return response


def batch_write(rooms: Rooms, request: Any) -> Any:
    room = rooms.get(check_database(request.database))
    _check_size(request)
    if len(request.writes) > BATCH_WRITES_MAX:
        raise invalid(f"more than {BATCH_WRITES_MAX} writes in one BatchWrite")
    names = [_target(write) for write in request.writes]
    if len(set(names)) < len(names):
        raise invalid("a BatchWrite cannot write a document twice")
    response = BatchWriteResponse()
    for result in room.database.apply_each(request.writes):
        if isinstance(result, Refused):
            response.write_results.add()
            response.status.append(Status(code=result.code.value[0], message=result.text))
        else:
            _add_result(response, result)
            response.status.add()
    return response


def _target(write: Any) -> str:
    return str(write.update.name or write.delete or write.transform.document)


def _add_result(response: Any, result: Result) -> None:
    updated, values = result
    response.write_results.add(update_time=to_time(updated), transform_results=values)


def _check_size(request: Any) -> None:
    if request.ByteSize() > REQUEST_BYTES_MAX:
        raise invalid(f"Request payload size exceeds the limit: {REQUEST_BYTES_MAX} bytes.")


def create_document(rooms: Rooms, request: Any) -> Any:
    database, parent = split_name(request.parent)
    check_id(request.collection_id)
    id = request.document_id or rooms.make_id()
    name = "/".join(filter(None, (f"{database}/documents", parent, request.collection_id, id)))
    write = Write(update=Message(name=name, fields=request.document.fields))
    write.current_document.exists = False
    return _write_one(rooms, write, name, request)


def update_document(rooms: Rooms, request: Any) -> Any:
    write = Write(update=request.document)
    if request.HasField("update_mask"):
        write.update_mask.CopyFrom(request.update_mask)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    return _write_one(rooms, write, request.document.name, request)


def _write_one(rooms: Rooms, write: Any, name: str, request: Any) -> Any:
    room, path = _document(rooms, name)
    with room.database.lock:
        room.database.commit([write])
        document = room.database.get(path)
    assert document
    return project(document.message, _mask(request))


def delete_document(rooms: Rooms, request: Any) -> Any:
    room, _ = _document(rooms, request.name)
    write = Write(delete=request.name)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    room.database.commit([write])
    return Empty()


def run_query(rooms: Rooms, request: Any) -> Iterator[Any]:
    room, query, reading, found = _query(rooms, request, request.structured_query)
    room.database.meter.add_query(len(found.documents), found.skipped, len(found.documents) + found.skipped)
    if reading.begun:
        yield RunQueryResponse(transaction=reading.begun)
    if not found.documents:
        yield RunQueryResponse(read_time=reading.time, skipped_results=found.skipped)
    skipped = found.skipped
    for document in found.documents:
        message = project(document.message, query.projection)
        yield RunQueryResponse(document=message, read_time=reading.time, skipped_results=skipped)
        skipped = 0


def run_aggregation_query(rooms: Rooms, request: Any) -> Iterator[Any]:
    structured = request.structured_aggregation_query
    aggregations = read_aggregations(structured.aggregations)
    room, _, reading, found = _query(rooms, request, structured.structured_query, fields_of(aggregations))
    room.database.meter.add_aggregation(len(found.documents) + found.skipped)
    response = RunAggregationResponse(read_time=reading.time, transaction=reading.begun)
    for alias, value in aggregate(aggregations, found.documents).items():
        response.result.aggregate_fields[alias].CopyFrom(value)
    yield response


def _query(
    rooms: Rooms, request: Any, structured: Any, aggregated: Iterable[Any] = ()
) -> tuple[Room, Query, Reading, Found]:
    """Read, check and run the query of a request."""
    if request.HasField("explain_options"):
        raise unimplemented("this stand-in does not explain queries (explain_options)")
    database, parent = split_name(request.parent)
    room = rooms.get(database)
    query = read_query(check_parent(parent), structured)
    check(room.database.indexes, query, aggregated)
    with room.database.lock:
        reading = Reading(room, request)
        found = run(room.database, query, reading.at)
        if reading.transaction:
            reading.transaction.saw_query(query, found)
    return room, query, reading, found


def partition_query(rooms: Rooms, request: Any) -> Any:
    """Names that part a collection group into stretches of about equal length."""
    database, parent = split_name(request.parent)
    room = rooms.get(database)
    query = read_query(check_parent(parent), request.structured_query)
    if not query.is_group or query.filter or len(query.orders) > 1 or query.orders[0].is_descending:
        raise invalid("only a collection group in ascending order of __name__, without filters, can be parted")
    if request.partition_count < 1:
        raise invalid("partition_count must be positive")
    names = [d.name for d in run(room.database, query, Reading(room, request).at).documents]
    room.database.meter.add(reads=1)
    parts = min(request.partition_count + 1, len(names))
    cuts = [names[len(names) * i // parts] for i in range(1, parts)]
    page, token = _page(cuts, request.page_token, request.page_size or len(cuts))
    response = PartitionResponse(next_page_token=token)
    for name in page:
        response.partitions.add(before=True).values.add(reference_value=name)
    return response


def list_documents(rooms: Rooms, request: Any) -> Any:
    database_name, parent = split_name(request.parent)
    room = rooms.get(database_name)
    if request.order_by not in ("", "__name__", "__name__ asc"):
        raise unimplemented(f"this stand-in lists documents in order of their names only (not {request.order_by!r})")
    check_id(request.collection_id)
    path = "/".join(filter(None, (check_parent(parent), request.collection_id)))
    with room.database.lock:
        reading = Reading(room, request)
        documents = {d.id: d for d in room.database.collection(path).documents(reading.at)}
        absent = room.database.missing(path, reading.at) if request.show_missing else set()
    page, token = _page(sorted(documents.keys() | absent), request.page_token, request.page_size or PAGE_SIZE)
    room.database.meter.add_query(len(page))
    mask = _mask(request)
    response = ListResponse(next_page_token=token)
    for id in page:
        document = documents.get(id)
        message = project(document.message, mask) if document else Message(name=f"{room.database.prefix}{path}/{id}")
        response.documents.append(message)
    return response


def list_collection_ids(rooms: Rooms, request: Any) -> Any:
    database, parent = split_name(request.parent)
    room = rooms.get(database)
    reading = Reading(room, request)
    with room.database.lock:
        ids = room.database.collection_ids(check_parent(parent), reading.at)
    room.database.meter.add(reads=1)
    page, token = _page(ids, request.page_token, request.page_size or PAGE_SIZE)
    return CollectionIdsResponse(collection_ids=page, next_page_token=token)


def _page(items: list[str], token: str, size: int) -> tuple[list[str], str]:
    """A page of sorted items; its token is the last item of the page before."""
    if size < 0:
        raise invalid("a page size is negative")
    left = [item for item in items if item > token]
    return left[:size], left[size - 1] if 0 < size < len(left) else ""


def _document(rooms: Rooms, name: str) -> tuple[Room, str]:
    database, _ = split_name(name)
    room = rooms.get(database)
    return room, room.database.path(name)


def _mask(request: Any) -> Any:
    return read_mask(request.mask) if request.HasField("mask") else None
