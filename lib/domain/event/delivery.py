"""Deliveries: mails and webhooks about events, sent at least once, whoever has them sent.

A delivery names its owner, its receiver, the event, a reference to the secret that signs it, and the pauses between its
tries. It is written with the event and lives until it was sent. Each try is claimed first, so that two sweeps seldom
send it twice and a kill loses nothing. What fails is tried again after growing pauses, then given up, and kept for a
month. What an owner is, and what its state says of failures, is up to its `Sender`.
"""

from __future__ import annotations

import hashlib
import hmac
import logging
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from typing import Any, NamedTuple, Protocol

import orjson

from lib.clock import Clock, stamp
from lib.domain.event.due import claim, due, held
from lib.domain.event.event import News
from lib.errors import Refusal
from lib.outbound.port import Courier, Mail, Post
from lib.store.port import Body, Doc, Store, Tx, Where

log = logging.getLogger(__name__)

COLLECTION = "kcidb_delivery"
OWNER = "watch"
"""The stored name of the owner: watches were the first."""
PAUSES = tuple(timedelta(seconds=s) for s in (10, 30, 60, 300, 900, 1800, 3600, 7200, 14400, 28800))
"""Before each further try, unless a delivery has its own. One that fails after the last is given up: about 16 hours
after the first."""
LEASE = timedelta(seconds=90)
"""How long a try may take before another one begins."""
FAILED_KEPT = timedelta(days=30)
MAILS_EVERY = timedelta(minutes=1)
"""What is to be mailed is gathered for so long, so that no owner fills a mailbox."""
MAIL_EVENTS_MAX = 100
"""Most events of one mail."""
LOOK_MAX = 20
RUN_FOR = timedelta(seconds=20)
"""A run begins no further try after so long; the next one goes on."""
SIGNATURE = "x-hub-signature-256"
"""The header that proves a body: `sha256=` and the hex HMAC-SHA256 of the body under the secret."""


class Refused(Exception):
    """A try failed; the text says why in words that hold no secret."""


class Receiver(NamedTuple):
    """`action` is `mail` or `webhook`, `target` an address or a URL. `secret` refers to what signs a webhook, and "" to
    none: no delivery holds a secret."""

    action: str
    target: str
    secret: str = ""


class Owner(Protocol):
    """What deliveries are sent for. When one of its deliveries fails, its others wait for the next run."""

    @property
    def id(self) -> str: ...

    @property
    def receiver(self) -> Receiver:
        """The receiver of deliveries that were stored before they named their own."""

    def check(self, receiver: Receiver) -> None:
        """Raise Refused for a receiver to which nothing may be sent any more."""

    def secret(self, reference: str) -> str: ...

    def compose(self, events: Sequence[dict[str, Any]]) -> tuple[str, str]:
        """Subject and text of a mail about the data of these events."""

    def note(self, tx: Tx, fault: str | None, now: datetime) -> None:
        """Keep how a try ended, in its transaction: with a fault, or None. Reads are still allowed."""


class Sender(Protocol):
    """A kind of owners."""

    def owners(self, now: datetime) -> Sequence[Owner]:
        """Those for which deliveries may be sent now."""

    def missing(self, ids: set[str], now: datetime) -> set[str]:
        """Those of the ids that no stored owner of this kind has."""


def deliver(
    tx: Tx, owner: str, receiver: Receiver, news: News, now: datetime, pauses: Sequence[timedelta] = PAUSES
) -> None:
    """Have an event delivered, in the transaction that appends it."""
    due_at = now
    if receiver.action == "mail":
        # The same instant for all that is gathered.
        every_s = MAILS_EVERY.total_seconds()
        due_at += timedelta(seconds=every_s - now.timestamp() % every_s)
    assert news.body is not None
    body = {
        OWNER: owner, **receiver._asdict(), "pauses": [int(p.total_seconds()) for p in pauses], "state": "waiting",
        "due_at": stamp(due_at), "attempts": 0, "at": stamp(now),
        "event": {"id": news.key, **{name: news.body[name] for name in ("source", "type", "data")}},
    }  # fmt: skip
    tx.create(COLLECTION, news.key, body)


