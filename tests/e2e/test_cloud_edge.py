"""The cloud's edge as it is deployed: real tokens by real HTTP, under functions-framework and in the ASGI hub."""

from __future__ import annotations

import base64
import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import requests
import uvicorn

from functions.home.asgi_shell import AsgiShell
from functions.settings import read
from functions.wiring import Wiring
from lib.domain.account.account import first_admin
from tests.build.issuer import AUDIENCE, PROJECT, PUSHER, SCHEDULER, Issuer
from tests.build.web import Web

from .conftest import SECRET_KEY, Deploy

CLOUD = {"HUB_OIDC_AUDIENCE": AUDIENCE, "HUB_PUSH_ACCOUNTS": PUSHER, "HUB_SCHEDULER_ACCOUNTS": SCHEDULER}
SUBSCRIPTION = "projects/hub-test/subscriptions/inbox"


def now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def google() -> Issuer:
    return Issuer()


@pytest.fixture
def environ() -> dict[str, str]:
    """Settings of a test's own."""
    return {"HUB_FIREBASE_PROJECT": PROJECT}


@pytest.fixture
def wiring(tmp_path: Path, google: Issuer, environ: dict[str, str]) -> Iterator[Wiring]:
    """The store that the functions share, and a hub over it."""
    shared = {"HUB_STORE": f"sqlite:///{tmp_path}/functions.db", "SECRET_KEY": SECRET_KEY, **CLOUD}
    made = Wiring(read({**shared, **environ}, "/none"), fetch=google.fetch)
    made.hub.relay.inline = True
    yield made
    made.hub.close()


@pytest.fixture(params=["functions-framework", "asgi"])
def url(request: pytest.FixtureRequest, tmp_path: Path, google: Issuer) -> Iterator[str]:
    """The whole hub, in either shell."""
    if request.param == "asgi":
        yield request.getfixturevalue("asgi")
        return
    certificates = tmp_path / "certificates.json"
    certificates.write_text(json.dumps(google.published))
    deploy: Deploy = request.getfixturevalue("deploy")
    yield deploy("hub", "tests/e2e/cloud_main.py", TEST_CERTIFICATES=str(certificates), **CLOUD)


@pytest.fixture
def asgi(wiring: Wiring) -> Iterator[str]:
    """The hub under uvicorn, in a thread of this process."""
    config = uvicorn.Config(AsgiShell(wiring.edge()), port=0, log_config=None, lifespan="on", ws="none")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        thread.join(0.01)
        assert thread.is_alive()
    yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    server.should_exit = True
    thread.join()


def push(url: str, token: str, content: Any, **headers: str) -> requests.Response:
    body = content if isinstance(content, bytes) else json.dumps(content).encode()
    named = {"Authorization": f"Bearer {token}", **{k.replace("_", "-"): v for k, v in headers.items()}}
    return requests.post(f"{url}/on_event", data=body, headers=named, timeout=60)


def wrapped(data: bytes, id: str = "1", **attributes: str) -> dict[str, Any]:
    message = {"data": base64.b64encode(data).decode(), "messageId": id, "attributes": attributes}
    return {"message": message, "subscription": SUBSCRIPTION, "deliveryAttempt": 1}


EVENT = {"specversion": "1.0", "id": "a/1", "source": "https://ci.example.org", "type": "t", "data": {"n": 1}}


def test_each_form_of_a_push_is_one_event_however_often_it_comes(url, google, wiring):
    token = google.robot(now())
    text = json.dumps(EVENT).encode()
    context = {f"Ce_{k.capitalize()}": v for k, v in EVENT.items() if isinstance(v, str)}
    pushes: list[tuple[Any, dict[str, str]]] = [
        (wrapped(text, channel="ci"), {"Content_Type": "application/json"}),
        (text, {"X_Goog_Pubsub_Message_Id": "1", "X_Goog_Pubsub_Subscription_Name": SUBSCRIPTION, "Channel": "ci"}),
        (b'{"n": 1}', {**context, "Ce_Channel": "ci", "Content_Type": "application/json"}),
        ({**EVENT, "channel": "ci"}, {"Content_Type": "application/cloudevents+json"}),
    ]
    for content, headers in [*pushes, *pushes]:
        reply = push(url, token, content, **headers)
        assert (reply.status_code, reply.content) == (204, b"")
    (event,) = wiring.hub.store.read("ci", 0, 10)
    assert (event.body["source"], event.body["data"], event.body["owner"]) == (
        EVENT["source"],
        {"n": 1},
        "pubsub:inbox",
    )


