"""The routes `/tokens`: a user makes, lists and revokes tokens of his own, a superuser those of any user."""

from __future__ import annotations

from typing import Any

from lib.dialects.wire import Access, Reply, Request, Route, decode_body, reply_json
from lib.domain.account.access import Actor
from lib.domain.account.token import Token
from lib.domain.hub import Hub
from lib.errors import Forbidden, NotFound
from schemas.token import TokenIn, TokenMade, TokenOut, TokensOut

BODY_BYTES_MAX = 64 * 1024


def create(request: Request, hub: Hub) -> Reply:
    """A new token; the one answer that has its secret."""
    wanted = decode_body(request, TokenIn)
    owner = _owner(request, hub, wanted.user)
    token, secret = hub.tokens.create(owner, wanted.name, wanted.scopes, wanted.expires, request.now)
    request.remarks = {"token": token.id}
    return reply_json({**encode_token(token), "token": secret}, 201)


def find(request: Request, hub: Hub) -> Reply:
    """The tokens of the caller, or of the `user` that a superuser names."""
    owner = _owner(request, hub, dict(request.query).get("user"))
    return reply_json({"tokens": [encode_token(token) for token in hub.tokens.find(owner.id)]})


def revoke(request: Request, hub: Hub) -> Reply:
    """A token is good for nothing from now on."""
    hub.tokens.revoke(request.params["id"], request.caller)
    return Reply(204)


def encode_token(token: Token) -> dict[str, Any]:
    """What is shown of a token."""
    return {name: getattr(token, name) for name in TokenOut.model_fields}


def _owner(request: Request, hub: Hub, username: str | None) -> Actor:
    """Whose tokens are asked for. Raises Forbidden and NotFound."""
    caller = request.caller
    if username in (None, caller.username):
        return caller
    if not caller.is_superuser:
        raise Forbidden("Only a superuser looks after the tokens of other users")
    user = hub.accounts.by_name(username or "")
    if user is None:
        raise NotFound("user", username)
    return user.as_actor()


ROUTES = (
    Route(
        "POST", "/tokens", create, "user", Access.USER, body_bytes_max=BODY_BYTES_MAX, takes=TokenIn, gives=TokenMade,
        summary="Make a token; a superuser for any `user`",
    ),
    Route(
        "GET", "/tokens", find, "user", Access.USER, gives=TokensOut, params=("user",),
        summary="One's own tokens; for a superuser those of a `user`",
    ),
    Route(
        "DELETE", "/tokens/{id}", revoke, "user", Access.USER, gives=None,
        summary="Revoke a token of one's own; a superuser any",
    ),
)  # fmt: skip
