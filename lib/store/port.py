"""The store port: the contract of every backend, with the limits of the strictest backend.

Documents are JSON bodies under a key, with an integer `rev` that counts their writes from 1. Scans filter and order
only by the fields declared in `indexes.py`. Every promise below is a test in `tests/contracts/test_store.py`, which
each adapter joins by one line.

Limits (`Invalid` names the exceeded one):
    KEY_BYTES_MAX       a key is 1 to 1,500 bytes of UTF-8, without `/`, not `.` or `..`, not `__x__`
    BODY_BYTES_MAX      a body as JSON, in bytes
    WRITES_MAX          writes of one transaction, unless the store's own `writes_max` says more
    IN_VALUES_MAX       values of one `in`, and of all `in` of a scan multiplied
    PAGE_DOCS_MAX       documents of one page of `find`, events of one `read`
"""

from __future__ import annotations

import base64
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal, NamedTuple, Protocol, TypeVar

import orjson

from lib.errors import Invalid

KEY_BYTES_MAX = 1500
BODY_BYTES_MAX = 8 * 1024 * 1024
WRITES_MAX = 500
IN_VALUES_MAX = 30
PAGE_DOCS_MAX = 5000

T = TypeVar("T")
Body = dict[str, Any]
Scalar = str | int | bool | None
Op = Literal["==", "<", "<=", ">", ">=", "in", "contains"]


class Doc:
    """A stored document. `body` is the caller's own copy, decoded at the first access. `stored` is the body as JSON
    where the store has it, so that a caller that only forwards it need not decode it."""

    __slots__ = ("_body", "key", "rev", "stored")

    key: str
    rev: int
    stored: bytes | None

    def __init__(self, key: str, rev: int, body: Body | None = None, stored: bytes | None = None) -> None:
        self.key, self.rev, self._body, self.stored = key, rev, body, stored

    @property
    def body(self) -> Body:
        if self._body is None:
            assert self.stored is not None
            self._body = orjson.loads(self.stored)
        return self._body

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Doc):
            return NotImplemented
        return (self.key, self.rev, self.body) == (other.key, other.rev, other.body)


class Event(NamedTuple):
    """An entry of the log. `seq` grows along a channel; `at` (canonical text) grows strictly with it."""

    seq: int
    channel: str
    at: str
    key: str
    body: Body


Publish = Callable[[Sequence[Event]], None]
"""Takes committed events of one channel, in order. Raises Unavailable when it could not publish them."""


@dataclass(frozen=True, slots=True)
class Where:
    """One condition. `==` None means missing or null; order comparisons never match null.

    Instants are canonical texts. `in` takes a tuple; `contains` asks a `TEXTS` field for one element.
    """

    field: str
    op: Op
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Scan:
    """A selection of documents in an order. `order` is a field name (`-` first: descending) or "" for key order.

    Ties are ordered by key, ascending, or descending under a descending order. Documents whose order field is null are
    left out. `after` is the `next` of an earlier page, or `encode_cursor` of a document's order value. `skip` is the
    number of documents to skip first.
    """

    where: tuple[Where, ...] = ()
    order: str = ""
    limit: int = 100
    after: str | None = None
    skip: int = 0


class Page(NamedTuple):
    """Documents of a scan. `next` is the cursor after the last of them, None when the scan is known to be exhausted."""

    docs: list[Doc]
    next: str | None


class Tx(Protocol):
    """A transaction. All reads come before the first write; `work` may run several times, so it must be pure.

    A transaction is atomic and isolated: if a read document changes before the commit, `work` runs again.
    """

    def load(self, collection: str, key: str) -> Doc | None: ...
    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]: ...
    def find(self, collection: str, scan: Scan) -> Page: ...

    def create(self, collection: str, key: str, body: Body) -> None:
        """Add a document at rev 1. `transact` raises Exists when the key is taken."""

    def save(self, collection: str, key: str, body: Body) -> int:
        """Replace a document that this transaction loaded or found. Returns its new rev (the loaded one + 1)."""

    def drop(self, collection: str, key: str) -> None:
        """Remove a document; no effect if it does not exist."""

    def append(self, channel: str, key: str, body: Body) -> None:
        """Add an event to the channel's log, in collection `event`. The log adds `channel`, `seq` and `at`."""


