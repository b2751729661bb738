"""A local stand-in for Firestore in native mode, spoken to by the official client (`google.firestore.v1` over gRPC).

    server     gRPC, and `start`              rpc        the methods of the service
    room       databases by name              database   commits; collection: documents and their old versions
    write      one write; transform           value      order and size; path, document, limits, refusal
    query      filter, scan, aggregate        plan       which index serves; index: the index file; entries
    transaction                               listen     meter: what the service would bill

In memory, for tests. What it does not do it refuses in words: vector search, explained queries, pipelines, streamed
writes. Nothing here knows the product.
"""

from tests.emulators.firestore.server import Server, start

__all__ = ["Server", "start"]
