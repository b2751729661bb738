"""Tokens that Google signs: RS256, by a key whose certificate it publishes.

Hides google-auth. Called by `oidc` and `firebase`, which know what the claims mean. Source: OpenID Connect Core,
3.1.3.7.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

import google.auth.jwt

from lib.auth.certificate import Certificates
from lib.auth.port import TOKEN_CHARS_MAX, Claims

EARLY_S = 10
"""A token may come from a clock that is so far ahead of ours."""
_ANY_CLOCK_S = 10**11
"""Three thousand years of tolerance for the machine's clock: the instant handed in decides, below."""


class Unfit(Exception):
    """Why a token is not accepted: words for the operator's log, which say nothing of what the token holds."""


class Expected(NamedTuple):
    """Who must have made a token, and for whom."""

    issuers: frozenset[str]
    audience: str


def verify(token: str, now: datetime, certificates: Certificates, expected: Expected) -> Claims:
    """The claims of a token that is genuine, in force and made as expected. Raises Unfit for any other, and
    Unavailable when the certificates cannot be had."""
    certificate = certificates.find(_key_id(token), now)
    if certificate is None:
        raise Unfit("its key is not published")
    try:
        claims: Claims = google.auth.jwt.decode(token, certificate, clock_skew_in_seconds=_ANY_CLOCK_S)
    except Exception as error:
        # Nothing but the token is at work here, so whatever is raised is about the token.
        raise Unfit("it is not what its key signed") from error
    _check(claims, now.timestamp(), expected)
    return claims


def instant_s(claims: Claims, name: str) -> float:
    """A claim in epoch seconds. Raises Unfit."""
    value = claims.get(name)
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise Unfit(f"its {name} is no number")
    return value


def _key_id(token: str) -> str:
    """The key an RS256 token names; it says so itself, so nothing is believed of it yet."""
    if len(token) > TOKEN_CHARS_MAX or not token.isascii():
        raise Unfit("it is no web token")
    try:
        header = google.auth.jwt.decode_header(token)
    except Exception as error:
        raise Unfit("it is no web token") from error
    key_id = header.get("kid")
    if header.get("alg") != "RS256" or not isinstance(key_id, str):
        raise Unfit("it is not signed as Google signs")
    return key_id


def _check(claims: Claims, now_s: float, expected: Expected) -> None:
    """Refuse a genuine token that is not for us, or not for now."""
    issuer = claims.get("iss")
    if not isinstance(issuer, str) or issuer not in expected.issuers:
        raise Unfit("another issuer made it")
    if claims.get("aud") != expected.audience:
        raise Unfit("it was made for another audience")
    if not instant_s(claims, "iat") <= now_s + EARLY_S:
        raise Unfit("it is not in force yet")
    if not now_s < instant_s(claims, "exp"):
        raise Unfit("it has expired")
