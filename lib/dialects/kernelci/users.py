"""KernelCI handlers of users: logging in, registering, reading, changing (kernelci.md 2.2)."""

from __future__ import annotations

from typing import Any

from lib.dialects.kernelci.codec_query import USER_FIELDS, decode_filters
from lib.dialects.kernelci.codec_user import decode_form, decode_user_edit, encode_user, encode_user_doc
from lib.dialects.kernelci.listing import LISTING_KEYS, reply_listing
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, decode_body, reply_json
from lib.domain.hub import Hub
from lib.errors import Invalid, NotFound, Unauthenticated
from lib.ids import is_node_id
from schemas.kernelci.body import LoginIn, PasswordIn, RegisterIn, TokenRead, UserEdit, UserPage, UserRead

FORM_BYTES_MAX = 64 * 1024
FLAGS = frozenset(("is_active", "is_superuser", "is_verified"))
"""What users cannot change of themselves; passed over in silence (kernelci.md 2.2)."""


def login(request: Request, hub: Hub) -> Reply:
    """POST /user/login: a form, not JSON."""
    form = decode_form(request, LoginIn)
    token = hub.accounts.login(form.username, form.password, request.now)
    return reply_json({"access_token": token, "token_type": "bearer"})


def logout(request: Request, hub: Hub) -> Reply:
    """POST /user/logout: nothing is kept of a login, so the token stays in force (kernelci.md 2.2)."""
    return Reply(204)


def whoami(request: Request, hub: Hub) -> Reply:
    """GET /whoami"""
    user = hub.accounts.get(request.caller.id)
    if user is None:
        raise Unauthenticated
    return reply_json(encode_user(user))


def register(request: Request, hub: Hub) -> Reply:
    """POST /user/register, POST /user: the new user is not verified yet."""
    wanted = decode_body(request, RegisterIn)
    user = hub.accounts.register(
        wanted.username, wanted.email, wanted.password, request.now,
        is_superuser=wanted.is_superuser, groups=wanted.groups,
    )  # fmt: skip
    return reply_json(encode_user(user))


def read(request: Request, hub: Hub) -> Reply:
    """GET /user/{id}: one answer for an id that is unknown and one that cannot be."""
    user = hub.accounts.get(request.params["id"])
    return reply_json({"detail": "Not Found"}, 404) if user is None else reply_json(encode_user(user))


def edit_me(request: Request, hub: Hub) -> Reply:
    """PATCH /user/me"""
    caller = request.caller
    changes = decode_user_edit(decode_body(request, UserEdit))
    if "groups" in changes and not caller.is_superuser:
        raise Invalid("groups", "only an administrator changes groups")
    return _edit(hub, caller.id, {name: value for name, value in changes.items() if name not in FLAGS})


def edit(request: Request, hub: Hub) -> Reply:
    """PATCH /user/{id}: `groups` replaces the set, an empty list empties it."""
    id = request.params["id"].lower()
    if not is_node_id(id):
        raise Invalid("user_id", "not an id of 24 hex digits")
    return _edit(hub, id, decode_user_edit(decode_body(request, UserEdit)))


def _edit(hub: Hub, id: str, changes: dict[str, Any]) -> Reply:
    return reply_json(encode_user(hub.accounts.edit(id, changes)))


def delete(request: Request, hub: Hub) -> Reply:
    """DELETE /user/{id}: 200 and null, not 204."""
    id = request.params["id"].lower()
    if not is_node_id(id):
        raise NotFound("user", id)
    hub.accounts.delete(id)
    return reply_json(None)


def update_password(request: Request, hub: Hub) -> Reply:
    """POST /user/update-password: a form; the old password is the credential."""
    form = decode_form(request, PasswordIn)
    hub.accounts.update_password(form.username, form.password, form.new_password)
    return reply_json(None)


def find(request: Request, hub: Hub) -> Reply:
    """GET /users"""
    params = Params(request)
    filters = decode_filters(params.given, USER_FIELDS, LISTING_KEYS)
    return reply_listing(params, filters, hub.accounts.find, hub.accounts.count, encode_user_doc)


ROUTES = (
    Route(
        "POST", "/user/login", login, "user", takes=LoginIn, is_form=True, gives=TokenRead,
        body_bytes_max=FORM_BYTES_MAX, summary="Log in with a form",
    ),
    Route("POST", "/user/logout", logout, "user", Access.VERIFIED, gives=None, summary="Log out"),
    Route("GET", "/whoami", whoami, "user", Access.VERIFIED, quick=True, gives=UserRead, summary="Who the token is"),
    Route(
        "POST", "/user/register", register, "user", Access.SUPER, takes=RegisterIn, gives=UserRead,
        summary="Create a user",
    ),
    Route("POST", "/user", register, "user", Access.SUPER, takes=RegisterIn, gives=UserRead, summary="Create a user"),
    Route("GET", "/user/{id}", read, "user", Access.USER, quick=True, gives=UserRead, summary="Read a user"),
    Route(
        "PATCH", "/user/me", edit_me, "user", Access.USER, takes=UserEdit, gives=UserRead,
        summary="Change one's own account",
    ),
    Route(
        "PATCH", "/user/{id}", edit, "user", Access.SUPER, takes=UserEdit, gives=UserRead, summary="Change a user"
    ),
    Route("DELETE", "/user/{id}", delete, "user", Access.SUPER, gives=None, summary="Delete a user"),
    Route(
        "POST", "/user/update-password", update_password, "user", takes=PasswordIn, is_form=True, gives=None,
        body_bytes_max=FORM_BYTES_MAX, summary="Change a password, knowing the old one",
    ),
    Route(
        "GET", "/users", find, "user", Access.USER, gives=UserPage,
        params=("limit", "offset", "<field>", "<field>__<operator>"), summary="Find users",
    ),
)  # fmt: skip
