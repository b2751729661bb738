"""Visitors: users another authority vouches for. Each gets a record of its own here at its first request.

Called by `account` for a token that is none of ours. The record makes a visitor a user like any other (nodes name it as
their owner, an administrator can deactivate it), with names that nobody else has or had. It is never joined to a record
that is there already: whoever holds an address elsewhere is not therefore the one who holds it here.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from datetime import datetime

from lib.auth.port import FederatedUser, FederatedVerifier
from lib.clock import stamp
from lib.domain.account.account import FederatedLogin, User, to_body, unique_key
from lib.errors import Exists
from lib.ids import Ids
from lib.store.port import Store, Tx

KNOWN_MAX = 10_000

log = logging.getLogger(__name__)


@dataclass(slots=True)
class FederatedUsers:
    """Tells visitors by their tokens, and which user of ours each is."""

    store: Store
    ids: Ids
    visitors: FederatedVerifier
    _known: dict[str, str] = field(default_factory=dict)

    def vouch(self, token: str, now: datetime) -> FederatedLogin | None:
        """Who the token stands for, and what the authority grants; None for a token not in force, and for a visitor
        whose username or address another user has or had. Raises Unavailable."""
        visitor = self.visitors.check(token, now)
        if visitor is None:
            return None
        id = self._id_of(visitor, now)
        return None if id is None else FederatedLogin(id, visitor.groups, visitor.is_superuser)

    def _id_of(self, visitor: FederatedUser, now: datetime) -> str | None:
        link = unique_key("visitor", f"{visitor.authority}:{visitor.subject}")
        id = self._known.get(link)
        if id is None:
            doc = self.store.load("unique", link)
            id = doc.body["id"] if doc is not None else self._provide(visitor, link, now)
            if id is None:
                log.warning("%s user %r: the username or address is taken here", visitor.authority, visitor.subject)
                return None
            # The link never changes: a deleted user's visitor stays linked to nobody.
            if len(self._known) >= KNOWN_MAX:
                self._known.clear()
            self._known[link] = id
        return id

    def _provide(self, visitor: FederatedUser, link: str, now: datetime) -> str | None:
        """Make the visitor's record; gives its id, or None when one of its names is taken."""
        user = User(
            id=self.ids.record(now), username=visitor.username, email=visitor.email, hashed_password="",
            received_at=stamp(now), is_verified=True, authority=visitor.authority,
        )  # fmt: skip
        names = [unique_key("username", user.username), unique_key("email", user.email.casefold())]

        def work(tx: Tx) -> str | None:
            linked, *taken = tx.load_many("unique", [link, *names])
            if linked is not None:
                id: str = linked.body["id"]
                return id
            if any(taken):
                return None
            for key in (link, *names):
                tx.create("unique", key, {"id": user.id})
            tx.create("user", user.id, to_body(user))
            return user.id

        try:
            return self.store.transact(work)
        except Exists:  # two first requests at the same time, and the other one was first
            doc = self.store.load("unique", link)
            return None if doc is None else doc.body["id"]
