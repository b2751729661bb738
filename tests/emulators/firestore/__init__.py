"""A local stand-in for Firestore in native mode, spoken to by the official client (`google.firestore.v1` over gRPC).

    server       gRPC, `start`, hooks for tests        rpc_document, rpc_query, rpc_list   the methods
    room         databases by name                     reading       as of when a request reads
    database     commits                               collection    documents and their old versions
    write        one write; transform                  transaction   optimistic; line: the turn of who lost
    document     a version and its fields              value, path   order, size, names; limits; refusal
    query        filter, scan, aggregate               listen        listeners
    index        the index file                        plan          which indexes serve; cost: what they scan
    entries      index entries of a document           meter         what the service would bill

In memory, for tests. What it does not do it refuses in words: vector search, pipelines, streamed writes, lists in an
order of fields. It has no security rules, delays or hot spots, and makes a database when it is first named. It knows
nothing of the product.
"""

from tests.emulators.firestore.server import Server, start

__all__ = ["Server", "start"]
