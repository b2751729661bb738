"""KernelCI handlers of users: logging in, registering, reading (kernelci.md 2.2)."""

from __future__ import annotations

from lib.dialects.kernelci.codec import decode_form, encode_page, encode_user, encode_user_doc
from lib.dialects.kernelci.codec_query import (
    LIMIT,
    LIMIT_DEFAULT,
    OFFSET,
    USER_FIELDS,
    decode_filters,
    decode_param,
)
from lib.dialects.wire import Access, Reply, Request, Route, decode_body, reply_json
from lib.domain.hub import Hub
from lib.domain.query import Query
from lib.errors import Unauthenticated
from schemas.kernelci import LoginIn, RegisterIn, TokenRead, UserPage, UserRead

FORM_BYTES_MAX = 64 * 1024


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


def find(request: Request, hub: Hub) -> Reply:
    """GET /users"""
    pairs = request.query
    limit = decode_param(pairs, "limit", LIMIT, LIMIT_DEFAULT)
    offset = decode_param(pairs, "offset", OFFSET, 0)
    filters = decode_filters(pairs, USER_FIELDS, ("limit", "offset"))
    docs = hub.accounts.find(Query(filters, limit, offset))
    total = hub.accounts.count(filters)
    return reply_json(encode_page([encode_user_doc(d.body) for d in docs], total, limit, offset))


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
        "GET", "/users", find, "user", Access.USER, gives=UserPage,
        params=("limit", "offset", "<field>", "<field>__<operator>"), summary="Find users",
    ),
)  # fmt: skip
