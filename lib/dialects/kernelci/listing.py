"""KernelCI pages of small lists: users, groups, telemetry. Nodes have more to say (`lists`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from lib.dialects.kernelci.codec import Wire, encode_page
from lib.dialects.kernelci.codec_query import LIMIT, LIMIT_DEFAULT, OFFSET
from lib.dialects.params import Params
from lib.dialects.wire import Reply, reply_json
from lib.domain.query.query import Filter, Query

if TYPE_CHECKING:
    from lib.store.port import Doc

LISTING_KEYS = ("limit", "offset")

Filters = tuple[Filter, ...]


def reply_listing(
    params: Params,
    filters: Filters,
    find: Callable[[Query], list[Doc]],
    count: Callable[[Filters], int],
    encode: Callable[[Mapping[str, Any]], Wire],
) -> Reply:
    """The page that `limit` and `offset` ask for, of the records that meet the filters."""
    limit, offset = params.value("limit", LIMIT, LIMIT_DEFAULT), params.value("offset", OFFSET, 0)
    docs = find(Query(filters, limit, offset))
    return reply_json(encode_page([encode(doc.body) for doc in docs], count(filters), limit, offset))
