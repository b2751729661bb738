"""The methods that read and write documents by name, and those of transactions: a request in, responses out.

Each method is handed the server's databases and its request; it answers with one message or several. What it refuses
it raises as Refused, which the server turns into a status. Queries are in `rpc_query.py`, lists in `rpc_list.py`.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from google.cloud.firestore_v1.types import firestore
from google.protobuf.empty_pb2 import Empty
from google.rpc.status_pb2 import Status

from tests.emulators.firestore.database import Result
from tests.emulators.firestore.document import Message, project, to_time
from tests.emulators.firestore.limits import BATCH_WRITES_MAX, REQUEST_BYTES_MAX
from tests.emulators.firestore.path import check_database, check_id, split_name
from tests.emulators.firestore.reading import Reading, mask_of
from tests.emulators.firestore.refusal import invalid, missing
from tests.emulators.firestore.room import Room, Rooms
from tests.emulators.firestore.write import Write, target
from tests.emulators.rpc import Refused

BatchGetResponse = firestore.BatchGetDocumentsResponse.pb()
CommitResponse = firestore.CommitResponse.pb()
BatchWriteResponse = firestore.BatchWriteResponse.pb()
BeginResponse = firestore.BeginTransactionResponse.pb()


def get_document(rooms: Rooms, request: Any) -> Any:
    room, path = _document(rooms, request.name)
    reading = Reading(room, request)
    document = room.database.get(path, reading.at)
    if reading.transaction:
        reading.transaction.saw(path, document)
    room.database.meter.add(reads=1)
    if document is None:
        raise missing(f"No document at {request.name}")
    return project(document.message, mask_of(request))


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
    mask = mask_of(request)
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
    names = [target(write) for write in request.writes]
    if len(set(names)) < len(names):
        raise invalid("a BatchWrite cannot write a document twice")
    response = BatchWriteResponse()
    for result in room.database.apply_each(request.writes):
        if isinstance(result, Refused):
            response.write_results.add()
            response.status.append(Status(code=result.code.value[0], message=result.message))
        else:
            _add_result(response, result)
            response.status.add()
    return response


def _add_result(response: Any, result: Result) -> None:
    updated, values = result
    time = None if updated is None else to_time(updated)
    response.write_results.add(update_time=time, transform_results=values)


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
    return project(document.message, mask_of(request))


def delete_document(rooms: Rooms, request: Any) -> Any:
    room, _ = _document(rooms, request.name)
    write = Write(delete=request.name)
    if request.HasField("current_document"):
        write.current_document.CopyFrom(request.current_document)
    room.database.commit([write])
    return Empty()


def _document(rooms: Rooms, name: str) -> tuple[Room, str]:
    database, _ = split_name(name)
    room = rooms.get(database)
    return room, room.database.path(name)