class Store(Protocol):
    """A store of documents and one event log. `is_near` means that a read stays on this machine and takes microseconds,
    so that an event loop may run it without a thread."""

    writes_max: int
    """Most writes of one transaction."""
    bytes_max: int
    """Most bytes that one transaction writes, in the measure of `weigh`; past that it raises TooLarge."""
    is_expiring: bool
    """Whether the store itself deletes documents past the age of their collection."""
    is_near: bool

    def load(self, collection: str, key: str) -> Doc | None:
        """The document, or None."""

    def load_many(self, collection: str, keys: Sequence[str]) -> list[Doc | None]:
        """The documents in the order of the keys, None for each missing one."""

    def find(self, collection: str, scan: Scan) -> Page:
        """One page of a scan. Raises Unserved, with the missing index, for a scan that no declared shape serves."""

    def count(self, collection: str, where: tuple[Where, ...]) -> int:
        """The exact number of documents that meet all conditions."""

    def transact(self, work: Callable[[Tx], T]) -> T:
        """Run `work`, commit its writes as one, and return its result. Any exception of `work` rolls back.

        When this returns, the writes survive a kill of the process and a loss of power.
        """

    def read(self, channel: str, after: int, limit: int) -> list[Event]:
        """The channel's events with seq > `after`, in order. A reader that resumes after the last one never misses an
        event: no event with a smaller seq becomes visible later."""

    def last(self, channel: str) -> int:
        """The seq of the channel's newest event; 0 when it has none."""

    def weigh(self, collection: str, key: str, body: Body) -> int:
        """The share of `bytes_max` that a write of this body takes."""

    def generation(self) -> object:
        """A value that differs after any commit, of this process or another; equal values mean that nothing changed. A
        store that cannot detect this cheaply returns a new value each time."""

    def start_sending(self) -> bool:
        """From now on the log records for every event whether it was sent. Returns False if the log cannot; then the
        caller keeps an outbox."""

    def send(self, publish: Publish) -> None:
        """Send the events that this process committed since then, at least once, in the order of their channel."""

    def repair(self, before: datetime, publish: Publish | None) -> int:
        """Finish the events that killed processes committed before `before`: make them readable, and send them if
        sending was started. Returns their number."""

    def close(self) -> None: ...


def encode_cursor(value: Scalar, key: str) -> str:
    """The cursor after the document whose order field is `value` (None in key order): url-safe text."""
    packed = json.dumps([value, key], ensure_ascii=False, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(packed).decode().rstrip("=")


def decode_cursor(text: str) -> tuple[Scalar, str]:
    """The order value and key of a cursor. Raises Invalid for a text that `encode_cursor` did not make."""
    try:
        value, key = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, TypeError, RecursionError) as error:
        raise Invalid("after", "not a cursor of this store") from error
    if not isinstance(key, str) or not (value is None or isinstance(value, str | int)):
        raise Invalid("after", "not a cursor of this store")
    return value, key


def check_key(key: str) -> None:
    """Raise Invalid for a key that the strictest backend would refuse."""
    if key.isalnum() and key.isascii() and len(key) <= KEY_BYTES_MAX:
        return
    if not key or len(key.encode(errors="replace")) > KEY_BYTES_MAX:
        raise Invalid("key", f"must be 1 to {KEY_BYTES_MAX} bytes")
    if "/" in key or key in (".", "..") or (key.startswith("__") and key.endswith("__")):
        raise Invalid("key", "must not hold a slash, be . or .., or have the form __x__")
    if not key.isascii() and any("\ud800" <= c <= "\udfff" for c in key):
        raise Invalid("key", "must be Unicode text")


def combinations_of(wheres: Sequence[Where]) -> int:
    """The number of combinations of values of the `in` conditions."""
    return math.prod(len(w.value) for w in wheres if isinstance(w.value, tuple))


def check_scan(scan: Scan) -> None:
    """Raise Invalid for a scan beyond the port's limits."""
    if not 1 <= scan.limit <= PAGE_DOCS_MAX:
        raise Invalid("limit", f"must be 1 to {PAGE_DOCS_MAX}")
    if scan.skip < 0:
        raise Invalid("skip", "must not be negative")
    for where in scan.where:
        if where.op == "in" and not (isinstance(where.value, tuple) and 1 <= len(where.value) <= IN_VALUES_MAX):
            raise Invalid(where.field, f"`in` takes 1 to {IN_VALUES_MAX} values")
    if combinations_of(scan.where) > IN_VALUES_MAX:
        raise Invalid("where", f"the values of all `in` make at most {IN_VALUES_MAX} combinations")
    if sum(w.op == "contains" for w in scan.where) > 1:
        raise Invalid("where", "at most one `contains` a scan")
