"""Deliveries: mails and webhooks of watches, sent at least once (kcidb.md 4.4).

A delivery is written with the event that it tells of and lives until it was sent. Each try is claimed first: whoever
claims it puts off its time, so that two sweeps seldom send it twice and a killed one is made up for. What fails is
tried again after growing pauses, then given up; what was given up is kept for a month, and counted in the watch's
state.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

import orjson

from lib.clock import Clock, stamp
from lib.domain.account.account import Accounts, User
from lib.domain.event.event import News
from lib.domain.notify.watch import Watch, Watches
from lib.errors import Refusal
from lib.outbound.port import Courier, Mail, Post
from lib.store.port import Body, Doc, Scan, Store, Tx, Where

log = logging.getLogger(__name__)

PAUSES = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800))
"""Before each further try. One that fails after the last is given up: about 16 hours after the first."""
LEASE = timedelta(seconds=90)
"""How long a try may take before another one begins."""
FAILED_KEPT = timedelta(days=30)
MAILS_EVERY = timedelta(minutes=1)
"""What is to be mailed is gathered for so long, so that a watch fills no mailbox with letters."""
LETTER_MAX = 100
"""Most objects that one letter tells of."""
LOOK_MAX = 20
REST_MAX = timedelta(hours=1)
"""How long a watch in trouble rests at most before its next try."""
RUN_FOR = timedelta(seconds=20)
"""A run begins no further try after so long; the next one goes on."""
SUBJECT_CHARS_MAX = 200
LINE_CHARS_MAX = 300
SIGNATURE = "x-hub-signature-256"
"""The header that proves a body: `sha256=` and the hex HMAC-SHA256 of the body under the watch's secret."""


def prepare(tx: Tx, watch: Watch, news: News, now: datetime) -> None:
    """Have an event delivered as its watch wants, in the transaction that tells of it."""
    if watch.action == "event":
        return
    due = now
    if watch.action == "mail":
        # The same instant for all that is gathered.
        every_s = MAILS_EVERY.total_seconds()
        due += timedelta(seconds=every_s - now.timestamp() % every_s)
    assert news.body is not None
    body = {
        "watch": watch.id, "state": "waiting", "due_at": stamp(due), "attempts": 0, "at": stamp(now),
        "event": {"id": news.key, "source": news.body["source"], "type": news.body["type"], "data": news.body["data"]},
    }  # fmt: skip
    tx.create("kcidb_delivery", news.key, body)


class Refused(Exception):
    """The far side did not take it; the text says so in words that hold no secret."""