def test_who_may_not_push_is_refused(url, google, wiring):
    good = wrapped(b"{}", channel="ci")
    tokens = [
        google.robot(now(), aud="https://other.example.org"),
        google.robot(now(), SCHEDULER),
        google.robot(now(), exp=int(now().timestamp()) - 1),
        google.sign({"email": PUSHER}, key="mallory"),
        wiring.hub.accounts.auth.mint(admin(wiring), now()),
        "nonsense",
    ]
    for token in tokens:
        assert push(url, token, good).status_code == 401
    assert requests.post(f"{url}/on_event", json=good, timeout=60).status_code == 401
    assert wiring.hub.store.last("ci") == 0


def test_poison_is_refused_and_large_bodies_are_not_read(url, google):
    token = google.robot(now())
    assert push(url, token, b"nonsense").status_code == 422
    assert push(url, token, wrapped(b"{}")).status_code == 400
    assert push(url, token, b"x" * (14 * 1024 * 1024 + 1)).status_code == 413


def admin(wiring: Wiring) -> str:
    made = first_admin(wiring.hub.accounts, "admin", "a@example.org", "password", now())
    assert made is not None
    return made.id


def test_the_scheduler_calls_the_jobs(url, google, wiring):
    boss = wiring.hub.accounts.auth.mint(admin(wiring), now())
    for job in ("sweep", "tidy"):
        for token, status in ((google.robot(now(), SCHEDULER), 200), (boss, 200), (google.robot(now()), 401)):
            reply = requests.post(f"{url}/jobs/{job}", headers={"Authorization": f"Bearer {token}"}, timeout=60)
            assert reply.status_code == status


def test_what_a_killed_request_left_is_finished_by_its_own_event(url, google, wiring):
    from lib.domain.account.access import Actor
    from lib.domain.event.event import message
    from tests import build

    hub, lab = wiring.hub, Actor("1" * 24, "lab")
    top = hub.nodes.submit(lab, build.checkout(), now())
    below = hub.nodes.submit(lab, build.job(top), now())
    changes = {"name": top.name, "kind": top.kind, "data": top.data, "timeout": top.timeout, "state": "closing"}
    hub.nodes.edit(lab, top.id, changes, now())
    hub.relay.inline = False
    changes = {"name": below.name, "kind": below.kind, "data": below.data, "timeout": below.timeout}
    hub.nodes.edit(lab, below.id, {**changes, "state": "done", "result": "pass"}, now())
    hub.relay._waiting.clear()
    hub.relay.inline = True
    assert hub.nodes.get(top.id).state == "closing"
    sent = message(hub.store.read("node", 0, 10)[-1])
    for _ in range(2):
        assert push(url, google.robot(now()), wrapped(sent.data, **sent.attributes)).status_code == 204
    assert hub.nodes.get(top.id).state == "done"


@pytest.fixture
def firebase(web: Web, monkeypatch: pytest.MonkeyPatch) -> Web:
    """Firebase's accounts. Its own switch sends its real client here; what the hub reads does not have it."""
    monkeypatch.setenv("FIREBASE_AUTH_EMULATOR_HOST", web.url.removeprefix("http://"))
    stand(web)
    return web


def stand(web: Web, **standing: Any) -> None:
    path = f"/identitytoolkit.googleapis.com/v1/projects/{PROJECT}/accounts:lookup"
    web.answer("POST", path, 200, {"users": [{"localId": "u1", **standing}]})


def test_a_user_of_firebase_works_like_any_other(firebase, asgi, google, wiring):
    headers = {"Authorization": f"Bearer {google.visitor(now(), username='ann', groups=['node:edit:any'])}"}
    who = requests.get(f"{asgi}/latest/whoami", headers=headers, timeout=60).json()
    assert (who["username"], who["email"], who["is_superuser"]) == ("ann", "ann@example.org", False)
    made = requests.post(f"{asgi}/latest/node", json={"kind": "checkout", "name": "c", "path": ["c"], "data": {
        "kernel_revision": {"tree": "t", "branch": "b", "commit": "c", "url": "https://git.example.org"},
    }}, headers=headers, timeout=60)  # fmt: skip
    assert made.json()["owner"] == "ann"
    assert requests.get(f"{asgi}/latest/user-groups", headers=headers, timeout=60).status_code == 403
    boss = {"Authorization": f"Bearer {google.visitor(now(), superuser=True)}"}
    assert requests.get(f"{asgi}/latest/user-groups", headers=boss, timeout=60).status_code == 200
    forged = {"Authorization": f"Bearer {google.sign({}, key='mallory')}"}
    assert requests.get(f"{asgi}/latest/whoami", headers=forged, timeout=60).status_code == 401


def test_a_user_of_firebase_who_was_disabled_is_out(firebase, asgi, google):
    stand(firebase, disabled=True)
    headers = {"Authorization": f"Bearer {google.visitor(now())}"}
    assert requests.get(f"{asgi}/latest/whoami", headers=headers, timeout=60).status_code == 401
