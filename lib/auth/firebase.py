"""Users of a Firebase project, told by their ID tokens.

Hides firebase-admin, which is asked whether an account was disabled or its tokens were revoked. The signature is
verified here, so that no setting of Firebase's tools can switch that off. Made by `open_visitors`; called
by `domain.visitor`. Source: Firebase's "Verify ID tokens" (the claims) and "Manage user sessions" (revocation).
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import NamedTuple

import firebase_admin
import firebase_admin.auth
import firebase_admin.exceptions
import google.auth.exceptions

from lib.auth.certificate import Certificates, fetch
from lib.auth.port import Claims, FederatedUser, Fetch
from lib.auth.signed import EARLY_S, Expected, Unfit, instant_s, verify
from lib.errors import Unavailable

CERTIFICATES_URL = "https://www.googleapis.com/robot/v1/metadata/x509/securetoken@system.gserviceaccount.com"
ISSUER = "https://securetoken.google.com/"
SUBJECT_CHARS_MAX = 128
NAME_CHARS_MAX = 200
GROUPS_MAX = 50
GROUP_CHARS_MAX = 200
STANDING_KNOWN_FOR = timedelta(seconds=10)
"""An account is asked for anew so often: a revocation holds that much later at most."""
STANDINGS_MAX = 10_000
ASK_S = 5
ASK_AGAIN_AFTER = timedelta(seconds=5)
"""After a failure nobody is asked about for so long: not every request must wait for it."""

log = logging.getLogger(__name__)


class AccountStatus(NamedTuple):
    """Whether an account may be used, and since when its tokens count, in epoch seconds."""

    is_disabled: bool
    valid_since_s: float


Ask = Callable[[str], AccountStatus | None]
"""The standing of a user id, None when there is no such user. Raises Unavailable."""


class FirebaseVisitors:
    """The Visitors port over one project. Safe to share between threads."""

    def __init__(self, project: str, fetch: Fetch = fetch, ask: Ask | None = None) -> None:
        self._authority = f"firebase:{project}"
        self._certificates = Certificates(CERTIFICATES_URL, fetch)
        self._expected = Expected(frozenset((ISSUER + project,)), project)
        self._ask = ask or Directory(project).standing
        self._standings: dict[str, tuple[datetime, AccountStatus | None]] = {}
        self._failed_at: datetime | None = None

    def check(self, token: str, now: datetime) -> FederatedUser | None:
        try:
            return self._visitor(token, now)
        except Unfit as error:
            log.info("a token was refused: %s", error)
            return None

    def _visitor(self, token: str, now: datetime) -> FederatedUser:
        claims = verify(token, now, self._certificates, self._expected)
        subject, email = claims.get("sub"), claims.get("email")
        if not isinstance(subject, str) or not 1 <= len(subject) <= SUBJECT_CHARS_MAX:
            raise Unfit("it has no subject")
        if not instant_s(claims, "auth_time") <= now.timestamp() + EARLY_S:
            raise Unfit("its login is not in the past")
        if not isinstance(email, str) or not _is_name(email) or claims.get("email_verified") is not True:
            raise Unfit("its account has no verified e-mail address")
        standing = self._standing(subject, now)
        if standing is None or standing.is_disabled:
            raise Unfit("its account is gone or disabled")
        if instant_s(claims, "iat") < standing.valid_since_s:
            raise Unfit("it was revoked")
        is_superuser = claims.get("superuser") is True
        return FederatedUser(self._authority, subject, _username(claims, email), email, _groups(claims), is_superuser)

    def _standing(self, subject: str, now: datetime) -> AccountStatus | None:
        known = self._standings.get(subject)
        if known is None or not known[0] <= now < known[0] + STANDING_KNOWN_FOR:
            known = (now, self._asked(subject, now))
            if len(self._standings) >= STANDINGS_MAX:
                self._standings.clear()
            self._standings[subject] = known
        return known[1]

    def _asked(self, subject: str, now: datetime) -> AccountStatus | None:
        if self._failed_at is not None and self._failed_at <= now < self._failed_at + ASK_AGAIN_AFTER:
            raise Unavailable("Firebase could not be asked a moment ago")
        try:
            return self._ask(subject)
        except Unavailable:
            self._failed_at = now
            raise


def _is_name(text: str) -> bool:
    return 1 <= len(text) <= NAME_CHARS_MAX and text.isprintable()


def _username(claims: Claims, email: str) -> str:
    """What the custom claim `username` says, else the address. Only an administrator of the project sets claims."""
    name = claims.get("username")
    return name if isinstance(name, str) and _is_name(name) else email


def _groups(claims: Claims) -> frozenset[str]:
    """The custom claim `groups`: none at all when any of it is no name of a group."""
    names = claims.get("groups", [])
    if isinstance(names, list) and len(names) <= GROUPS_MAX and all(map(_is_group, names)):
        return frozenset(names)
    log.warning("the claim `groups` of a token is no list of at most %d names, and grants nothing", GROUPS_MAX)
    return frozenset()


def _is_group(name: object) -> bool:
    return isinstance(name, str) and 1 <= len(name) <= GROUP_CHARS_MAX and name.isprintable()


class Directory:
    """The accounts of a project, as firebase-admin knows them; opened when first asked."""

    def __init__(self, project: str) -> None:
        self._project = project
        self._lock = threading.Lock()
        self._app: firebase_admin.App | None = None

    def standing(self, subject: str) -> AccountStatus | None:
        """The standing of a user. Raises Unavailable."""
        try:
            user = firebase_admin.auth.get_user(subject, self._opened())
        except firebase_admin.auth.UserNotFoundError:
            return None
        except (firebase_admin.exceptions.FirebaseError, google.auth.exceptions.GoogleAuthError) as error:
            log.warning("Firebase cannot be asked: %s", error)
            raise Unavailable("Firebase cannot be asked") from error
        return AccountStatus(user.disabled, user.tokens_valid_after_timestamp / 1000)

    def _opened(self) -> firebase_admin.App:
        with self._lock:
            if self._app is None:
                # A name of its own: the process may hold other apps, the default one too.
                options = {"projectId": self._project, "httpTimeout": ASK_S}
                self._app = firebase_admin.initialize_app(options=options, name=f"hub-{id(self):x}")
            return self._app