@dataclass(slots=True)
class Deliveries:
    """Sends what is due."""

    store: Store
    senders: Sequence[Sender]
    clock: Clock
    post: Post | None
    courier: Courier | None

    def run(self, now: datetime) -> int:
        """Send what is due, as long as RUN_FOR allows; gives how many were sent."""
        owners = [owner for sender in self.senders for owner in sender.owners(now)]
        docs = self.store.find(COLLECTION, due(now, LOOK_MAX)).docs if owners else []
        if not docs:
            return 0
        missing = {doc.body[OWNER] for doc in docs}
        for sender in self.senders:
            missing = sender.missing(missing, now)
        self._drop([doc for doc in docs if doc.body[OWNER] in missing])
        # Another one comes first each time, however often this runs, so that no busy owner is always in front.
        first = zlib.crc32(stamp(now).encode()) % len(owners)
        return sum(self._serve(owner, now) for owner in (*owners[first:], *owners[:first]))

    def _serve(self, owner: Owner, now: datetime) -> int:
        """Send what is due of one owner until one fails; gives how many were sent."""
        scan = due(now, MAIL_EVENTS_MAX, "due_at", Where(OWNER, "==", owner.id))
        sent = 0
        while docs := self.store.find(COLLECTION, scan).docs:
            for keys in _batches(docs, owner):
                if self.clock() - now >= RUN_FOR:
                    return sent
                claimed = claim(self.store, COLLECTION, keys, now, LEASE, _mark)
                try:
                    if claimed:
                        self._send(owner, claimed)
                except Refused as error:
                    self._put_off(owner, claimed, str(error), now)
                    return sent
                self._drop(claimed, lambda tx: owner.note(tx, None, now))
                sent += len(claimed)
        return sent

    def _send(self, owner: Owner, docs: Sequence[Doc]) -> None:
        """One try. Raises Refused."""
        receiver = _receiver(docs[0].body, owner)
        try:
            owner.check(receiver)
            (self._mail if receiver.action == "mail" else self._call)(owner, receiver, docs)
        except Refused:
            raise
        except Refusal as error:
            raise Refused(str(error)) from error
        except Exception as error:
            # Whatever a stranger's server makes of an answer, the others are sent. Not the text: it may hold the URL.
            raise Refused(f"an unexpected {type(error).__name__}") from None

    def _call(self, owner: Owner, receiver: Receiver, docs: Sequence[Doc]) -> None:
        if self.courier is None:
            raise Refused("no webhook is called from here")
        body = orjson.dumps(envelope(docs[0].body))
        headers = {"Content-Type": "application/cloudevents+json; charset=utf-8"}
        if receiver.secret:
            headers[SIGNATURE] = sign(owner.secret(receiver.secret), body)
        answer = self.courier.post(receiver.target, body, headers)
        if not 200 <= answer.status < 300:
            raise Refused(f"the answer was {answer.status}")

    def _mail(self, owner: Owner, receiver: Receiver, docs: Sequence[Doc]) -> None:
        if self.post is None:
            raise Refused("no mail is sent from here")
        self.post.deliver(Mail(receiver.target, *owner.compose([doc.body["event"]["data"] for doc in docs])))

    def _drop(self, docs: Sequence[Doc], note: Callable[[Tx], None] = lambda tx: None) -> None:
        """Drop what was sent, or will never be."""
        if not docs:
            return

        def work(tx: Tx) -> None:
            note(tx)
            for doc in docs:
                tx.drop(COLLECTION, doc.key)

        self.store.transact(work)

    def _put_off(self, owner: Owner, claimed: Sequence[Doc], fault: str, now: datetime) -> None:
        """Another try later, or none. One that was sent or claimed by another process since stays."""
        log.warning("a delivery of %s failed: %s", owner.id, fault)

        def work(tx: Tx) -> None:
            docs = held(tx, COLLECTION, claimed)
            owner.note(tx, fault, now)
            for doc in docs:
                tx.save(COLLECTION, doc.key, _after_failure(doc.body, fault, now))

        self.store.transact(work)


def _batches(docs: Sequence[Doc], owner: Owner) -> Iterator[list[str]]:
    """The keys of documents that are sent together: mails to one address, or a single webhook."""
    for receiver, some in groupby(docs, lambda doc: _receiver(doc.body, owner)):
        keys = [doc.key for doc in some]
        yield from [keys] if receiver.action == "mail" else ([key] for key in keys)


def _mark(body: Body) -> Body:
    return {"attempts": body["attempts"] + 1}


def _receiver(body: Body, owner: Owner) -> Receiver:
    return Receiver(body["action"], body["target"], body["secret"]) if "target" in body else owner.receiver


def _after_failure(body: Body, fault: str, now: datetime) -> Body:
    attempts = body["attempts"]
    pauses = [timedelta(seconds=s) for s in body["pauses"]] if "pauses" in body else PAUSES
    if attempts > len(pauses):
        return {**body, "state": "failed", "due_at": None, "error": fault, "expires_at": stamp(now + FAILED_KEPT)}
    return {**body, "due_at": stamp(now + pauses[attempts - 1]), "error": fault}


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
