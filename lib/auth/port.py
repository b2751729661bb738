"""The auth port: passwords and tokens. It knows crypto and claims, never a user record."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any, Literal, Protocol

Claims = Mapping[str, Any]
Purpose = Literal["verify", "reset"]


class Auth(Protocol):
    """Hashes and verifies passwords, mints and verifies tokens."""

    def hash(self, password: str) -> str:
        """A new hash (argon2id) of the password."""

    def verify(self, password: str, hashed: str) -> bool:
        """Whether the password has this hash, argon2id or bcrypt. An unreadable hash is a no, never an error.
        Takes as long for `hashed == ""` as for a real hash, so that an unknown user cannot be told by time."""

    def is_outdated(self, hashed: str) -> bool:
        """Whether the hash should be made anew at the next login (bcrypt, or weaker parameters)."""

    def mint(self, subject: str, now: datetime, expires_s: int | None = None) -> str:
        """A signed token for the subject; `expires_s` None takes the configured lifetime (kernelci.md 8)."""

    def check(self, token: str, now: datetime) -> Claims | None:
        """The claims of a token that is genuine and in force, else None. Never raises for what a client sent."""

    def seal(self, purpose: Purpose, claims: Claims, now: datetime, expires_s: int) -> str:
        """A signed token of these claims for one purpose; it is no session token, nor good for another purpose."""

    def unseal(self, purpose: Purpose, token: str, now: datetime) -> Claims | None:
        """The claims of a token that `seal` made for this purpose and that is in force, else None. Never raises for
        what a client sent."""
