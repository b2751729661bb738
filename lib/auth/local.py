"""Passwords and tokens on this machine: argon2id and bcrypt hashes, HMAC-signed JSON web tokens (kernelci.md 8).

Hides the crypto libraries. Made by `open_auth`; called by `domain.account`.
"""

from __future__ import annotations

import base64
import hashlib
import secrets
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any, NamedTuple

import argon2
import bcrypt
import jwt
from jwt.types import Options

from lib.auth.port import TOKEN_CHARS_MAX, Claims, Purpose

AUDIENCE = "fastapi-users:auth"
"""`aud` of a session token. Tokens for other purposes (verify, reset) carry another one."""
KNOWN_MAX = 4096
"""Most tokens remembered as genuine."""
HASHES_AT_ONCE = 4
"""Most passwords hashed at the same time: each takes 19 MiB, and logins must not eat the machine."""
BCRYPT_BYTES_MAX = 72
"""bcrypt reads no more of a password; hashes of longer ones were made of this much."""

# OWASP's first choice for argon2id; argon2-cffi's own defaults take 64 MiB, too much for a small function.
TIME_COST, MEMORY_KIB, LANES = 2, 19 * 1024, 1
_NO_ISSUER_CLOCK: Options = {"verify_exp": False, "verify_nbf": False, "verify_iat": False, "require": ["sub", "aud"]}
_ORIGINS: Options = {**_NO_ISSUER_CLOCK, "verify_aud": False, "require": ["exp", "origin"]}


class _VerifiedToken(NamedTuple):
    """A token whose signature was verified: its claims and when they are in force, in epoch seconds."""

    claims: Claims
    begins: float
    ends: float


