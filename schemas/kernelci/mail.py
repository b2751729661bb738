"""KernelCI wire models: verifying an address and setting a forgotten password (kernelci.md 2.2)."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, StringConstraints

from schemas.kernelci.body import Email

Token = Annotated[str, StringConstraints(max_length=10_000)]


class AddressIn(BaseModel):
    """The address of the user who requests a token."""

    email: Email


class VerifyIn(BaseModel):
    """A token that verifies a user."""

    token: Token


class ResetIn(BaseModel):
    """A token that sets a password, and the password."""

    token: Token
    password: Annotated[str, StringConstraints(min_length=1)]
