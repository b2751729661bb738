"""Watches: who is to be told when an object is ready for a purpose, and how (kcidb.md 4.4).

A watch names a purpose, says by a filter which objects it means, and what to do: write an event, which every watch
does, and send a mail or call a webhook beside it. `follower.py` finds what is ready, `sender.py` says to whom it is
delivered.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from lib.clock import stamp
from lib.domain.account.access import Actor
from lib.domain.event.delivery import COLLECTION as DELIVERIES
from lib.domain.event.event import MERGED_CHANNEL
from lib.domain.event.follower import Follower
from lib.domain.event.retention import drop_found
from lib.domain.query.operator import holds
from lib.domain.readiness.catalog import PurposeCatalog
from lib.domain.readiness.form import read_values
from lib.domain.readiness.purpose import ROUTES, Purpose
from lib.domain.readiness.readiness import Missing, Relatives, Report, climb
from lib.domain.report.path import FIELDS, check_path, value_at
from lib.domain.report.report import SINGULAR
from lib.errors import Forbidden, Invalid, NotFound
from lib.ids import Ids
from lib.outbound.port import Courier
from lib.store.port import Body, Scan, Store, Tx, Where

WATCHES_MAX = 1000
WATCHES_PER_USER_MAX = 50
FILTERS_MAX = 20
ADDRESS_CHARS_MAX = 320
SECRET_CHARS_MAX = 500
KNOWN_FOR = timedelta(seconds=1)
"""A watch that another process made is heeded that much later."""
DROPPED_AT_ONCE = 200
BATCHES_MAX = 10
_KINDS = {name: kind for kind, name in SINGULAR.items()}


@dataclass(frozen=True, slots=True)
class Watch:
    """One watch. `filter`: path → values, any of which will do; `checkout.tree_name` is of the object's checkout.
    `action` is `event`, `mail` or `webhook`, `target` its address. `is_free`: an administrator gave the address,
    which holds as long as he is one.
    `trouble` is what went wrong last with its deliveries."""

    id: str
    user_id: str
    user: str
    purpose: str
    filter: Mapping[str, tuple[str | int | bool, ...]]
    action: str
    target: str
    secret: str
    is_free: bool
    created_at: str
    trouble: Mapping[str, Any] | None = None

    def matches(self, report: Report, kin: Relatives) -> bool:
        """Whether the watch means this object."""
        return all(_meets(report, path, values, kin) for path, values in self.filter.items())

    @property
    def relations(self) -> frozenset[str]:
        """The kinds above an object that the filter speaks of."""
        return frozenset(_KINDS[head] for path in self.filter if (head := path.partition(".")[0]) in _KINDS)


def _meets(report: Report, path: str, values: tuple[str | int | bool, ...], kin: Relatives) -> bool:
    if path == "kind":
        return report.kind in values
    head, _, rest = path.partition(".")
    if head in _KINDS:
        kind = _KINDS[head]
        if kind != report.kind:
            found = climb(report, kind, kin) if (report.kind, kind) in ROUTES else None
            if found is None or isinstance(found, Missing):
                return False
            report = found
        path = rest
    value = value_at(report.fields, path)
    return holds("in", value if isinstance(value, list) else [value], values)


@dataclass(frozen=True, slots=True)
class ActiveWatch:
    """A watch and its purpose."""

    watch: Watch
    purpose: Purpose


@dataclass(slots=True)
class Watches:
    """Make, show and end watches. `has_post`: whether mail can be sent; without a courier nobody is called."""

    store: Store
    purposes: PurposeCatalog
    ids: Ids
    courier: Courier | None
    has_post: bool
    log: Follower = field(init=False)
    """Where `follower.py` stands; `waiting` beside the position are its open pages."""
    _known: tuple[datetime, list[Watch]] | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        self.log = Follower(self.store, MERGED_CHANNEL, "cursor", "watchman", "position")

    def make(self, actor: Actor, data: Mapping[str, Any], now: datetime) -> Watch:
        """A new watch, told of what becomes ready from now on. `data` has `purpose`, `filter` and `action`, of the
        right types. Raises Invalid with the path of the fault, Forbidden for the address of somebody else."""
        catalog = self.purposes.catalog(now)
        purpose = catalog.get(data["purpose"])
        if purpose is None:
            raise Invalid("purpose", f"there is no such purpose; there are {', '.join(catalog)}")
        filter = _read_filter(data["filter"], purpose)
        action, target = self._action(actor, data["action"])
        secret = data["action"].get("secret") or ""
        if len(secret) > SECRET_CHARS_MAX:
            raise Invalid("action.secret", f"has at most {SECRET_CHARS_MAX} characters")
        self._refuse_too_many(actor)
        watch = Watch(
            self.ids.record(now), actor.id, actor.username, purpose.name, filter, action, target, secret,
            actor.is_superuser, stamp(now),
        )  # fmt: skip
        last = self.store.last(MERGED_CHANNEL)

        def work(tx: Tx) -> None:
            is_first = not tx.find("kcidb_watch", Scan(limit=1)).docs
            if not purpose.is_builtin and tx.load("kcidb_purpose", purpose.name) is None:
                raise Invalid("purpose", "there is no such purpose")
            # Without watches the log is not read: the first one begins at its end.
            self.log.start(tx, last, is_anew=is_first, waiting=[])
            tx.create("kcidb_watch", watch.id, _to_body(watch))

        self.store.transact(work)
        self._known = None
        return watch

    def _action(self, actor: Actor, action: Mapping[str, Any]) -> tuple[str, str]:
        """The action and its address. Exactly one of `event`, `mail` and `webhook` is given."""
        if (url := action.get("webhook")) is not None:
            if self.courier is None:
                raise Invalid("action.webhook", "no webhook is called from here")
            try:
                self.courier.check(url)
            except Invalid as error:
                raise Invalid("action.webhook", error.message) from None
            return "webhook", url
        if (address := action.get("mail")) is None:
            return "event", ""
        if not self.has_post:
            raise Invalid("action.mail", "no mail is sent from here")
        if len(address) > ADDRESS_CHARS_MAX or "@" not in address or not address.isprintable() or " " in address:
            raise Invalid("action.mail", f"must be an address, of at most {ADDRESS_CHARS_MAX} characters")
        if not actor.is_superuser and not (actor.is_verified and address.casefold() == actor.email.casefold()):
            raise Forbidden("Mail goes to the verified address of your own account only")
        return "mail", address

    def _refuse_too_many(self, actor: Actor) -> None:
        if self.store.count("kcidb_watch", (Where("user", "==", actor.id),)) >= WATCHES_PER_USER_MAX:
            raise Invalid("", f"a user has at most {WATCHES_PER_USER_MAX} watches")
        if self.store.count("kcidb_watch", ()) >= WATCHES_MAX:
            raise Invalid("", f"there are {WATCHES_MAX} watches already, which is the most")

    def find(self, actor: Actor) -> list[Watch]:
        """The actor's watches, oldest first; all, for a superuser."""
        where = () if actor.is_superuser else (Where("user", "==", actor.id),)
        return [_from_body(d.body) for d in self.store.find("kcidb_watch", Scan(where, limit=WATCHES_MAX)).docs]

    def get(self, actor: Actor, id: str) -> Watch:
        """One watch. Raises NotFound, for one of another user too."""
        try:
            doc = self.store.load("kcidb_watch", id)
        except Invalid:
            doc = None
        watch = None if doc is None else _from_body(doc.body)
        if watch is None or not (actor.is_superuser or watch.user_id == actor.id):
            raise NotFound("watch", id)
        return watch

    def state(self, watch: Watch) -> dict[str, int]:
        """How many objects it was told of, and how many deliveries wait or were given up."""
        mine = Where("watch", "==", watch.id)
        of_state = {s: self.store.count(DELIVERIES, (mine, Where("state", "==", s))) for s in ("waiting", "failed")}
        return {"fired": self.store.count("kcidb_fired", (mine,)), **of_state}

    def drop(self, actor: Actor, id: str) -> None:
        """End a watch, with what still waits to be sent. Raises NotFound."""
        watch = self.get(actor, id)
        self.store.transact(lambda tx: tx.drop("kcidb_watch", watch.id))
        self._known = None
        mine = Scan((Where("watch", "==", watch.id),), limit=DROPPED_AT_ONCE)
        for collection in ("kcidb_due", DELIVERIES):
            # What is left of very much is dropped when it is due.
            drop_found(self.store, collection, mine, BATCHES_MAX)

    def standing(self, now: datetime) -> list[ActiveWatch]:
        """All watches with their purposes, as of a second ago at most."""
        known = self._known
        if known is None or not known[0] <= now < known[0] + KNOWN_FOR:
            page = self.store.find("kcidb_watch", Scan(limit=WATCHES_MAX))
            known = self._known = now, [_from_body(doc.body) for doc in page.docs]
        if not known[1]:
            return []
        catalog = self.purposes.catalog(now)
        return [ActiveWatch(watch, catalog[watch.purpose]) for watch in known[1] if watch.purpose in catalog]

    def forget(self) -> None:
        """Read the watches anew when they are asked for next."""
        self._known = None