class LocalAuth:
    """The auth port over secrets of our own. Safe to share between threads.

    `secrets` verify, in order; the first one signs. `expires_s` is the lifetime of a token, None for no end.
    """

    def __init__(self, secret_keys: Sequence[str], *, algorithm: str = "HS256", expires_s: int | None = None) -> None:
        self._keys = tuple(secret_keys)
        self._algorithm = algorithm
        self._expires_s = expires_s
        self._known: dict[bytes, _VerifiedToken] = {}
        self._strange: dict[bytes, None] = {}  # apart, so that no stranger makes us forget those we know
        self._hasher = argon2.PasswordHasher(TIME_COST, MEMORY_KIB, LANES)
        self._nobody = _hash_of_nothing()
        self._seats = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def hash(self, password: str) -> str:
        with self._seats:
            return self._hasher.hash(_bytes(password))

    def verify(self, password: str, hashed: str) -> bool:
        given = _bytes(password)
        with self._seats:
            try:
                if hashed.startswith("$2"):
                    return bcrypt.checkpw(given[:BCRYPT_BYTES_MAX], hashed.encode())
                return self._hasher.verify(hashed or self._nobody, given) and bool(hashed)
            except (argon2.exceptions.VerificationError, argon2.exceptions.InvalidHashError, ValueError):
                return False

    def is_outdated(self, hashed: str) -> bool:
        try:
            used = argon2.extract_parameters(hashed)
        except argon2.exceptions.InvalidHashError:
            return True
        # Stronger ones, as other systems make them, may stay.
        return used.type is not argon2.Type.ID or used.time_cost < TIME_COST or used.memory_cost < MEMORY_KIB

    def mint(self, subject: str, now: datetime, expires_s: int | None = None) -> str:
        claims: dict[str, Any] = {"sub": subject, "aud": [AUDIENCE]}
        lifetime_s = self._expires_s if expires_s is None else expires_s
        if lifetime_s is not None:
            claims["exp"] = int(now.timestamp()) + lifetime_s
        return jwt.encode(claims, self._keys[0], self._algorithm)

    def check(self, token: str, now: datetime) -> Claims | None:
        known = self._genuine(token, self._verified, b"")
        return known.claims if known is not None and known.begins <= now.timestamp() < known.ends else None

    def vouch(self, origins: Sequence[str], now: datetime, expires_s: int, name: str) -> str:
        claims = {"origin": list(origins), "jti": name, "exp": int(now.timestamp()) + expires_s}
        return jwt.encode(claims, self._keys[0], self._algorithm)

    def vouched(self, token: str, now: datetime) -> Claims | None:
        known = self._genuine(token, self._submitter, b"submitter:")
        return known.claims if known is not None and known.begins <= now.timestamp() < known.ends else None

    def seal(self, purpose: Purpose, claims: Claims, now: datetime, expires_s: int) -> str:
        ends = int(now.timestamp()) + expires_s
        return jwt.encode({**claims, "aud": [_audience(purpose)], "exp": ends}, self._keys[0], self._algorithm)

    def unseal(self, purpose: Purpose, token: str, now: datetime) -> Claims | None:
        if len(token) > TOKEN_CHARS_MAX:
            return None
        try:
            # Only our own key: whoever holds the second one mints sessions, not these.
            claims = jwt.decode(
                token, self._keys[0], algorithms=[self._algorithm], audience=_audience(purpose),
                options=_NO_ISSUER_CLOCK,
            )  # fmt: skip
            return claims if now.timestamp() < _instant(claims.get("exp"), 0.0) else None
        except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
            return None

    def _genuine(
        self, token: str, verify: Callable[[str], _VerifiedToken | None], sort: bytes
    ) -> _VerifiedToken | None:
        """What `verify` makes of a token, remembered: it does not depend on the time."""
        if len(token) > TOKEN_CHARS_MAX:
            return None
        # The digest, not the token, is the key, so that no memory dump holds a list of tokens.
        digest = hashlib.sha256(sort + _bytes(token)).digest()
        known = self._known.get(digest)
        if known is None and digest not in self._strange:
            known = verify(token)
            memory: dict[bytes, Any] = self._strange if known is None else self._known
            if len(memory) >= KNOWN_MAX:
                memory.clear()
            memory[digest] = known
        return known

    def _submitter(self, token: str) -> _VerifiedToken | None:
        """The token if one of the keys signed it and it names origins. Whom it was made for does not matter: unified
        tokens are good for several services (kcidb.md 3.3)."""
        for key in self._keys:
            try:
                claims = jwt.decode(token, key, algorithms=[self._algorithm], options=_ORIGINS)
                begins, ends = _instant(claims.get("nbf"), 0.0), _instant(claims["exp"], 0.0)
                origins = _names(claims["origin"])
            except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
                continue
            return _VerifiedToken({**claims, "origin": origins}, begins, ends)
        return None

    def _verified(self, token: str) -> _VerifiedToken | None:
        """The token if one of the keys signed it and its claims are well formed."""
        for key in self._keys:
            try:
                claims = jwt.decode(
                    token, key, algorithms=[self._algorithm], audience=AUDIENCE, options=_NO_ISSUER_CLOCK
                )
                begins, ends = _instant(claims.get("nbf"), 0.0), _instant(claims.get("exp"), float("inf"))
            except (jwt.InvalidTokenError, ValueError, TypeError, RecursionError):
                continue
            return _VerifiedToken(claims, begins, ends)
        return None


def _audience(purpose: Purpose) -> str:
    return f"fastapi-users:{purpose}"


def _bytes(text: str) -> bytes:
    """UTF-8, whatever a client sent: a lone surrogate must not be an error."""
    return text.encode("utf-8", "surrogatepass")


def _names(value: object) -> tuple[str, ...]:
    """The texts of a claim that is one or a list of them. Raises ValueError for anything else."""
    names = [value] if isinstance(value, str) else value
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise ValueError("not a list of names")
    return tuple(names)


def _instant(value: object, absent: float) -> float:
    """Epoch seconds of a claim. Raises ValueError for what is no number."""
    if value is None:
        return absent
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("not a number")
    try:
        return float(value)
    except OverflowError as error:
        raise ValueError("no instant") from error


def _hash_of_nothing() -> str:
    """A hash no password has, of today's cost: verifying against it takes as long as against a real one."""
    salt, digest = (base64.b64encode(secrets.token_bytes(n)).decode().rstrip("=") for n in (16, 32))
    return f"$argon2id$v=19$m={MEMORY_KIB},t={TIME_COST},p={LANES}${salt}${digest}"
