"""Google service accounts, told by their OpenID Connect tokens: what Cloud Scheduler and Pub/Sub push send.

Made by `open_oidc`; called by the edge. Source: Google's documentation of both.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime

from lib.auth.certificate import Certificates, fetch
from lib.auth.port import Fetch
from lib.auth.signed import Expected, Unfit, verify

ISSUERS = frozenset(("accounts.google.com", "https://accounts.google.com"))
CERTIFICATES_URL = "https://www.googleapis.com/oauth2/v1/certs"

log = logging.getLogger(__name__)


class GoogleOidc:
    """The Oidc port. `audience` is what tokens must be made for. Safe to share between threads."""

    def __init__(self, audience: str, fetch: Fetch = fetch) -> None:
        self._certificates = Certificates(CERTIFICATES_URL, fetch)
        self._expected = Expected(ISSUERS, audience)

    def check(self, token: str, now: datetime, accounts: Collection[str]) -> str | None:
        try:
            return self._account(token, now, accounts)
        except Unfit as error:
            log.info("a token was refused: %s", error)
            return None

    def _account(self, token: str, now: datetime, accounts: Collection[str]) -> str:
        claims = verify(token, now, self._certificates, self._expected)
        email = claims.get("email")
        if not isinstance(email, str) or claims.get("email_verified") is not True:
            raise Unfit("it names no verified account")
        if email not in accounts:
            raise Unfit("its account is not allowed here")
        return email
