"""The core of the edge: what is done once for every request, whatever its dialect and whichever shell carries it.

`Edge.answer` routes, limits the body, authenticates, checks the standing a route asks for, runs the handler, catches
everything, counts, and logs exactly one line. The shells call it; they know bytes and sockets, this knows neither.
"""

from __future__ import annotations

import json
import logging
import re
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from time import perf_counter

from functions.edge import own
from functions.edge.table import Bound, Found, Match, Missed, Table
from lib import tally
from lib.auth.port import Oidc
from lib.dialects.wire import Access, Reply, Request, Wait, credential, status_of
from lib.domain.account.access import ADMIN, Actor
from lib.domain.hub import Hub
from lib.errors import Forbidden, NoMethod, Refusal, TooLarge, Unauthenticated

log = logging.getLogger(__name__)

METHODS = frozenset(("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "CONNECT"))
DROPPED = 499
"""What a poll is logged with when its client went away first; no such status is ever sent."""
RETRY_AFTER_S = 1


class RequestCounts:
    """How many requests each route answered with each status, since this process began. Never grows past
    routes x statuses, since neither comes from a client."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._counts: dict[tuple[str, str, int], int] = {}

    def add(self, method: str, route: str, status: int) -> None:
        """One more request."""
        key = (method, route, status)
        with self._lock:
            self._counts[key] = self._counts.get(key, 0) + 1

    def all(self) -> Mapping[tuple[str, str, int], int]:
        """A copy: (method, route template, status) → requests."""
        with self._lock:
            return dict(self._counts)


@dataclass(slots=True)
class HeldPoll(Wait):
    """A Wait that the edge keeps its eye on: `poll` and `otherwise` never raise, and whichever ends it logs the
    request. `drop` is for a shell whose client went away."""

    drop: Callable[[], None]


@dataclass(slots=True)
class _Call:
    """One request under way."""

    request: Request
    label: str
    began: float
    bound: Bound | None = None
    cost: tally.Tally = field(default_factory=tally.Tally)


@dataclass(frozen=True, slots=True)
class ServiceAccounts:
    """The service accounts that may use a route, by the access it asks for. Without `oidc` none may."""

    oidc: Oidc | None = None
    allowed: Mapping[Access, frozenset[str]] = field(default_factory=dict)

    def admit(self, token: str, access: Access, now: datetime) -> Actor | None:
        """The account a token stands for, if it is one of those."""
        accounts = self.allowed.get(access)
        account = self.oidc.check(token, now, accounts) if self.oidc is not None and accounts else None
        return None if account is None else Actor(account, account, account)


class Edge:
    """Answers requests with the hub it is given. One a process; safe to share between threads."""

    def __init__(
        self,
        hub: Hub,
        table: Table,
        counts: RequestCounts | None = None,
        say: Callable[[str], object] | None = None,
        service_accounts: ServiceAccounts = ServiceAccounts(),
    ) -> None:
        self.hub = hub
        self._service_accounts = service_accounts
        self.table = table
        self.counts = counts if counts is not None else RequestCounts()
        self._say = say or log.info

    def match(self, method: str, path: str) -> Match:
        """The route of a request, for a shell that must know it before it reads the body."""
        return self.table.match(method, path)

    def answer(self, request: Request, match: Match | None = None) -> Reply | HeldPoll:
        """The reply to a request, or the poll it became. Never raises."""
        began = perf_counter()
        if match is None:
            match = self.table.match(request.method, request.path)
        if type(match) is Missed:
            return self._miss(_Call(request, match.label, began), match)
        assert type(match) is Found
        bound, request.params = match
        call = _Call(request, bound.path, began, bound)
        route = bound.route
        counting = tally.begin(call.cost)
        try:
            if len(request.body) > route.body_bytes_max:
                raise TooLarge(f"a body here has at most {route.body_bytes_max} bytes")
            if route.access is not Access.PUBLIC:
                request.actor = self._admit(request, bound)
            result = route.handler(request, self.hub)
        except Exception as error:
            return self._refuse(call, error)
        finally:
            tally.end(counting)
        if isinstance(result, Wait):
            return self._hold(call, result)
        return self._done(call, result)

    def refuse(self, request: Request, found: Found, error: Refusal) -> Reply:
        """The reply to a request that a shell itself must refuse: its body is too large, or does not arrive."""
        return self._refuse(_Call(request, found.bound.path, perf_counter(), found.bound), error)

    def _admit(self, request: Request, bound: Bound) -> Actor:
        """The caller, once it has the standing and its token the scope that the route asks for."""
        token, access, now = credential(request), bound.route.access, request.now
        if (account := self._service_accounts.admit(token, access, now)) is not None:
            return account
        if access is Access.SUBMITTER and (actor := self.hub.submitters.actor_of(token, now)) is not None:
            return actor
        if access is Access.PUSH:
            raise Unauthenticated
        actor = self.hub.tokens.actor_of(token, now) or self.hub.accounts.actor_of(token, now)
        if actor is None:
            raise Unauthenticated
        if not actor.permits(bound.route.scope):
            raise Forbidden(f"The token lacks the scope {bound.route.scope or ADMIN}")
        if access in (Access.SUPER, Access.SCHEDULER) and not actor.is_superuser:
            raise Forbidden
        if access is Access.VERIFIED and not actor.is_verified:
            raise Forbidden
        return actor

    def _miss(self, call: _Call, missed: Missed) -> Reply:
        try:
            return self._done(call, missed.answer(call.request))
        except Exception as error:
            return self._refuse(call, error)

    def _hold(self, call: _Call, wait: Wait) -> HeldPoll:
        def poll(now: datetime) -> Reply | None:
            counting = tally.begin(call.cost)
            try:
                reply = wait.poll(now)
            except Exception as error:
                return self._refuse(call, error)
            finally:
                tally.end(counting)
            return None if reply is None else self._done(call, reply)

        def otherwise() -> Reply:
            try:
                return self._done(call, wait.otherwise())
            except Exception as error:
                return self._refuse(call, error)

        def drop() -> None:
            self._note(call, DROPPED)

        return HeldPoll(wait.channels, wait.until, poll, otherwise, drop, blocking=wait.blocking)

    def _refuse(self, call: _Call, error: Exception) -> Reply:
        """The reply to what went wrong, in the shape of the dialect; an unexpected error is for the log alone."""
        status = status_of(error)
        shown = error if isinstance(error, Refusal) else Refusal("Internal Server Error")
        try:
            reply = (call.bound.dialect.refuse if call.bound else own.refuse)(shown, status)
        except Exception as second:
            error, reply = second, own.refuse(Refusal("Internal Server Error"), 500)
        if isinstance(shown, NoMethod) and not any(name == "allow" for name, _ in reply.headers):
            reply.headers = (*reply.headers, ("allow", ", ".join(shown.allow)))
        if reply.status == 503:
            reply.headers = (*reply.headers, ("retry-after", str(RETRY_AFTER_S)))
        return self._done(call, reply, error if reply.status >= 500 else None)

    def _done(self, call: _Call, reply: Reply, error: Exception | None = None) -> Reply:
        self._note(call, reply.status, error)
        actor, now, earlier = call.request.actor, call.request.now, reply.after
        if actor is not None and actor.token_id and self.hub.tokens.is_use_news(actor.token_id, now):
            # A commit is nothing for an event loop, which may run this.
            def after() -> None:
                self.hub.tokens.note_use(actor.token_id, now)
                if earlier is not None:
                    earlier()

            reply.after = after
        return reply

    def _note(self, call: _Call, status: int, error: Exception | None = None) -> None:
        """Count the request and log its line, with what it cost at a store that bills by the document: nothing of its
        query, body or headers."""
        request = call.request
        method = request.method if request.method in METHODS else "OTHER"
        self.counts.add(method, call.label, status)
        ms = (perf_counter() - call.began) * 1000
        actor = quoted(request.actor.username) if request.actor is not None else "-"
        line = (
            f"method={method} route={call.label} status={status} ms={ms:.1f}{call.cost} actor={actor} "
            f"request={request.id}"
        )
        if request.remarks:
            line += "".join(f" {name}={quoted(value)}" for name, value in request.remarks.items())
        if error is None:
            self._say(line)
        else:
            log.error("%s", line, exc_info=error)


_BARE = re.compile(r"[\w.@:+-]+\Z", re.ASCII)


def quoted(text: str) -> str:
    """A value for `key=value`: as it is when it cannot be mistaken, else as a JSON string, ASCII, on one line."""
    return text if _BARE.match(text) else json.dumps(text[:200])
