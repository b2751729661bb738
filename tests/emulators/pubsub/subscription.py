"""The Subscriber service: subscriptions and snapshots, how they are made and changed."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.emulators.pubsub import wire
from tests.emulators.pubsub.board import Board
from tests.emulators.pubsub.queue import Queue
from tests.emulators.rpc import Method, empty, page, replace

UNSUPPORTED = (
    "bigquery_config", "cloud_storage_config", "bigtable_config", "message_transforms",
    "analytics_hub_subscription_info",
)  # fmt: skip
UPDATABLE = (
    "ack_deadline_seconds", "push_config", "retain_acked_messages", "message_retention_duration", "labels",
    "expiration_policy", "dead_letter_policy", "retry_policy", "enable_exactly_once_delivery",
)  # fmt: skip
ACK_DEADLINE_S = (10, 600)
ATTEMPTS = (5, 100)
RETENTION_S = 7 * 24 * 3600


def subscriptions(board: Board, may_sign: bool) -> dict[str, Method]:
    """The methods, over a board. Without a signer, subscriptions that want tokens are refused."""
    calls = Subscriptions(board, may_sign)
    return {
        "CreateSubscription": Method(wire.Subscription, calls.create),
        "GetSubscription": Method(wire.GetSubscriptionRequest, lambda r: board.queue(r.subscription).config),
        "UpdateSubscription": Method(wire.UpdateSubscriptionRequest, calls.update),
        "ListSubscriptions": Method(wire.ListSubscriptionsRequest, calls.list),
        "DeleteSubscription": Method(wire.DeleteSubscriptionRequest, calls.delete),
        "ModifyPushConfig": Method(wire.ModifyPushConfigRequest, calls.modify_push),
        "CreateSnapshot": Method(wire.CreateSnapshotRequest, calls.create_snapshot),
        "GetSnapshot": Method(wire.GetSnapshotRequest, lambda request: calls.snapshot(request.snapshot)),
        "UpdateSnapshot": Method(wire.UpdateSnapshotRequest, calls.update_snapshot),
        "ListSnapshots": Method(wire.ListSnapshotsRequest, calls.list_snapshots),
        "DeleteSnapshot": Method(wire.DeleteSnapshotRequest, calls.delete_snapshot),
        "Seek": Method(wire.SeekRequest, calls.seek),
    }


class Subscriptions:
    """What the calls do; each is made alone."""

    def __init__(self, board: Board, may_sign: bool) -> None:
        self._board = board
        self._may_sign = may_sign

    def create(self, config: Any) -> Any:
        self._board.topic(config.topic)
        wire.check_name(config.name, "subscriptions")
        if config.name in self._board.queues:
            raise wire.taken(config.name)
        self._complete(config)
        queue = Queue(config, self._board.bury)
        queue.is_kept = self._is_kept(config.topic)
        self._board.queues[config.name] = queue
        return config

    def update(self, request: Any) -> Any:
        queue = self._board.queue(request.subscription.name)
        changed = type(queue.config)()
        changed.CopyFrom(queue.config)
        replace(changed, request.subscription, request.update_mask, UPDATABLE)
        self._complete(changed)
        queue.config = changed
        self._board.gate.notify_all()
        return changed

    def modify_push(self, request: Any) -> Any:
        queue = self._board.queue(request.subscription)
        changed = type(queue.config)()
        changed.CopyFrom(queue.config)
        changed.push_config.CopyFrom(request.push_config)
        self._complete(changed)
        queue.config = changed
        self._board.gate.notify_all()
        return empty()

    def list(self, request: Any) -> Any:
        wire.check_project(request.project)
        mine = [n for n in self._board.queues if n.startswith(f"{request.project}/")]
        names, token = page(mine, request.page_size, request.page_token)
        shown = [self._board.queues[n].config for n in names]
        return wire.ListSubscriptionsResponse(subscriptions=shown, next_page_token=token)

    def delete(self, request: Any) -> Any:
        self._board.queue(request.subscription)
        del self._board.queues[request.subscription]
        self._board.gate.notify_all()
        return empty()

    def _complete(self, config: Any) -> None:
        """Refuse what the service refuses, and fill in its defaults."""
        wire.refuse_unsupported(config, UNSUPPORTED)
        _bound(config, "ack_deadline_seconds", ACK_DEADLINE_S)
        if not config.HasField("message_retention_duration"):
            config.message_retention_duration.seconds = RETENTION_S
        policy = config.dead_letter_policy
        if policy.dead_letter_topic:
            self._board.topic(policy.dead_letter_topic)
            _bound(policy, "max_delivery_attempts", ATTEMPTS)
        push = config.push_config
        if push.push_endpoint:
            if not push.push_endpoint.startswith(("http://", "https://")):
                raise wire.invalid(f"Invalid push endpoint given (endpoint={push.push_endpoint}).")
            if config.enable_exactly_once_delivery:
                raise wire.invalid("Exactly once delivery is not supported for push subscriptions.")
        if push.HasField("oidc_token") and not self._may_sign:
            raise wire.Refused(wire.Code.UNIMPLEMENTED, "This stand-in was started without a signer of OIDC tokens")

    def snapshot(self, name: str) -> Any:
        if name not in self._board.snapshots:
            raise wire.missing(name)
        return self._board.snapshots[name][0]

    def create_snapshot(self, request: Any) -> Any:
        wire.check_name(request.name, "snapshots")
        queue = self._board.live(request.subscription)
        if request.name in self._board.snapshots:
            raise wire.taken(request.name)
        shown = wire.Snapshot(name=request.name, topic=queue.config.topic, labels=request.labels)
        shown.expire_time.FromSeconds(int(self._board.clock()) + RETENTION_S)
        self._board.snapshots[request.name] = (shown, self._board.last, frozenset(queue.backlog))
        self._keep(queue.config.topic)
        return shown

    def update_snapshot(self, request: Any) -> Any:
        shown = self.snapshot(request.snapshot.name)
        replace(shown, request.snapshot, request.update_mask, ("labels", "expire_time"))
        return shown

    def list_snapshots(self, request: Any) -> Any:
        wire.check_project(request.project)
        mine = [n for n in self._board.snapshots if n.startswith(f"{request.project}/")]
        names, token = page(mine, request.page_size, request.page_token)
        return wire.ListSnapshotsResponse(snapshots=[self.snapshot(n) for n in names], next_page_token=token)

    def delete_snapshot(self, request: Any) -> Any:
        topic = self.snapshot(request.snapshot).topic
        del self._board.snapshots[request.snapshot]
        self._keep(topic)
        return empty()

    def seek(self, request: Any) -> Any:
        queue = self._board.live(request.subscription)
        queue.rewind(self._open_at(queue, request))
        self._board.gate.notify_all()
        return wire.SeekResponse()

    def _open_at(self, queue: Queue, request: Any) -> Callable[[int, Any], bool]:
        """Which messages had not been acknowledged at the place that is sought."""
        target = request.WhichOneof("target")
        if target == "time":
            at = request.time.ToNanoseconds()
            return lambda seq, message: message.publish_time.ToNanoseconds() >= at
        if target == "snapshot":
            if self.snapshot(request.snapshot).topic != queue.config.topic:
                raise wire.Refused(wire.Code.FAILED_PRECONDITION, "The snapshot is of another topic")
            _, last, backlog = self._board.snapshots[request.snapshot]
            return lambda seq, message: seq > last or seq in backlog
        raise wire.invalid("A seek names a time or a snapshot")

    def _is_kept(self, topic: str) -> bool:
        has_retention = topic in self._board.topics and self._board.topics[topic].HasField("message_retention_duration")
        return has_retention or any(shown.topic == topic for shown, _, _ in self._board.snapshots.values())

    def _keep(self, topic: str) -> None:
        for queue in self._board.of(topic):
            queue.is_kept = self._is_kept(topic)


def _bound(message: Any, field: str, bounds: tuple[int, int]) -> None:
    """A number within bounds, the least when none is given."""
    value = getattr(message, field)
    if value and not bounds[0] <= value <= bounds[1]:
        raise wire.invalid(f"{field} is from {bounds[0]} to {bounds[1]}, not {value}")
    setattr(message, field, value or bounds[0])
