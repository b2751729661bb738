"""KernelCI handlers of user groups, of both generations (kernelci.md 2.3).

`/user-groups` is today's; `/group` and `/groups` are the older ones, which the client library still calls.
"""

from __future__ import annotations

from lib.dialects.kernelci.codec_query import GROUP_FIELDS, decode_filters
from lib.dialects.kernelci.codec_user import encode_group, encode_group_doc, encode_group_made
from lib.dialects.kernelci.listing import LISTING_KEYS, reply_listing
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, decode_body, reply_json
from lib.domain.hub import Hub
from lib.errors import Invalid, NotFound
from lib.ids import is_node_id
from schemas.kernelci.body import GroupIn, GroupMade, GroupPage, GroupRead

CREATED_CHANNEL = "user_group"


def make(request: Request, hub: Hub) -> Reply:
    """POST /user-groups: 200, not 201."""
    return reply_json(encode_group_made(hub.accounts.make_group(decode_body(request, GroupIn).name, request.now)))


def make_and_tell(request: Request, hub: Hub) -> Reply:
    """POST /group: the older one, which tells of it on a channel."""
    group = hub.accounts.make_group(decode_body(request, GroupIn).name, request.now)
    hub.journal.publish(request.caller, CREATED_CHANNEL, {"op": "created", "id": group.id}, request.now)
    return reply_json(encode_group_made(group))


def find(request: Request, hub: Hub) -> Reply:
    """GET /user-groups and GET /groups"""
    params = Params(request)
    filters = decode_filters(params.given, GROUP_FIELDS, LISTING_KEYS)
    return reply_listing(params, filters, hub.accounts.find_groups, hub.accounts.count_groups, encode_group_doc)


def read(request: Request, hub: Hub) -> Reply:
    """GET /user-groups/{id}"""
    id = decode_group_id(request)
    group = hub.accounts.group(id)
    if group is None:
        raise NotFound("group", id)
    return reply_json(encode_group(group))


def read_or_null(request: Request, hub: Hub) -> Reply:
    """GET /group/{id}: null for a group that is not there."""
    group = hub.accounts.group(decode_group_id(request))
    return reply_json(None if group is None else encode_group(group))


def delete(request: Request, hub: Hub) -> Reply:
    """DELETE /user-groups/{id}: refused while any user has it."""
    hub.accounts.delete_group(decode_group_id(request))
    return Reply(204)


def delete_everywhere(request: Request, hub: Hub) -> Reply:
    """DELETE /group/{id}: users that have it lose it."""
    hub.accounts.delete_group(decode_group_id(request), leave=True)
    return Reply(204)


def decode_group_id(request: Request) -> str:
    """The group id of the path; raises Invalid (400) for one that cannot be."""
    id = request.params["id"].lower()
    if not is_node_id(id):
        raise Invalid("group_id", "not an id of 24 hex digits")
    return id


_PARAMS = (*LISTING_KEYS, "name")

ROUTES = (
    Route(
        "POST", "/user-groups", make, "user", Access.SUPER, takes=GroupIn, gives=GroupMade, summary="Create a group"
    ),
    Route(
        "GET", "/user-groups", find, "user", Access.SUPER, gives=GroupPage, params=_PARAMS, summary="Find groups"
    ),
    Route("GET", "/user-groups/{id}", read, "user", Access.SUPER, gives=GroupRead, summary="Read a group"),
    Route(
        "DELETE", "/user-groups/{id}", delete, "user", Access.SUPER, gives=None,
        summary="Delete a group that no user has",
    ),
    Route("POST", "/group", make_and_tell, "user", Access.SUPER, takes=GroupIn, gives=GroupMade,
          summary="Create a group and publish that"),
    Route("GET", "/groups", find, "user", gives=GroupPage, params=_PARAMS, summary="Find groups"),
    Route("GET", "/group/{id}", read_or_null, "user", gives=GroupRead | None, summary="Read a group, null for none"),
    Route(
        "DELETE", "/group/{id}", delete_everywhere, "user", Access.SUPER, gives=None,
        summary="Delete a group and take it from its users",
    ),
)  # fmt: skip