@dataclass(slots=True)
class Deliveries:
    """Sends what is due."""

    store: Store
    watches: Watches
    accounts: Accounts
    clock: Clock
    post: Post | None
    courier: Courier | None

    def run(self, now: datetime) -> int:
        """Send what is due, as long as RUN_FOR allows; gives how many were sent. A watch whose delivery failed rests
        for a while, longer each time: what waits for it costs nothing meanwhile, and holds up no other watch."""
        standing = {s.watch.id: s.watch for s in self.watches.standing(now)}
        watches = [w for w in standing.values() if w.action != "event"]
        due = (Where("due_at", "<=", stamp(now)),)
        docs = self.store.find("kcidb_delivery", Scan(due, "due_at", LOOK_MAX)).docs if watches else []
        if not docs:
            return 0
        self._drop_orphans([doc for doc in docs if doc.body["watch"] not in standing])
        # Another one comes first each time, however often this runs, so that no busy watch is always in front.
        first = zlib.crc32(stamp(now).encode()) % len(watches)
        awake = [w for w in (*watches[first:], *watches[:first]) if not _is_resting(w, now)]
        return sum(self._serve(watch, due, now) for watch in awake)

    def _drop_orphans(self, docs: Sequence[Doc]) -> None:
        """Drop what waits for a watch that is gone; not for one that another process made just now."""
        ids = list({doc.body["watch"] for doc in docs})
        there = {doc.key for doc in self.store.load_many("kcidb_watch", ids) if doc is not None} if ids else set()
        self._forget([doc.key for doc in docs if doc.body["watch"] not in there])

    def _serve(self, watch: Watch, due: tuple[Where, ...], now: datetime) -> int:
        """Send what is due of one watch, one by one or as letters, until one fails; gives how many were sent."""
        scan = Scan((Where("watch", "==", watch.id), *due), "due_at", LETTER_MAX)
        size = LETTER_MAX if watch.action == "mail" else 1
        sent = 0
        while keys := [doc.key for doc in self.store.find("kcidb_delivery", scan).docs]:
            for start in range(0, len(keys), size):
                if self.clock() - now >= RUN_FOR:
                    return sent
                claimed = self._claim(keys[start : start + size], now)
                try:
                    if claimed:
                        self._send(watch, claimed)
                except Refused as error:
                    self._put_off(watch, claimed, str(error), now)
                    return sent
                self._forget([doc.key for doc in claimed], watch)
                sent += len(claimed)
        return sent

    def _claim(self, keys: Sequence[str], now: datetime) -> list[Doc]:
        """Those that are still due, now ours for the time of a lease."""

        def work(tx: Tx) -> list[Doc]:
            docs = [d for d in tx.load_many("kcidb_delivery", keys) if d is not None and _is_due(d.body, now)]
            claimed = []
            for doc in docs:
                body = {**doc.body, "attempts": doc.body["attempts"] + 1, "due_at": stamp(now + LEASE)}
                claimed.append(Doc(doc.key, tx.save("kcidb_delivery", doc.key, body), body))
            return claimed

        return self.store.transact(work)

    def _send(self, watch: Watch, docs: Sequence[Doc]) -> None:
        """One try. Raises Refused."""
        user = self.accounts.get(watch.user_id)
        if user is None or not user.is_active:
            raise Refused("its user is no longer active")
        try:
            if watch.action == "mail":
                self._mail(watch, user, docs)
            else:
                self._call(watch, docs[0])
        except Refused:
            raise
        except Refusal as error:
            raise Refused(str(error)) from error
        except Exception as error:
            # Whatever a stranger's server makes of an answer, the others are sent. Not the text: it may hold the URL.
            raise Refused(f"an unexpected {type(error).__name__}") from None

    def _call(self, watch: Watch, doc: Doc) -> None:
        if self.courier is None:
            raise Refused("no webhook is called from here")
        body = orjson.dumps(envelope(doc.body))
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if watch.secret:
            headers[SIGNATURE] = sign(watch.secret, body)
        answer = self.courier.post(watch.target, body, headers)
        if not 200 <= answer.status < 300:
            raise Refused(f"the answer was {answer.status}")

    def _mail(self, watch: Watch, user: User, docs: Sequence[Doc]) -> None:
        is_own = user.is_verified and user.email.casefold() == watch.target.casefold()
        if self.post is None or not (is_own or (watch.is_free and user.is_superuser)):
            raise Refused("the address is no longer the verified one of its user")
        self.post.deliver(Mail(watch.target, *letter(watch, [doc.body["event"]["data"] for doc in docs])))

    def _forget(self, keys: Sequence[str], watch: Watch | None = None) -> None:
        """These were sent; if the watch was in trouble, it is no more."""
        if not keys:
            return

        def work(tx: Tx) -> None:
            stored = tx.load("kcidb_watch", watch.id) if watch is not None and watch.trouble is not None else None
            for key in keys:
                tx.drop("kcidb_delivery", key)
            if stored is not None:
                tx.save("kcidb_watch", stored.key, {**stored.body, "trouble": None})

        self.store.transact(work)
        if watch is not None and watch.trouble is not None:
            self.watches.forget()

    def _put_off(self, watch: Watch, docs: Sequence[Doc], what: str, now: datetime) -> None:
        """Another try later, or none; the watch says what went wrong."""
        log.warning("watch %s: a delivery failed: %s", watch.id, what)

        def work(tx: Tx) -> None:
            stored = tx.load("kcidb_watch", watch.id)
            held = {d.key: d for d in tx.load_many("kcidb_delivery", [doc.key for doc in docs]) if d is not None}
            for doc in docs:
                # Sent or claimed by another since: that one's to say.
                if doc.key in held and held[doc.key].rev == doc.rev:
                    tx.save("kcidb_delivery", doc.key, _after_failure(doc.body, what, now))
            if stored is not None:
                trouble = _trouble(stored.body["trouble"], what, now)
                tx.save("kcidb_watch", watch.id, {**stored.body, "trouble": trouble})

        self.store.transact(work)
        self.watches.forget()


