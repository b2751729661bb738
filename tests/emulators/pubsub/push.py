"""Push: what is due at a push subscription goes to its endpoint by HTTP, and comes again unless that answers 2xx.

Only to this machine: any other endpoint is a failed push, so that no test reaches out. Wrapped in the usual JSON, or
bare where the subscription says `no_wrapper`.
"""

from __future__ import annotations

import base64
import http.client
import json
import logging
import ssl
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any
from urllib.parse import urlsplit

from tests.emulators.pubsub.board import LOOK_S, Board
from tests.emulators.pubsub.queue import Held, Queue

UNDER_WAY_MAX = 8
IDLE_S = 1.0
SUCCESS = (102, 200, 201, 202, 204)
HOME = ("127.0.0.1", "localhost", "::1")

Signer = Callable[[str, str], str]
"""Gives the OIDC token of a service account's address for an audience."""

log = logging.getLogger(__name__)


class Pusher:
    """A thread that sees to what is due, and a few that push. `backoff_s` is the least and the most wait between two
    pushes of a message whose subscription has no retry policy."""

    def __init__(self, board: Board, signer: Signer | None, backoff_s: tuple[float, float]) -> None:
        self._board, self._signer, self._backoff_s = board, signer, backoff_s
        self._stopped = threading.Event()
        self._room = threading.Semaphore(UNDER_WAY_MAX)
        self._pool = ThreadPoolExecutor(UNDER_WAY_MAX, thread_name_prefix="push")
        self._thread = threading.Thread(target=self._run, name="push", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        with self._board.gate:
            self._board.gate.notify_all()
        self._thread.join()
        self._pool.shutdown()

    def _run(self) -> None:
        board = self._board
        while not self._stopped.is_set():
            with board.gate:
                ready = [
                    (queue, held) for queue in board.queues.values() if queue.is_push for held in self._lease(queue)
                ]
                if not ready:
                    board.gate.wait(self._pause())
            for queue, held in ready:
                self._pool.submit(self._deliver, queue, held, held.ack_id)

    def _lease(self, queue: Queue) -> list[Held]:
        found: list[Held] = []
        while self._room.acquire(blocking=False):
            more = queue.lease(1, self._board.clock(), queue.config.ack_deadline_seconds)
            if not more:
                self._room.release()
                break
            found += more
        return found

    def _pause(self) -> float:
        """Until something may be due, or a while when nothing is held."""
        now = self._board.clock()
        dues = [queue.due_at(now) for queue in self._board.queues.values() if queue.is_push]
        return LOOK_S if any(due is not None for due in dues) else IDLE_S

    def _deliver(self, queue: Queue, held: Held, ack_id: str) -> None:
        board = self._board
        is_done = False
        try:
            is_done = self._post(queue.config, held) in SUCCESS
        except (OSError, ValueError, http.client.HTTPException) as error:
            log.info("push to %s failed: %s", queue.config.push_config.push_endpoint, error)
        finally:
            self._room.release()
        with board.gate:
            if board.queues.get(queue.config.name) is not queue:
                return  # the subscription is gone, or all was reset
            board.note([held])
            board.meter.pushes += 1
            board.meter.push_failures += not is_done
            if is_done:
                board.meter.acked += queue.acknowledge([ack_id], board.clock())[0]
            elif queue.is_leased(ack_id):
                queue.give_back(ack_id, board.clock(), self._backoff_s)
            board.gate.notify_all()

    def _post(self, config: Any, held: Held) -> int:
        """Push one message; gives the HTTP status."""
        parts = urlsplit(config.push_config.push_endpoint)
        if parts.hostname not in HOME:
            raise OSError("the stand-in pushes to this machine only")
        headers, body = bare(config, held) if config.push_config.HasField("no_wrapper") else wrapped(config, held)
        if config.push_config.HasField("oidc_token"):
            headers["Authorization"] = f"Bearer {self._token(config.push_config)}"
        timeout_s = config.ack_deadline_seconds
        connection: http.client.HTTPConnection = (
            http.client.HTTPSConnection(parts.netloc, timeout=timeout_s, context=ssl.create_default_context())
            if parts.scheme == "https"
            else http.client.HTTPConnection(parts.netloc, timeout=timeout_s)
        )
        try:
            path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
            connection.request("POST", path, body, headers)
            response = connection.getresponse()
            response.read()
            return response.status
        finally:
            connection.close()

    def _token(self, push: Any) -> str:
        assert self._signer is not None
        token = push.oidc_token
        return self._signer(token.service_account_email, token.audience or push.push_endpoint)


def wrapped(config: Any, held: Held) -> tuple[dict[str, str], bytes]:
    """Headers and body of a push as it is by default."""
    message = held.message
    at = message.publish_time.ToJsonString()
    shown: dict[str, Any] = {
        "attributes": dict(message.attributes),
        "data": base64.b64encode(message.data).decode(),
        "messageId": message.message_id,
        "message_id": message.message_id,
        "orderingKey": message.ordering_key,
        "publishTime": at,
        "publish_time": at,
    }
    shown = {name: value for name, value in shown.items() if value}
    body: dict[str, Any] = {"message": shown, "subscription": config.name}
    if config.dead_letter_policy.dead_letter_topic:
        body["deliveryAttempt"] = held.attempts
    headers = {"Content-Type": "application/json", "User-Agent": "APIs-Google", "From": "noreply@google.com"}
    return headers, json.dumps(body).encode()


def bare(config: Any, held: Held) -> tuple[dict[str, str], bytes]:
    """Headers and body of a push without its wrapper: the data alone; its attributes as headers when asked for."""
    headers = {"User-Agent": "APIs-Google", "From": "noreply@google.com"}
    message = held.message
    if config.push_config.no_wrapper.write_metadata:
        headers |= {
            "x-goog-pubsub-subscription-name": config.name,
            "x-goog-pubsub-message-id": message.message_id,
            "x-goog-pubsub-publish-time": message.publish_time.ToJsonString(),
        }
        if message.ordering_key:
            headers["x-goog-pubsub-ordering-key"] = message.ordering_key
        if config.dead_letter_policy.dead_letter_topic:
            headers["x-goog-pubsub-delivery-attempt"] = str(held.attempts)
        # As UTF-8, whatever the rules of headers: a value that cannot stand in one at all is a failed push.
        headers |= {key: value.encode().decode("latin-1") for key, value in message.attributes.items()}
    return headers, message.data
