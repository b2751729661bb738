"""Submissions, stores that take them, and ways to be killed meanwhile: for the tests of the merge over stores."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

from lib.clock import stamp
from lib.dialects.kcidb.codec import decode, encode, read
from lib.domain.account.access import Actor
from lib.domain.event.ledger import Ledger
from lib.domain.ingest.intake import Intake, Receipt, Sender
from lib.domain.ingest.sent import Sent
from lib.domain.report.archive import Archive
from lib.domain.report.canonical import canonical, digest
from lib.domain.report.report import COLLECTION, KINDS, SINGULAR, lift
from lib.store.port import Doc, Scan, Store
from lib.store.sqlite.store import SqliteStore
from tests import build
from tests.build import firestore
from tests.build.collision import FIELDS, Copy, model

SENDER = Sender(Actor("submitter:lab", "submitter:lab", origins=frozenset(["a"])), "rest")
LATER = timedelta(days=9)
"""After every submission, when the sweep takes up what was left."""
_names = itertools.count()


def open_sqlite() -> Callable[[], Store]:
    store = SqliteStore("", clock=lambda: build.NOW, rehearse=True)
    return lambda: store


def open_firestore() -> Callable[[], Store]:
    """Each store that it opens is another process's, of one database."""
    database = firestore.database_of(f"intake{next(_names)}")
    return lambda: firestore.open_store(database, clock=lambda: build.NOW)


STORES = {"sqlite": open_sqlite, "firestore": open_firestore}

Document = dict[str, Any]


class Submission(NamedTuple):
    """A document, and when it is received for the first time."""

    document: Document
    at: datetime

    @property
    def raw(self) -> bytes:
        return orjson.dumps(self.document)

    @property
    def sent(self) -> Sent:
        return decode(read(self.raw))


def _objects(kind: str) -> st.SearchStrategy[list[dict[str, Any]]]:
    required, optional = FIELDS[kind]
    ids = {"id": st.sampled_from(["a:x", "a:y"]), "origin": st.just("a")}
    one = st.fixed_dictionaries({**ids, **required}, optional=optional)
    return st.lists(one, min_size=1, max_size=2)


DOCUMENTS: st.SearchStrategy[Document] = st.fixed_dictionaries(
    {}, optional={kind: _objects(kind) for kind in KINDS}
).map(lambda lists: {"version": {"major": 5, "minor": 3}, **lists})


def submissions(min_size: int = 1, max_size: int = 4) -> st.SearchStrategy[list[Submission]]:
    """Different submissions, received in another order than that of the list."""
    found = st.lists(DOCUMENTS, min_size=min_size, max_size=max_size, unique_by=digest)
    return found.map(lambda some: [
        Submission(document, build.NOW + timedelta(hours=n * 3 % 5)) for n, document in enumerate(some)
    ])  # fmt: skip


class Killed(BaseException):
    """The process ends here."""


class Watched:
    """A store whose every call asks leave first: `before` and `after` may raise, or wait."""

    def __init__(self, store: Store, before: Callable[[str], None], after: Callable[[str], None]) -> None:
        self._store, self._before, self._after = store, before, after

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._store, name)
        if name not in ("transact", "load", "load_many", "find"):
            return found

        def call(*args: Any) -> Any:
            self._before(name)
            result = found(*args)
            self._after(name)
            return result

        return call


def killed_at(store: Store, commits: int, *, is_committed: bool = True) -> Any:
    """The store as a process sees it that is killed at so many commits: just after the last, or just before it."""
    left = [commits]

    def before(name: str) -> None:
        if name == "transact" and not is_committed and left[0] <= 1:
            raise Killed

    def after(name: str) -> None:
        if name == "transact":
            left[0] -= 1
            if left[0] <= 0:
                raise Killed

    return Watched(store, before, after)


def intake_of(store: Any) -> Intake:
    """The intake of a process of its own."""
    ledger = Ledger(store, build.RecordingBus(), lambda news: None, is_noting=True)
    return Intake(store, ledger, lambda raw, is_partial: decode(read(raw), is_partial=is_partial), "https://hub/")


def submit(intake: Intake, submission: Submission, now: datetime | None = None) -> Receipt:
    return intake.submit(submission.sent, submission.raw, SENDER, now or submission.at)


def is_killed(act: Callable[[], object]) -> bool:
    """Whether it was killed before it was done."""
    try:
        act()
    except Killed:
        return True
    return False


def docs(store: Store, collection: str) -> Iterator[Doc]:
    after = None
    while True:
        page = store.find(collection, Scan((), "", 500, after))
        yield from page.docs
        after = page.next
        if after is None:
            return


def state(store: Store) -> dict[str, bytes]:
    """Every report and excerpt, as canonical JSON; when they changed is no part of it."""
    names = (*(COLLECTION[kind] for kind in KINDS), "excerpt")
    return {
        f"{name} {doc.key}": canonical({field: value for field, value in doc.body.items() if field != "changed_at"})
        for name in names
        for doc in docs(store, name)
    }


def expected(some: Sequence[Submission]) -> dict[str, bytes]:
    """What `state` must be, whatever happened."""
    told: dict[Any, list[Copy]] = {}
    found = {}
    for submission in some:
        sent = submission.sent
        for key, fields in sent.copies:
            lifted, text = lift(fields)
            told.setdefault(key, []).append(Copy(lifted, sent.id, stamp(submission.at)))
            if text is not None:
                found[f"excerpt {digest(text)}"] = canonical({"text": text})
    for key, copies in told.items():
        found[f"{COLLECTION[key.kind]} {key.store_key}"] = canonical(model(key.kind, copies))
    return found


def export(store: Store) -> Document:
    """All views as one document, in an order of their own."""
    archive = Archive(store)
    found = {kind: archive.whole([doc.body["object"] for doc in docs(store, COLLECTION[kind])]) for kind in KINDS}
    return encode({kind: views for kind, views in found.items() if views})


def everything(store: Store) -> dict[str, Any]:
    """All that is stored, with its revs, and all that was told."""
    names = (*(COLLECTION[kind] for kind in KINDS), "excerpt", "submission", "submission_part", "outbox")
    stored = {name: [(doc.key, doc.rev, canonical(doc.body)) for doc in docs(store, name)] for name in names}
    return {**stored, "event": [tuple(event) for event in store.read("kcidb", 0, 1000)]}


def last_told(store: Store) -> dict[str, str]:
    """Of each report the digest of its view that was told last."""
    return {told["key"]: told["digest"] for event in store.read("kcidb", 0, 1000)
            for told in event.body["data"]["objects"]}  # fmt: skip


def views_told(store: Store) -> dict[str, str]:
    """What `last_told` must be."""
    return {doc.key: digest(doc.body["object"]) for kind in SINGULAR for doc in docs(store, COLLECTION[kind])}


def values(store: Store) -> dict[str, bytes]:
    """The values that win and lose, without where they come from."""
    found = {}
    for kind in KINDS:
        for doc in docs(store, COLLECTION[kind]):
            lost = {f: [entry[:1] + entry[4:] for entry in each] for f, each in doc.body.get("lost", {}).items()}
            shown = (doc.body["object"], lost, doc.body.get("more"), doc.body.get("conflicted"))
            found[f"{kind} {doc.key}"] = canonical(list(shown))
    return found