def _is_resting(watch: Watch, now: datetime) -> bool:
    return watch.trouble is not None and watch.trouble["until"] > stamp(now)


def _trouble(before: Body | None, what: str, now: datetime) -> Body:
    """The trouble of a watch after one more failure: `times` in a row, and `until` when it rests."""
    times = 1 if before is None else before["times"] + 1
    rest = min(PAUSES[min(times, len(PAUSES)) - 1], REST_MAX)
    return {"at": stamp(now), "what": what, "times": times, "until": stamp(now + rest)}


def _is_due(body: Body, now: datetime) -> bool:
    return body["due_at"] is not None and body["due_at"] <= stamp(now)


def _after_failure(body: Body, what: str, now: datetime) -> Body:
    attempts = body["attempts"]
    if attempts > len(PAUSES):
        return {**body, "state": "failed", "due_at": None, "error": what, "expires_at": stamp(now + FAILED_KEPT)}
    return {**body, "due_at": stamp(now + PAUSES[attempts - 1]), "error": what}


def envelope(body: Body) -> dict[str, Any]:
    """The CloudEvent that a webhook is sent: the same, however often."""
    event = body["event"]
    return {
        "specversion": "1.0",
        "id": event["id"],
        "source": event["source"],
        "type": event["type"],
        "time": body["at"],
        "datacontenttype": "application/json",
        "data": event["data"],
    }


def sign(secret: str, body: bytes) -> str:
    """The value of SIGNATURE."""
    return f"sha256={hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()}"


def letter(watch: Watch, events: Sequence[dict[str, Any]]) -> tuple[str, str]:
    """Subject and text of a mail that tells of these events."""
    first = events[0]
    what = f"{first['kind']} {first['id']}" if len(events) == 1 else f"{len(events)} objects"
    lines = [f"Your watch {watch.id} waits for objects that are ready for: {watch.purpose}.", ""]
    for event in events:
        verdict = ", ".join(f"{name} {_words(value)}" for name, value in event["verdict"].items())
        corrected = " (corrected)" if event["op"] == "corrected" else ""
        timeout = " (by timeout)" if event["by_timeout"] else ""
        lines.append(_line(f"{event['kind']} {event['id']}: {verdict or 'ready'}{corrected}{timeout}"))
        lines += [_line(f"    {name}: {_words(value)}") for name, value in event["summary"].items()]
    lines += ["", "To hear no more of it, end the watch: DELETE /kcidb/watches/" + watch.id, ""]
    return _line(f"{watch.purpose}: {what}", SUBJECT_CHARS_MAX), "\n".join(lines)


def _words(value: Any) -> str:
    if isinstance(value, dict):
        return " ".join(f"{count} {name}" for name, count in value.items())
    if isinstance(value, list):
        return " ".join(map(_words, value))
    if value is None:
        return "unknown"
    return str(value).lower() if isinstance(value, bool) else str(value)


def _line(text: str, chars_max: int = LINE_CHARS_MAX) -> str:
    """One line of it: ids and paths are a stranger's texts."""
    return "".join(c if c.isprintable() else " " for c in text[:chars_max])
