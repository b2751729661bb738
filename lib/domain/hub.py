"""The Hub: every verb of the product, over the ports it is given."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from datetime import datetime, timedelta

from lib.auth.port import Auth, FederatedVerifier
from lib.clock import Clock
from lib.domain.account.access import ANY_ORIGIN
from lib.domain.account.account import Accounts
from lib.domain.account.federated import FederatedUsers
from lib.domain.account.mail import AccountMail
from lib.domain.account.submitter import Submitters
from lib.domain.account.token import Tokens
from lib.domain.bridge.projector import Projector
from lib.domain.bridge.view_search import Views
from lib.domain.dashboard.reader import ADVICE, DashboardReader
from lib.domain.event.delivery import Deliveries
from lib.domain.event.event import MERGED_CHANNEL, READY_CHANNEL
from lib.domain.event.journal import Journal
from lib.domain.event.ledger import Ledger
from lib.domain.event.loop import BackgroundLoop
from lib.domain.event.relay import Relay
from lib.domain.event.retention import Retention
from lib.domain.event.subscription import Subscriptions
from lib.domain.ingest.intake import Decode, Intake
from lib.domain.ingest.sent import Sent
from lib.domain.node.catalog import Catalog
from lib.domain.node.clockwork import Clockwork
from lib.domain.node.manifest import Manifests
from lib.domain.notify.follower import ReadinessFollower
from lib.domain.notify.notification import Notifications
from lib.domain.notify.sender import WatchSender
from lib.domain.notify.watch import Watches
from lib.domain.query.budget import Budget
from lib.domain.query.search import Searcher
from lib.domain.readiness.catalog import PurposeCatalog
from lib.domain.readiness.inspection import Inspector
from lib.domain.report.archive import Archive
from lib.domain.report.export import Exports
from lib.domain.report.family import Families
from lib.domain.service.kv import KeyValues
from lib.domain.service.queue import Queues
from lib.domain.service.telemetry import EVENTS_READ_MAX, Telemetry
from lib.errors import Unavailable
from lib.ids import Ids
from lib.messaging.port import Bus
from lib.outbound.port import Courier, Post
from lib.store.port import Store

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Policy:
    """What an operator may choose about the verbs."""

    source: str = "https://api.kernelci.org/"
    """`source` of the events the hub tells (kernelci.md 5.2)."""
    keep_alive: timedelta = timedelta(seconds=45)
    """How long a poll may idle before it answers BEEP."""
    push_origins: frozenset[str] = frozenset((ANY_ORIGIN,))
    """Whose results pushed submissions may tell (kcidb.md 2.5)."""
    query_docs_max: int = 1_000_000
    """Most documents one query may read."""
    origin: str = "tributary"
    """The origin that nodes have as objects of KCIDB."""


def _unread(raw: bytes, is_partial: bool) -> Sent:
    raise Unavailable("this hub was given no reader of submissions")


class Hub:
    """The verbs, by noun: `nodes`, `journal`, `subscriptions`, `queues`, `accounts`, `tokens`, `account_mail`,
    `key_values`, `telemetry`, `submitters`, `intake`, `archive`, `views`, `purposes`, `inspector`, `watches`; and the
    background work. `decode` reads a stored submission again."""

    def __init__(
        self,
        store: Store,
        bus: Bus,
        auth: Auth,
        visitors: FederatedVerifier | None = None,
        *,
        clock: Clock,
        ids: Ids | None = None,
        policy: Policy = Policy(),
        post: Post | None = None,
        decode: Decode = _unread,
        courier: Courier | None = None,
    ) -> None:
        ids = ids or Ids()
        self.store, self.bus, self.policy, self.clock = store, bus, policy, clock
        search = Searcher(store, policy.query_docs_max)
        is_noting = bus.carries and store.start_sending()
        self.relay = Relay(store, bus, is_noting)
        ledger = Ledger(store, bus, self.relay.take, is_noting)
        self.manifests = Manifests(store, ledger, ids, clock)
        self.clockwork = Clockwork(store, ledger, ids, clock, policy.source, self.manifests)
        self.relay.settle = self.clockwork.settle
        self.nodes = Catalog(store, ledger, self.manifests, search, ids, policy.source)
        self.projector = Projector(store, ledger, ids, policy.origin, policy.source)
        self.journal = Journal(store, ledger, search, ids, policy.source)
        self.subscriptions = Subscriptions(store, bus.wake)
        self.archive = Archive(store)
        self.views = Views(store, policy.query_docs_max, policy.origin)
        self.intake = Intake(store, ledger, decode, policy.source)
        self.retention = Retention(store)
        self.queues = Queues(store, ids, policy.source, bus.wake)
        vouch = None if visitors is None else FederatedUsers(store, ids, visitors).vouch
        self.accounts = Accounts(store, auth, search, ids, vouch)
        self.has_visitors = visitors is not None
        self.tokens = Tokens(store, self.accounts, ids)
        self.submitters = Submitters(store, auth, ids)
        self.account_mail = AccountMail(self.accounts, auth, post)
        self.key_values = KeyValues(store)
        self.families, self.exports = Families(self.archive), Exports(self.archive)
        self.purposes = PurposeCatalog(store)
        self.watches = Watches(store, self.purposes, ids, courier, has_post=post is not None)
        self.inspector = Inspector(store, self.archive, self.purposes, policy.query_docs_max)
        notifications = Notifications(store, ledger, policy.source)
        follower = ReadinessFollower(store, self.archive, self.watches, self.purposes, notifications)
        deliveries = Deliveries(store, [WatchSender(self.watches, self.accounts)], clock, post, courier)
        self.readiness_follower = BackgroundLoop(follower.run, MERGED_CHANNEL, bus, clock)
        self.deliveries = BackgroundLoop(deliveries.run, READY_CHANNEL, bus, clock)
        self.telemetry = Telemetry(store, Searcher(store, EVENTS_READ_MAX), ids)

    def dashboard(self) -> DashboardReader:
        """What one answer about KCIDB's results is read through."""
        return DashboardReader(self.archive, Budget(self.policy.query_docs_max, ADVICE))

    def sweep(self, now: datetime) -> dict[str, int]:
        """Everything the clock is due to do: repair what a crash left undone, move nodes, and tell of what changed as
        reports. One part that fails (no bus, say) keeps no other from its turn; it is raised in the end."""
        done, failed = [], []
        parts = (
            self.relay.repair, self.manifests.sweep, self.clockwork.sweep, self.intake.sweep, self.projector.run,
            self.readiness_follower.sweep, self.deliveries.sweep,
        )  # fmt: skip
        for part in parts:
            try:
                done.append(part(now))
            except Exception as error:
                failed.append(error)
        for other in failed[1:]:
            log.error("the sweep failed in more than one part", exc_info=other)
        if failed:
            raise failed[0]
        relayed, finished, moved, merged, projected, told, sent = done
        return {
            "relayed": relayed + finished, "moved": moved, "merged": merged, "projected": projected, "told": told,
            "sent": sent,
        }  # fmt: skip

    def tidy(self, now: datetime) -> dict[str, int]:
        """Let go of what is kept for a while only."""
        return {"dropped": self.retention.run(now), "reaped": self.subscriptions.reap(now)}

    def close(self) -> None:
        """Release the store and the bus, and let the post go out."""
        if self.account_mail.post is not None:
            self.account_mail.post.close()
        self.bus.close()
        self.store.close()
