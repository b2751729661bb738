"""The auth ports: passwords and tokens. They know crypto and claims, never a user record.

`Auth` is the hub's own. `Oidc` tells the cloud's service accounts, `Visitors` the users of another authority; both
verify what others signed, with certificates that are fetched.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol

TOKEN_CHARS_MAX = 8192
"""A longer token is refused unread."""

Claims = Mapping[str, Any]
Purpose = Literal["verify", "reset"]
Fetch = Callable[[str], tuple[bytes, Mapping[str, str]]]
"""What a URL holds: its body and its headers, by lower-case name. Raises Unavailable."""


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

    def vouch(self, origins: Sequence[str], now: datetime, expires_s: int, name: str) -> str:
        """A signed token of one who may submit for these origins (kcidb.md 3.5); `name` is its id, by which it can be
        revoked."""

    def vouched(self, token: str, now: datetime) -> Claims | None:
        """The claims of a token that names origins to submit for: genuine, in force, and with an end; `origin` is a
        tuple of names. Else None. Never raises for what a client sent."""

    def seal(self, purpose: Purpose, claims: Claims, now: datetime, expires_s: int) -> str:
        """A signed token of these claims for one purpose; it is no session token, nor good for another purpose."""

    def unseal(self, purpose: Purpose, token: str, now: datetime) -> Claims | None:
        """The claims of a token that `seal` made for this purpose and that is in force, else None. Never raises for
        what a client sent."""


class Oidc(Protocol):
    """Tells Google service accounts by the tokens that Google signs for them."""

    def check(self, token: str, now: datetime, accounts: Collection[str]) -> str | None:
        """The e-mail of the service account whose token this is: genuine, in force, made for us, and one of
        `accounts`; else None. Never raises for what a client sent; raises Unavailable when the certificates cannot be
        had."""


class FederatedUser(NamedTuple):
    """Somebody another authority vouches for. `subject` never changes there and is never given anew; `email` was
    verified there. `groups` and `is_superuser` are what it grants now."""

    authority: str
    subject: str
    username: str
    email: str
    groups: frozenset[str] = frozenset()
    is_superuser: bool = False


class FederatedVerifier(Protocol):
    """Verifies the tokens of users of another authority."""

    def check(self, token: str, now: datetime) -> FederatedUser | None:
        """Whose token this is: genuine, in force, made for us and not revoked; else None. Never raises for what a
        client sent; raises Unavailable when the authority cannot be asked. It may ask over the network, so an event
        loop must not call it."""
