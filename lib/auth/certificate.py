"""The certificates an issuer publishes, by key id: fetched when first needed, kept as long as their server says.

Hides HTTP and its caching. Called by `signed`; `fetch` is what the product uses, tests hand in their own. Source:
RFC 9111, 4.2 and 5.2.2.1 (`max-age`); the documents map a key id to a certificate in PEM.
"""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

import google.auth.exceptions
import google.auth.transport.requests

from lib.auth.port import Fetch
from lib.errors import Unavailable

FETCH_S = 5
BYTES_MAX = 256 * 1024
AGE_S_DEFAULT = 300
"""How long certificates are kept whose server does not say."""
AGE_S_MAX = 24 * 3600
RETRY_S = 5
"""A fetch that failed is not tried again for so long: no flood of tokens becomes a flood of fetches."""

_MAX_AGE = re.compile(r"(?:^|[,\s])max-age=(\d{1,9})(?:$|[,\s])", re.IGNORECASE)
_LONG_AGO = datetime(1, 1, 1, tzinfo=UTC)


def fetch(url: str) -> tuple[bytes, Mapping[str, str]]:
    """What the URL holds, by way of google-auth's transport. Raises Unavailable."""
    try:
        response = google.auth.transport.requests.Request()(url, method="GET", timeout=FETCH_S)
    except google.auth.exceptions.TransportError as error:
        raise Unavailable("certificates cannot be fetched") from error
    if response.status != 200:
        raise Unavailable(f"certificates cannot be fetched: status {response.status}")
    return response.data, {name.lower(): value for name, value in response.headers.items()}


class Certificates:
    """The certificates at one URL. Safe to share between threads."""

    def __init__(self, url: str, fetch: Fetch = fetch) -> None:
        self._url, self._fetch = url, fetch
        self._lock = threading.Lock()
        self._known: Mapping[str, str] = {}
        self._since = self._until = self._failed_at = _LONG_AGO

    def find(self, key_id: str, now: datetime) -> str | None:
        """The certificate of a key in PEM, None for a key that is not published. Raises Unavailable."""
        if not self._since <= now < self._until:
            with self._lock:
                if not self._since <= now < self._until:
                    self._refresh(now)
        return self._known.get(key_id)

    def _refresh(self, now: datetime) -> None:
        if self._failed_at <= now < self._failed_at + timedelta(seconds=RETRY_S):
            raise Unavailable("certificates cannot be fetched")
        try:
            body, headers = self._fetch(self._url)
            self._known = _decode(body)
        except Unavailable:
            self._failed_at = now
            raise
        self._since, self._until = now, now + timedelta(seconds=_age_s(headers))


def _decode(body: bytes) -> Mapping[str, str]:
    try:
        known = json.loads(body) if len(body) <= BYTES_MAX else None
    except (ValueError, RecursionError):
        known = None
    if not isinstance(known, dict) or not all(isinstance(pem, str) for pem in known.values()):
        raise Unavailable("certificates cannot be read")
    return known


def _age_s(headers: Mapping[str, str]) -> int:
    """How long what was fetched stays fresh: `max-age` less the time it lay in caches on its way."""
    found = _MAX_AGE.search(headers.get("cache-control", ""))
    if found is None:
        return AGE_S_DEFAULT
    age = headers.get("age", "0").strip()
    spent_s = int(age) if re.fullmatch(r"[0-9]{1,9}", age) else 0
    return max(0, min(int(found[1]) - spent_s, AGE_S_MAX))
