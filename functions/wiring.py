"""From settings to a Hub: opens the adapters a deployment names, once, on first use.

The only caller of the `open_*` functions. Safe to share between threads; nothing is opened by importing it.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from functions import output, place
from functions.edge.http import Edge, RequestCounts, ServiceAccounts
from functions.fault import Faulty
from functions.settings import Settings, read
from lib.auth.open import open_auth, open_oidc, open_visitors
from lib.auth.port import Fetch
from lib.clock import Clock
from lib.clock import now as wall_clock
from lib.dialects import kcidb
from lib.dialects.wire import Access
from lib.domain.hub import Hub, Policy
from lib.domain.report.archive import Archive
from lib.messaging.open import DEAD_DEFAULT as DEAD_DEFAULT
from lib.messaging.open import open_bus, open_dead_letters
from lib.messaging.port import DeadLetters
from lib.outbound.open import open_courier, open_post
from lib.store.open import open_store
from lib.store.port import Store

WHOLE = "hub"
"""The slice that serves all."""
SECRET_BYTES = 32
SECRET_CHARS_MIN = 32
QUERY_DOCS_NEAR = 1_000_000
QUERY_DOCS_FAR = 50_000
"""Most documents one query may read: a matter of seconds at home, and of money where each of them is billed."""


class Wiring:
    """One process's Hub and its edges, made from its settings when first asked for."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock = wall_clock,
        say: Callable[[str], object] | None = None,
        *,
        post_waits: bool = False,
        fetch: Fetch | None = None,
    ) -> None:
        self.settings = settings
        self._post_waits = post_waits
        self._clock = clock
        self._say = say
        self._fetch = fetch
        self._lock = threading.RLock()
        self._hub: Hub | None = None
        self._edges: dict[str, Edge] = {}
        self._service_accounts: ServiceAccounts | None = None
        self.counts = RequestCounts()

    @property
    def hub(self) -> Hub:
        """The Hub. Raises Faulty when there is no secret key, and what the adapters raise when they cannot open."""
        with self._lock:
            if self._hub is None:
                self._hub = self._build()
            return self._hub

    def edge(self, slice: str = WHOLE) -> Edge:
        """The edge of one slice, or of all."""
        edge = self._edges.get(slice)
        if edge is not None:
            return edge
        with self._lock:
            if self._service_accounts is None:
                self._service_accounts = self._find_service_accounts()
            # The routes of all dialects: a command that answers no requests need not wait for them.
            from functions.edge import routes

            made = Edge(self.hub, routes.table(slice), self.counts, self._say, self._service_accounts)
            return self._edges.setdefault(slice, made)

    def _find_service_accounts(self) -> ServiceAccounts:
        settings = self.settings
        if not settings.oidc_audience:
            return ServiceAccounts()
        allowed = {Access.PUSH: settings.push_accounts, Access.SCHEDULER: settings.scheduler_accounts}
        return ServiceAccounts(open_oidc(settings.oidc_audience, self._fetch), allowed)

    def _build(self) -> Hub:
        settings = self.settings
        if not settings.secret_key:
            raise Faulty(["SECRET_KEY is required here"])
        auth = open_auth(
            settings.secret_key,
            algorithm=settings.algorithm,
            expires_s=settings.token_expires_s,
            unified_secret=settings.unified_secret,
        )
        visitors = open_visitors(settings.firebase_project, self._fetch) if settings.firebase_project else None
        store = open_store(settings.store, clock=self._clock)
        try:
            bus = open_bus(settings.bus, settings.store)
        except BaseException:
            store.close()
            raise
        stored = kcidb.DIALECT.stored
        assert stored is not None
        docs_max = settings.query_docs_max or (QUERY_DOCS_NEAR if store.is_near else QUERY_DOCS_FAR)
        policy = Policy(
            source=settings.source,
            keep_alive=settings.keep_alive,
            query_docs_max=docs_max,
            origin=settings.origin,
            push_origins=settings.push_origins,
        )
        post = open_post(
            settings.smtp_host, settings.smtp_port, settings.email_sender, settings.email_password,
            waits=self._post_waits,
        )  # fmt: skip
        return Hub(
            store, bus, auth, visitors, clock=self._clock, policy=policy, post=post, decode=stored,
            courier=open_courier(settings.outbound_allow),
        )  # fmt: skip