def _read_filter(data: Mapping[str, Any], purpose: Purpose) -> dict[str, tuple[str | int | bool, ...]]:
    if len(data) > FILTERS_MAX:
        raise Invalid("filter", f"has at most {FILTERS_MAX} conditions")
    made = {}
    for path, value in data.items():
        made[path] = read_values(value if isinstance(value, list) else [value], f"filter.{path}")
    kinds = made.get("kind", tuple(purpose.needs))
    if wrong := [kind for kind in kinds if kind not in purpose.needs]:
        raise Invalid("filter.kind", f"the purpose {purpose.name} says nothing of {wrong[0]}")
    for path in made:
        if path != "kind":
            _check_filter(path, [str(kind) for kind in kinds])
    return made


def _check_filter(path: str, kinds: list[str]) -> None:
    """Refuse a path that none of the kinds has."""
    where, (head, _, rest) = f"filter.{path}", path.partition(".")
    if head in _KINDS:
        target = _KINDS[head]
        if not any(kind == target or (kind, target) in ROUTES for kind in kinds):
            raise Invalid(where, f"no {head} is above {', '.join(kinds)}")
        check_path(target, rest, where)
        return
    faults = []
    for kind in kinds:
        try:
            check_path(kind, path, where)
        except Invalid as error:
            faults.append(error)
    if len(faults) == len(kinds):
        if path in FIELDS["checkouts"] and any((kind, "checkouts") in ROUTES for kind in kinds):
            raise Invalid(where, f"no field of {', '.join(kinds)}; of the checkout it is checkout.{path}")
        raise max(faults, key=lambda fault: "did you mean" in fault.message)


def fired_key(watch_id: str, store_key: str) -> str:
    """The key of what a watch was told of an object, and the id of the event that told it."""
    return hashlib.sha256(f"{watch_id}\0{store_key}".encode()).hexdigest()


def _to_body(watch: Watch) -> Body:
    return {name: getattr(watch, name) for name in Watch.__dataclass_fields__}


def _from_body(body: Body) -> Watch:
    filter = {path: tuple(values) for path, values in body["filter"].items()}
    return Watch(**{**body, "filter": filter})
