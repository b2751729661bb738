"""The Subscriber service: pull, streaming pull, and what becomes of the leases."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import grpc
from google.rpc import error_details_pb2

from tests.emulators.pubsub import wire
from tests.emulators.pubsub.board import LOOK_S, Board
from tests.emulators.pubsub.queue import Held, Queue
from tests.emulators.rpc import Method, Refused, empty

ANSWER_MESSAGES_MAX = 1000
STALE = "PERMANENT_FAILURE_INVALID_ACK_ID"


def delivery(board: Board, alone: Any, pull_wait_s: float) -> dict[str, Method]:
    """The methods, over a board; `alone` makes a call the only one. A pull and a stream wait, so they are not; a pull
    so long for a first message."""
    calls = Delivery(board, pull_wait_s)
    return {
        "Pull": Method(wire.PullRequest, calls.pull),
        "StreamingPull": Method(wire.StreamingPullRequest, calls.stream, is_stream=True),
        "Acknowledge": Method(wire.AcknowledgeRequest, alone(calls.acknowledge)),
        "ModifyAckDeadline": Method(wire.ModifyAckDeadlineRequest, alone(calls.modify)),
    }


class Delivery:
    """What the calls do."""

    def __init__(self, board: Board, pull_wait_s: float) -> None:
        self._board, self._pull_wait_s = board, pull_wait_s

    def pull(self, request: Any) -> Any:
        if request.max_messages < 1:
            raise wire.invalid("max_messages must be positive")
        board = self._board
        count = min(request.max_messages, ANSWER_MESSAGES_MAX)
        with board.gate:
            found = board.wait(lambda: self._lease(request.subscription, count), self._pull_wait_s)
            queue = board.live(request.subscription)
            return wire.PullResponse(received_messages=[_shown(queue, held) for held in found])

    def _lease(self, name: str, count: int, seconds: float = 0) -> list[Held]:
        """Lease up to so many, as many as one answer carries."""
        board, queue = self._board, self._board.live(name)
        if queue.is_push:
            raise Refused(wire.Code.FAILED_PRECONDITION, f"This method is not supported for push: {name}")
        found = queue.lease(count, board.clock(), seconds or queue.config.ack_deadline_seconds)
        board.note(found)
        return found

    def acknowledge(self, request: Any) -> Any:
        queue = self._board.live(request.subscription)
        if not request.ack_ids:
            raise wire.invalid("ack_ids must not be empty")
        self._refuse_stale(queue, self._ack(queue, request.ack_ids))
        return empty()

    def modify(self, request: Any) -> Any:
        queue = self._board.live(request.subscription)
        if not request.ack_ids:
            raise wire.invalid("ack_ids must not be empty")
        stale = queue.extend(request.ack_ids, request.ack_deadline_seconds, self._board.clock())
        self._board.gate.notify_all()
        self._refuse_stale(queue, stale)
        return empty()

    def _ack(self, queue: Queue, ack_ids: Sequence[str]) -> list[str]:
        done, stale = queue.acknowledge(ack_ids, self._board.clock())
        self._board.meter.acked += done
        self._board.gate.notify_all()
        return stale

    def _refuse_stale(self, queue: Queue, stale: Sequence[str]) -> None:
        """With exactly-once delivery a lease that is over is an error, which names each."""
        if stale and queue.config.enable_exactly_once_delivery:
            detail = error_details_pb2.ErrorInfo(reason="EXACTLY_ONCE_ACKID_FAILURE", domain="pubsub.googleapis.com")
            detail.metadata.update(dict.fromkeys(stale, STALE))
            raise Refused(
                wire.Code.FAILED_PRECONDITION, "Some acknowledgement ids in the request were invalid.", [detail]
            )

    def stream(self, requests: Iterator[Any], context: grpc.ServicerContext) -> Iterator[Any]:
        first = next(requests, None)
        if first is None:
            return
        if not 10 <= first.stream_ack_deadline_seconds <= 600:
            raise wire.invalid("stream_ack_deadline_seconds is from 10 to 600")
        stream = _Stream(first, context)
        with self._board.gate:
            self._board.live(first.subscription)
        reader = threading.Thread(target=self._read, args=(stream, requests), daemon=True)
        reader.start()
        yield from self._write(stream)

    def _write(self, stream: _Stream) -> Iterator[Any]:
        """Answers, as messages come, until the client has gone."""
        board, first = self._board, stream.first
        while not stream.is_gone.is_set():
            if stream.fault is not None:
                raise stream.fault
            with board.gate:
                queue = board.live(first.subscription)
                stream.leased = {a for a in stream.leased if queue.is_leased(a)}
                room = (first.max_outstanding_messages or ANSWER_MESSAGES_MAX) - len(stream.leased)
                found = self._lease(first.subscription, room, stream.seconds) if room > 0 else []
                if not found:
                    board.gate.wait(LOOK_S)
                    continue
                stream.leased |= {held.ack_id for held in found}
                answer = wire.StreamingPullResponse(received_messages=[_shown(queue, held) for held in found])
                answer.subscription_properties.exactly_once_delivery_enabled = queue.config.enable_exactly_once_delivery
                answer.subscription_properties.message_ordering_enabled = queue.config.enable_message_ordering
            yield answer

    def _read(self, stream: _Stream, requests: Iterator[Any]) -> None:
        """What the client says on the stream: acknowledgements and longer leases; empty ones keep it open."""
        try:
            for request in requests:
                with self._board.gate:
                    queue = self._board.live(stream.first.subscription)
                    if request.stream_ack_deadline_seconds:
                        stream.seconds = request.stream_ack_deadline_seconds
                    if request.ack_ids:
                        self._ack(queue, request.ack_ids)
                    pairs = zip(request.modify_deadline_ack_ids, request.modify_deadline_seconds, strict=True)
                    for ack_id, seconds in pairs:
                        queue.extend([ack_id], seconds, self._board.clock())
                    self._board.gate.notify_all()
        except Refused as refused:
            stream.fault = refused
        except grpc.RpcError:
            pass
        finally:
            if stream.fault is None:
                stream.is_gone.set()


class _Stream:
    """One open stream."""

    def __init__(self, first: Any, context: grpc.ServicerContext) -> None:
        self.first = first
        self.seconds = first.stream_ack_deadline_seconds
        self.leased: set[str] = set()
        self.fault: Refused | None = None
        self.is_gone = threading.Event()
        if not context.add_callback(self.is_gone.set):
            self.is_gone.set()


def _shown(queue: Queue, held: Held) -> Any:
    received = wire.ReceivedMessage(ack_id=held.ack_id, message=held.message)
    if queue.config.dead_letter_policy.dead_letter_topic:
        received.delivery_attempt = held.attempts
    return received
