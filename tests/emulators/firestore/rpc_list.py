"""The methods that list: documents of a collection, collections of a document."""

from __future__ import annotations

from typing import Any

from google.cloud.firestore_v1.types import firestore

from tests.emulators.firestore.document import Message, project
from tests.emulators.firestore.meter import query_reads
from tests.emulators.firestore.path import check_id, check_parent, split_name
from tests.emulators.firestore.reading import Reading, mask_of
from tests.emulators.firestore.refusal import invalid, unimplemented
from tests.emulators.firestore.room import Rooms

CollectionIdsResponse = firestore.ListCollectionIdsResponse.pb()
ListResponse = firestore.ListDocumentsResponse.pb()

PAGE_SIZE = 300
"""When the request does not say."""


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
    page, token = cut_page(sorted(documents.keys() | absent), request.page_token, request.page_size or PAGE_SIZE)
    room.database.meter.add(reads=query_reads(len(page)))
    mask = mask_of(request)
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
    page, token = cut_page(ids, request.page_token, request.page_size or PAGE_SIZE)
    return CollectionIdsResponse(collection_ids=page, next_page_token=token)


def cut_page(items: list[str], token: str, size: int) -> tuple[list[str], str]:
    """A page of sorted items; its token is the last item of the page before."""
    if size < 0:
        raise invalid("a page size is negative")
    left = [item for item in items if item > token]
    return left[:size], left[size - 1] if 0 < size < len(left) else ""
