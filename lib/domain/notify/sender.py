"""Watches as senders: to whom their events are delivered, and what a watch keeps of deliveries that failed
(kcidb.md 4.4)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.account.account import Accounts
from lib.domain.event.delivery import PAUSES, Receiver, Refused
from lib.domain.notify.watch import Watch, Watches
from lib.store.port import Body, Tx

REST_MAX = timedelta(hours=1)
"""How long a watch in trouble rests at most before its next try."""
SUBJECT_CHARS_MAX = 200
LINE_CHARS_MAX = 300


def receiver_of(watch: Watch) -> Receiver:
    """Where the deliveries of a watch go; the secret is kept in the watch alone."""
    return Receiver(watch.action, watch.target, watch.id if watch.secret else "")


@dataclass(frozen=True, slots=True)
class WatchSender:
    """The watches for which something is delivered."""

    watches: Watches
    accounts: Accounts

    def owners(self, now: datetime) -> Sequence[WatchOwner]:
        """A watch whose delivery failed rests for a while, longer each time: its deliveries cost nothing meanwhile, and
        hold up no other watch."""
        watches = {one.watch.id: one.watch for one in self.watches.standing(now)}.values()
        return [WatchOwner(w, self) for w in watches if w.action != "event" and not _is_resting(w, now)]

    def missing(self, ids: set[str], now: datetime) -> set[str]:
        """Those that are not stored; not one that another process made just now."""
        unknown = sorted(ids - {one.watch.id for one in self.watches.standing(now)})
        docs = self.watches.store.load_many("kcidb_watch", unknown) if unknown else []
        return {id for id, doc in zip(unknown, docs, strict=True) if doc is None}


@dataclass(frozen=True, slots=True)
class WatchOwner:
    """A watch as the owner of deliveries."""

    watch: Watch
    sender: WatchSender

    @property
    def id(self) -> str:
        return self.watch.id

    @property
    def receiver(self) -> Receiver:
        return receiver_of(self.watch)

    def check(self, receiver: Receiver) -> None:
        """Refuse a user who is no longer active, and an address that is no longer his to give."""
        user = self.sender.accounts.get(self.watch.user_id)
        if user is None or not user.is_active:
            raise Refused("its user is no longer active")
        is_own = user.is_verified and user.email.casefold() == receiver.target.casefold()
        if receiver.action == "mail" and not (is_own or (self.watch.is_free and user.is_superuser)):
            raise Refused("the address is no longer the verified one of its user")

    def secret(self, reference: str) -> str:
        """The secret of the watch, the only one that a delivery of it refers to."""
        return self.watch.secret

    def compose(self, events: Sequence[dict[str, Any]]) -> tuple[str, str]:
        """Subject and text of a mail that tells of these events."""
        watch, first = self.watch, events[0]
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

    def note(self, tx: Tx, fault: str | None, now: datetime) -> None:
        """The watch says what went wrong last, until a delivery succeeds."""
        if fault is None and self.watch.trouble is None:
            return
        stored = tx.load("kcidb_watch", self.id)
        if stored is not None:
            trouble = None if fault is None else _trouble(stored.body["trouble"], fault, now)
            tx.save("kcidb_watch", self.id, {**stored.body, "trouble": trouble})
        self.sender.watches.forget()


def _is_resting(watch: Watch, now: datetime) -> bool:
    return watch.trouble is not None and watch.trouble["until"] > stamp(now)


def _trouble(before: Body | None, fault: str, now: datetime) -> Body:
    """The trouble of a watch after one more failure: `times` in a row, and `until` when it rests."""
    times = 1 if before is None else before["times"] + 1
    rest = min(PAUSES[min(times, len(PAUSES)) - 1], REST_MAX)
    return {"at": stamp(now), "what": fault, "times": times, "until": stamp(now + rest)}


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
