"""The stand-in of Pub/Sub under test, shared by its tests: a desk of official clients, and an endpoint for pushes."""

from __future__ import annotations

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from queue import Queue

import pytest
from google.cloud import pubsub_v1

from tests.build.issuer import Issuer
from tests.emulators import pubsub

PROJECT = "projects/demo-x"
TOPIC, SUB = f"{PROJECT}/topics/news", f"{PROJECT}/subscriptions/reader"
DEAD = f"{PROJECT}/topics/dead"
WAIT_S = 60


class Desk:
    """A publisher and a subscriber, with short forms of the calls of these tests."""

    def __init__(self, emulator):
        self.emulator, self.clock, self.meter = emulator, emulator.clock, emulator.meter
        options = pubsub_v1.types.PublisherOptions(enable_message_ordering=True)
        self.pub = pubsub_v1.PublisherClient(pubsub_v1.types.BatchSettings(max_latency=0), options)
        self.sub = pubsub_v1.SubscriberClient()

    def make(self, name=SUB, topic=TOPIC, **more):
        """A subscription, and its topic if that is not there."""
        if topic not in {t.name for t in self.pub.list_topics(project=PROJECT)}:
            self.pub.create_topic(name=topic)
        return self.sub.create_subscription(request={"name": name, "topic": topic, **more})

    def send(self, *texts, topic=TOPIC, key="", **attributes):
        return [self.pub.publish(topic, t.encode(), ordering_key=key, **attributes).result(WAIT_S) for t in texts]

    def pull(self, count=10, name=SUB):
        return list(
            self.sub.pull(request={"subscription": name, "max_messages": count}, timeout=WAIT_S).received_messages
        )

    def texts(self, count=10, name=SUB):
        return [r.message.data.decode() for r in self.pull(count, name)]

    def ack(self, *received, name=SUB):
        self.sub.acknowledge(subscription=name, ack_ids=[r.ack_id for r in received])

    def hold(self, seconds, *received, name=SUB):
        self.sub.modify_ack_deadline(
            subscription=name, ack_ids=[r.ack_id for r in received], ack_deadline_seconds=seconds
        )

    def update(self, *paths, **fields):
        given = {"name": SUB, "topic": TOPIC, **fields}
        return self.sub.update_subscription(
            request={"subscription": given, "update_mask": {"paths": paths or [*fields]}}
        )


@pytest.fixture(scope="module")
def issuer():
    return Issuer()


@pytest.fixture(scope="module")
def shared(issuer):
    with pubsub.start(signer=issuer.push_token, pull_wait_s=0.05, push_backoff_s=(0.01, 0.05)) as emulator:
        with pytest.MonkeyPatch.context() as patch:
            patch.setenv("PUBSUB_EMULATOR_HOST", emulator.address)
            desk = Desk(emulator)
        yield desk
        desk.pub.stop()
        desk.pub.transport.close()
        desk.sub.close()


@pytest.fixture
def desk(shared):
    shared.emulator.reset()
    return shared


class Receiver:
    """An HTTP endpoint that answers with the given statuses, then with 204, and keeps the requests."""

    def __init__(self):
        self.came: Queue = Queue()
        self.statuses: list[int] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["Content-Length"]))
                outer.came.put((self.path, self.headers, body))
                self.send_response(outer.statuses.pop(0) if outer.statuses else 204)
                self.end_headers()

            def log_message(self, *_):
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/push?token=x"
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def next(self):
        return self.came.get(timeout=WAIT_S)

    def close(self):
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture
def receiver():
    receiver = Receiver()
    yield receiver
    receiver.close()
