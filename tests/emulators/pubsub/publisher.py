"""The Publisher service."""

from __future__ import annotations

from typing import Any

from tests.emulators.pubsub import wire
from tests.emulators.pubsub.board import Board
from tests.emulators.rpc import Method, empty, page, replace

UNSUPPORTED = ("kms_key_name", "schema_settings", "ingestion_data_source_settings", "message_transforms")
UPDATABLE = ("labels", "message_retention_duration", "message_storage_policy")


def publisher(board: Board) -> dict[str, Method]:
    """The methods, over a board."""
    calls = Publisher(board)
    return {
        "CreateTopic": Method(wire.Topic, calls.create),
        "UpdateTopic": Method(wire.UpdateTopicRequest, calls.update),
        "GetTopic": Method(wire.GetTopicRequest, lambda request: board.topic(request.topic)),
        "ListTopics": Method(wire.ListTopicsRequest, calls.list),
        "ListTopicSubscriptions": Method(wire.ListTopicSubscriptionsRequest, calls.list_subscriptions),
        "ListTopicSnapshots": Method(wire.ListTopicSnapshotsRequest, calls.list_snapshots),
        "DeleteTopic": Method(wire.DeleteTopicRequest, calls.delete),
        "DetachSubscription": Method(wire.DetachSubscriptionRequest, calls.detach),
        "Publish": Method(wire.PublishRequest, calls.publish),
    }


class Publisher:
    """What the calls do; each is made alone."""

    def __init__(self, board: Board) -> None:
        self._board = board

    def create(self, topic: Any) -> Any:
        wire.check_name(topic.name, "topics")
        wire.refuse_unsupported(topic, UNSUPPORTED)
        if topic.name in self._board.topics:
            raise wire.taken(topic.name)
        self._board.topics[topic.name] = topic
        return topic

    def update(self, request: Any) -> Any:
        wire.refuse_unsupported(request.topic, UNSUPPORTED)
        topic = self._board.topic(request.topic.name)
        replace(topic, request.topic, request.update_mask, UPDATABLE)
        return topic

    def list(self, request: Any) -> Any:
        wire.check_project(request.project)
        mine = [n for n in self._board.topics if n.startswith(f"{request.project}/")]
        names, token = page(mine, request.page_size, request.page_token)
        return wire.ListTopicsResponse(topics=[self._board.topics[n] for n in names], next_page_token=token)

    def list_subscriptions(self, request: Any) -> Any:
        self._board.topic(request.topic)
        mine = [queue.config.name for queue in self._board.of(request.topic)]
        names, token = page(mine, request.page_size, request.page_token)
        return wire.ListTopicSubscriptionsResponse(subscriptions=names, next_page_token=token)

    def list_snapshots(self, request: Any) -> Any:
        self._board.topic(request.topic)
        mine = [name for name, (shown, _, _) in self._board.snapshots.items() if shown.topic == request.topic]
        names, token = page(mine, request.page_size, request.page_token)
        return wire.ListTopicSnapshotsResponse(snapshots=names, next_page_token=token)

    def delete(self, request: Any) -> Any:
        self._board.topic(request.topic)
        for queue in self._board.of(request.topic):
            queue.config.topic = wire.DELETED_TOPIC
        del self._board.topics[request.topic]
        return empty()

    def detach(self, request: Any) -> Any:
        queue = self._board.queue(request.subscription)
        queue.config.detached = True
        queue.clear()
        self._board.gate.notify_all()
        return wire.DetachSubscriptionResponse()

    def publish(self, request: Any) -> Any:
        self._board.topic(request.topic)
        wire.check_messages(request.messages)
        self._board.meter.publish(len(request.messages), sum(map(wire.size_of, request.messages)))
        return wire.PublishResponse(message_ids=self._board.publish(request.topic, request.messages))
