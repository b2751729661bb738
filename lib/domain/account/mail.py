"""Letters: tokens that prove an address, sent by mail, to verify a user or to set a forgotten password (kernelci.md 2.2
and 8).

Asking never tells whether an address has an account: the answer is the same and is given before anything is looked up.
A token is of use once: what it was made for is true only until then.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from lib.auth.port import Auth, Purpose
from lib.domain.account.account import Accounts, User
from lib.errors import Coded, NotFound
from lib.outbound.port import Mail, Post

LIFETIME_S = 3600
QUIET = timedelta(minutes=1)
"""No second letter of a kind goes to an address so soon, whoever asks how often."""
REMEMBERED_MAX = 10_000

_VERIFY = (
    "Verify your account",
    "This token verifies the address of the account {name}. It is in force for an hour:\n\n{token}\n\n"
    "Nobody else needs it. If you know of no such account, do nothing.\n",
)
_RESET = (
    "Set a new password",
    "Somebody asked for a new password for the account {name}. This token sets one; it is in force for an hour and of "
    "use once:\n\n{token}\n\nNobody else needs it. If it was not you who asked, do nothing.\n",
)


@dataclass(slots=True)
class AccountMail:
    """Ask for a token, use one. `post` None: no mail is written; an administrator hands tokens out."""

    accounts: Accounts
    auth: Auth
    post: Post | None
    _asked: dict[tuple[str, str], datetime] = field(default_factory=dict)

    def ask_verify(self, email: str, now: datetime) -> None:
        """Send a verify token to a user who is not verified yet."""
        user = self._addressee("verify", email, now)
        if user is not None and not user.is_verified:
            self._send(user, _VERIFY, self.verify_token(user, now))

    def ask_reset(self, email: str, now: datetime) -> None:
        """Send a reset token to a user whose password is kept here."""
        user = self._addressee("reset", email, now)
        if user is not None and not user.authority:
            self._send(user, _RESET, self.reset_token(user, now))

    def verify_token(self, user: User, now: datetime) -> str:
        """A token that verifies a user while the address stays what it is."""
        return self.auth.seal("verify", {"sub": user.id, "email": user.email}, now, LIFETIME_S)

    def reset_token(self, user: User, now: datetime) -> str:
        """A token that sets a user's password while the password stays what it is."""
        return self.auth.seal("reset", {"sub": user.id, "password_fgpt": _fingerprint(user)}, now, LIFETIME_S)

    def verify(self, token: str, now: datetime) -> User:
        """Verify the user of a token. Raises Coded."""
        claims = self.auth.unseal("verify", token, now) or {}

        def check(user: User) -> None:
            if not user.is_active or user.email != claims.get("email"):
                raise Coded("VERIFY_USER_BAD_TOKEN")
            if user.is_verified:
                raise Coded("VERIFY_USER_ALREADY_VERIFIED")

        return self._use(claims.get("sub"), {"is_verified": True}, check, Coded("VERIFY_USER_BAD_TOKEN"))

    def reset(self, token: str, password: str, now: datetime) -> User:
        """Set the password of the user of a token. Raises Coded, Invalid for a password that is none."""
        claims = self.auth.unseal("reset", token, now) or {}

        def check(user: User) -> None:
            if not user.is_active or _fingerprint(user) != claims.get("password_fgpt"):
                raise Coded("RESET_PASSWORD_BAD_TOKEN")

        return self._use(claims.get("sub"), {"password": password}, check, Coded("RESET_PASSWORD_BAD_TOKEN"))

    def _use(self, subject: object, changes: dict[str, object], check: Callable[[User], None], refusal: Coded) -> User:
        """Change the user in the transaction that checks the token, so that two uses at once are one."""
        if not isinstance(subject, str):
            raise refusal
        try:
            return self.accounts.edit(subject, changes, check=check)
        except NotFound:
            raise refusal from None

    def _addressee(self, purpose: Purpose, email: str, now: datetime) -> User | None:
        """The active user of an address who gets a letter now."""
        if self.post is None:
            return None
        key = purpose, email.casefold()
        last = self._asked.get(key)
        if last is not None and last <= now < last + QUIET:
            return None
        user = self.accounts.by_email(email)
        if user is None or not user.is_active:
            return None
        if len(self._asked) >= REMEMBERED_MAX:
            self._asked.clear()
        self._asked[key] = now
        return user

    def _send(self, user: User, letter: tuple[str, str], token: str) -> None:
        subject, text = letter
        assert self.post is not None
        self.post.send(Mail(user.email, subject, text.format(name=user.username, token=token)))


def _fingerprint(user: User) -> str:
    """What tells one password of a user from the next, and nothing else of it."""
    return hashlib.sha256(f"{user.id}:{user.hashed_password}".encode()).hexdigest()
