"""Tokens on the wire: what the hub's own routes take and give."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

SCOPES_MAX = 100

Text = Annotated[str, Field(min_length=1, max_length=200)]


class TokenIn(BaseModel):
    """A token to make. `expires` is hours or days (`12h`, `90d`), null for no end; only a superuser names a `user`."""

    model_config = ConfigDict(extra="forbid")

    name: Text
    scopes: Annotated[list[Text], Field(max_length=SCOPES_MAX)] = []
    expires: Text | None = None
    user: Text | None = None


class TokenOut(BaseModel):
    """A token, without its secret."""

    id: str
    user_id: str
    name: str
    scopes: list[str]
    created_at: str
    expires_at: str | None
    last_used_at: str | None


class TokenMade(TokenOut):
    """A new token. `token` is its secret, which is shown this once."""

    token: str


class TokensOut(BaseModel):
    """The tokens of a user, oldest first."""

    tokens: list[TokenOut]
