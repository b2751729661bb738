"""The documented limits of the service ("Usage and limits", native mode), named in one place.

The number of writes in a Commit is not limited: the service dropped its limit of 500 in 2023. BatchWrite keeps it.
"""

from __future__ import annotations

DOCUMENT_BYTES_MAX = 1024 * 1024
ID_BYTES_MAX = 1500
NAME_BYTES_MAX = 6 * 1024
FIELD_NAME_BYTES_MAX = 1500
DEPTH_MAX = 20
"""Maps and arrays inside each other."""
COLLECTION_DEPTH_MAX = 100

REQUEST_BYTES_MAX = 10 * 1024 * 1024
TRANSACTION_BYTES_MAX = 10 * 1024 * 1024
"""Documents and index entries that one commit changes."""
TRANSACTION_S_MAX = 270
TRANSACTION_IDLE_S_MAX = 60
BATCH_WRITES_MAX = 500
TRANSFORMS_MAX = 500
"""Field transforms of one document in one commit."""

COMPOSITE_INDEXES_MAX = 1000
"""Of one database, where billing is enabled."""
FIELD_CONFIGURATIONS_MAX = 200
"""Fields of one database with an exemption or a TTL policy: the stricter of the figures in the documents."""
INDEX_FIELDS_MAX = 100
INDEX_ENTRIES_MAX = 40_000
INDEX_ENTRY_BYTES_MAX = 7680
INDEX_BYTES_MAX = 8 * 1024 * 1024
INDEXED_VALUE_BYTES_MAX = 1500

DISJUNCTIONS_MAX = 30
NOT_IN_VALUES_MAX = 10
INEQUALITY_FIELDS_MAX = 10
QUERY_PARTS_MAX = 100
"""Filters, orders and segments of the parent."""
AGGREGATIONS_MAX = 5

READ_TIME_S_MAX = 3600
"""How far back an old version can be read."""