def scratch_store(clock: Clock) -> Store:
    """A store for a while: its file goes when it is closed."""
    return open_store("sqlite://", clock=clock)


def archive(settings: Settings) -> Archive:
    """What is stored of KCIDB's objects, for a command that only reads them; its store is to be closed."""
    return Archive(open_store(settings.store))


def dead_letters(settings: Settings, subscription: str = DEAD_DEFAULT) -> DeadLetters:
    """The dead letters of the bus. Raises Invalid for a bus that has none."""
    return open_dead_letters(settings.bus, subscription)


SHARED: list[Wiring] = []
"""At most one. Whoever starts the process may put one of his own making here before the first request."""
_shared_lock = threading.Lock()


def shared() -> Wiring:
    """The wiring of a cloud function, which has no other place to keep it. Raises Faulty."""
    if not SHARED:
        with _shared_lock:
            if not SHARED:
                if not logging.root.handlers:
                    output.start_log()
                # A function's threads stand still between its requests, so mail goes out within one.
                SHARED.append(Wiring(read(), post_waits=True))
    return SHARED[0]


def at_home(settings: Settings) -> Settings:
    """The settings of a hub on this machine: without a secret key, one is made once and kept. Raises Faulty."""
    if settings.secret_key or not settings.store.startswith("sqlite://"):
        return settings
    path = place.file_of(settings.store)
    # A store in memory forgets its users, so their tokens may end with it.
    secret = secrets.token_hex(SECRET_BYTES) if path is None else _kept_secret(path)
    return replace(settings, secret_key=secret)


def found(settings: Settings) -> Settings:
    """The settings of a command that looks into a store and must not make one. Raises Faulty when it is not there."""
    path = place.file_of(settings.store)
    if path is not None and not _is_store(path):
        raise Faulty([f"there is no store in {path.absolute()}; HUB_STORE names it, `tributary serve` makes it"])
    if settings.store == "sqlite://":
        raise Faulty(["there is nothing in a store in memory: HUB_STORE is sqlite://"])
    return settings


def found_at_home(settings: Settings) -> Settings:
    """The same, with the secret key that is kept beside the store. Raises Faulty when there is neither."""
    path = place.file_of(found(settings).store)
    if path is not None and not settings.secret_key and not _secret_path(path).exists():
        raise Faulty([f"{_secret_path(path).absolute()}, the key of the store, is not there; SECRET_KEY may name it"])
    return at_home(settings)


def _is_store(path: Path) -> bool:
    """Whether a file could hold a store: an empty one would become a new one. Raises OSError."""
    if path.is_dir():
        return True  # refused when it is opened, with the reason
    try:
        with path.open("rb") as file:
            return bool(file.read(1))
    except (FileNotFoundError, NotADirectoryError):
        return False


def _secret_path(store: Path) -> Path:
    return store.with_name(f"{store.name}.secret")


def _kept_secret(store: Path) -> str:
    """The key beside the store, in a file only its owner may read."""
    path = _secret_path(store)
    try:
        store.parent.mkdir(parents=True, exist_ok=True)
        # Written whole beside its place and then linked there: two first starts agree on one key.
        draft = path.with_name(f"{path.name}.{secrets.token_hex(4)}")
        if not path.exists():
            handle = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            try:
                os.write(handle, f"{secrets.token_hex(SECRET_BYTES)}\n".encode())
                os.fsync(handle)
            finally:
                os.close(handle)
            try:
                os.link(draft, path)
            except FileExistsError:
                pass
            finally:
                draft.unlink()
        secret = path.read_text().strip()
    except OSError as error:
        raise Faulty([f"{path} cannot be used to keep the secret key: {error.strerror}"]) from error
    if len(secret) < SECRET_CHARS_MIN:
        raise Faulty([f"{path} does not hold a secret key; remove it to have a new one made (tokens end with it)"])
    return secret
