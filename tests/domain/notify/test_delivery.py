"""Deliveries: to a real web server and a real mail server, again and again where they fail, and at least once."""

from __future__ import annotations

import hashlib
import hmac
import json
import logging

import pytest

from lib.domain.event.delivery import LEASE, PAUSES, SIGNATURE
from lib.domain.hub import Hub
from lib.domain.notify.sender import WatchOwner, WatchSender
from lib.errors import NotFound, Unavailable
from lib.outbound.memory import MemoryCourier, MemoryPost
from lib.outbound.open import open_courier, open_post
from lib.outbound.port import Answer
from lib.store.port import Scan
from tests.build import deactivate, register
from tests.build.killed import killed_at
from tests.build.mailbox import mailbox
from tests.build.ready import LONG_AGO, TEST, Merges

SECRET = "the secret of the hook"


class Scene:
    """A hub whose watches are told of tests that arrive."""

    def __init__(self, hub, clock):
        self.hub, self.clock = hub, clock
        self.merge = Merges(hub.store, clock)
        self.bob = register(hub.accounts, "bob")

    def watch(self, action, purpose="triage", actor=None):
        data = {"purpose": purpose, "filter": {}, "action": action}
        return self.hub.watches.make(actor or self.bob, data, self.clock())

    def tests(self, *ids, **changes):
        self.merge(*(("tests", {**TEST, "id": id, **changes}) for id in ids))
        self.hub.readiness_follower.sweep(self.clock())

    def send(self, **by):
        return self.hub.deliveries.sweep(self.clock.advance(**by))

    def state(self, watch):
        watch = self.hub.watches.get(self.bob, watch.id)
        return {**self.hub.watches.state(watch), "trouble": watch.trouble and watch.trouble["what"]}


@pytest.fixture(params=["sqlite", "firestore"])
def store_kind(request):
    return request.param


@pytest.fixture
def courier():
    return MemoryCourier()


@pytest.fixture
def post():
    return MemoryPost()


@pytest.fixture
def scene(store, bus, auth, clock, ids, courier, post):
    return Scene(Hub(store, bus, auth, clock=clock, ids=ids, courier=courier, post=post), clock)


def test_a_webhook_is_called_over_a_real_line(store, bus, auth, clock, ids, web, caplog):
    caplog.set_level(logging.DEBUG)
    scene = Scene(Hub(store, bus, auth, clock=clock, ids=ids, courier=open_courier(("127.0.0.1",))), clock)
    web.answer("POST", "/hook?token=x", 200, {})
    watch = scene.watch({"webhook": f"{web.url}/hook?token=x", "secret": SECRET})
    scene.tests("a:t1")
    assert scene.send() == 1 and scene.send() == 0
    (body,) = web.bodies
    event = json.loads(body)
    (told,) = store.read("kcidb-ready", 0, 10)
    assert event == {
        "specversion": "1.0", "id": told.key, "source": "https://api.kernelci.org/",
        "type": "org.kernelci.kcidb.ready.v1", "time": "2024-02-01T09:58:28.479138Z",
        "datacontenttype": "application/json", "data": told.body["data"],
    }  # fmt: skip
    assert web.headers[0]["content-type"] == "application/cloudevents+json; charset=utf-8"
    proof = hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    assert web.headers[0][SIGNATURE] == f"sha256={proof}"
    assert scene.state(watch) == {"fired": 1, "waiting": 0, "failed": 0, "trouble": None}
    # The secret is nowhere but in the watch.
    assert SECRET not in caplog.text and SECRET not in json.dumps(told.body) and SECRET not in str(web.headers)


def test_a_redirect_is_no_delivery(store, bus, auth, clock, ids, web):
    scene = Scene(Hub(store, bus, auth, clock=clock, ids=ids, courier=open_courier(("127.0.0.1",))), clock)
    web.answer("POST", "/hook", 302, {}, {"location": f"{web.url}/other"})
    watch = scene.watch({"webhook": f"{web.url}/hook"})
    scene.tests("a:t1")
    assert scene.send() == 0
    assert scene.state(watch)["trouble"] == "the answer was 302" and len(web.bodies) == 1


def test_a_letter_arrives_over_a_real_line(store, bus, auth, clock, ids):
    with mailbox() as box:
        post = open_post("127.0.0.1", box.port, "hub@example.org", "", waits=False)
        scene = Scene(Hub(store, bus, auth, clock=clock, ids=ids, post=post), clock)
        watch = scene.watch({"mail": "bob@kernelci.org"})
        scene.tests("a:t1", "a:t2\nBcc: eve@example.org")
        assert scene.send() == 0, "what is mailed is gathered for a minute"
        assert scene.send(minutes=1) == 2
        (message,) = box.messages
        post.close()
    assert box.envelopes == [("hub@example.org", ["bob@kernelci.org"])]
    assert message["subject"] == "triage: 2 objects"
    text = message.get_content().replace("\r\n", "\n")
    assert "tests a:t1: status FAIL\n" in text and "    log_url: https://logs.example/t1\n" in text
    assert "a:t2 Bcc: eve@example.org: status FAIL" in text and f"DELETE /kcidb/watches/{watch.id}" in text


def test_what_fails_is_tried_again_after_growing_pauses_and_given_up(scene, courier, caplog):
    courier.reply = lambda url: Answer(500, {}, b"")
    watch = scene.watch({"webhook": "https://ci.example/hook?token=x", "secret": SECRET})
    scene.tests("a:t1")
    scene.send()
    for number, pause in enumerate(PAUSES, 1):
        assert len(courier.calls) == number
        assert scene.state(watch) == {"fired": 1, "waiting": 1, "failed": 0, "trouble": "the answer was 500"}
        scene.send(seconds=pause.total_seconds() - 1)
        assert len(courier.calls) == number
        scene.send(seconds=1)
    assert scene.state(watch) == {"fired": 1, "waiting": 0, "failed": 1, "trouble": "the answer was 500"}
    scene.send(days=2)
    assert len(courier.calls) == len(PAUSES) + 1
    # The same each time, so that a repetition can be known.
    assert len({body for _, body, _ in courier.calls}) == 1
    assert "token" not in caplog.text and SECRET not in caplog.text and "ci.example" not in caplog.text
    # Later ones are delivered, and the trouble is over; after a month it is forgotten.
    courier.reply = lambda url: Answer(204, {}, b"")
    scene.tests("a:t2")
    assert scene.send() == 1
    assert scene.state(watch) == {"fired": 2, "waiting": 0, "failed": 1, "trouble": None}
    if not scene.hub.store.is_expiring:
        scene.hub.retention.run(scene.clock.advance(days=31))
        assert scene.state(watch)["failed"] == 0


@pytest.mark.parametrize(("fault", "what"), [
    (Unavailable("no answer came: TimeoutError"), "no answer came: TimeoutError"),
    (ValueError("https://ci.example/?token=x"), "an unexpected ValueError"),
])  # fmt: skip
def test_it_recovers(scene, courier, fault, what):
    answers = iter([fault, None])

    def reply(url):
        if (fault := next(answers)) is not None:
            raise fault
        return Answer(200, {}, b"")

    courier.reply = reply
    watch = scene.watch({"webhook": "https://ci.example/"})
    scene.tests("a:t1")
    assert scene.send() == 0
    assert scene.state(watch)["trouble"] == what
    assert scene.send(seconds=10) == 1
    assert scene.state(watch) == {"fired": 1, "waiting": 0, "failed": 0, "trouble": None}


def test_one_broken_hook_is_tried_once_a_run_and_holds_up_no_other(scene, courier):
    courier.reply = lambda url: Answer(500 if "broken" in url else 200, {}, b"")
    scene.watch({"webhook": "https://broken.example/"})
    scene.watch({"webhook": "https://ci.example/"})
    scene.tests("a:t1", "a:t2", "a:t3")
    assert scene.send() == 3
    assert [url for url, _, _ in courier.calls].count("https://broken.example/") == 1


def test_a_watch_in_trouble_rests_and_costs_nothing(scene, courier, monkeypatch):
    courier.reply = lambda url: Answer(500 if "broken" in url else 200, {}, b"")
    broken = scene.watch({"webhook": "https://broken.example/"})
    scene.tests(*(f"a:t{n}" for n in range(5)))
    tries = []
    for seconds in (0, 5, 5, 20, 10, 60):
        scene.send(seconds=seconds)
        tries.append(len(courier.calls))
    # After 10 s, 30 s and a minute: one each, whichever is due.
    assert tries == [1, 1, 2, 2, 3, 4]
    trouble = scene.hub.watches.get(scene.bob, broken.id).trouble
    assert trouble["times"] == 4 and trouble["until"] > trouble["at"]
    # As soon as one succeeds all that is due follows.
    courier.reply = lambda url: Answer(200, {}, b"")
    scene.send(minutes=5)
    scene.send(minutes=5)
    assert scene.state(broken) == {"fired": 5, "waiting": 0, "failed": 0, "trouble": None}


def test_a_run_ends_in_its_time(scene, courier):
    def slow(url):
        scene.clock.advance(seconds=15)
        return Answer(200, {}, b"")

    courier.reply = slow
    scene.watch({"webhook": "https://ci.example/"})
    scene.tests("a:t1", "a:t2", "a:t3")
    assert [scene.send(), scene.send(), scene.send()] == [2, 1, 0]


def test_a_url_that_came_to_lead_inside_is_not_called(scene, courier, monkeypatch):
    watch = scene.watch({"webhook": "https://ci.example/"})
    monkeypatch.setattr(courier, "check", lambda url: MemoryCourier().check("https://inside.invalid"))
    scene.tests("a:t1")
    assert scene.send() == 0
    assert scene.state(watch)["trouble"] == "url: may not be called" and courier.calls == []


@pytest.mark.parametrize("change", [{"email": "other@kernelci.org"}, {"is_verified": False}])
def test_mail_goes_only_as_long_as_the_address_is_the_users(scene, post, change):
    watch = scene.watch({"mail": "bob@kernelci.org"})
    scene.tests("a:t1")
    scene.hub.accounts.edit(scene.bob.id, change)
    assert scene.send(minutes=1) == 0 and post.sent == []
    assert "no longer the verified one" in scene.state(watch)["trouble"]


@pytest.mark.parametrize("is_deleted", [True, False])
@pytest.mark.parametrize("action", [{"mail": "bob@kernelci.org"}, {"webhook": "https://ci.example/"}])
def test_nothing_goes_out_for_a_user_who_is_gone(scene, post, courier, action, is_deleted):
    watch = scene.watch(action)
    scene.tests("a:t1")
    if is_deleted:
        scene.hub.accounts.delete(scene.bob.id)
    else:
        deactivate(scene.hub, scene.bob.id)
    assert scene.send(minutes=1) == 0 and post.sent == [] and courier.calls == []
    assert scene.state(watch)["trouble"] == "its user is no longer active"


def test_an_administrator_may_give_any_address(scene, post):
    admin = register(scene.hub.accounts, "admin", is_superuser=True)
    scene.watch({"mail": "list@example.org"}, actor=admin)
    scene.tests("a:t1")
    assert scene.send(minutes=1) == 1 and post.sent[0].to == "list@example.org"


def test_who_is_no_longer_an_administrator_mails_to_no_stranger(scene, post):
    admin = register(scene.hub.accounts, "admin", is_superuser=True)
    scene.watch({"mail": "list@lists.example"}, actor=admin)
    scene.tests("a:t1")
    scene.hub.accounts.edit(admin.id, {"is_superuser": False})
    assert scene.send(minutes=1) == 0 and post.sent == []


def test_many_are_one_letter_each_hundred(scene, post):
    scene.watch({"mail": "bob@kernelci.org"})
    scene.tests(*(f"a:t{n}" for n in range(150)))
    assert scene.send(minutes=1) == 150
    assert [mail.subject for mail in post.sent] == ["triage: 100 objects", "triage: 50 objects"]


def test_with_the_watch_goes_what_waits(scene, courier):
    courier.reply = lambda url: Answer(500, {}, b"")
    watch, other = scene.watch({"webhook": "https://a.example/"}), scene.watch({"webhook": "https://b.example/"})
    scene.tests("a:t1")
    scene.hub.watches.drop(scene.bob, watch.id)
    with pytest.raises(NotFound):
        scene.hub.watches.get(scene.bob, watch.id)
    # One that was written at the same time goes when it is due.
    late = {"watch": watch.id, "state": "waiting", "due_at": LONG_AGO, "attempts": 0, "at": LONG_AGO, "event": {}}
    scene.hub.store.transact(lambda tx: tx.create("kcidb_delivery", "late", late))
    scene.send()
    assert [url for url, _, _ in courier.calls] == ["https://b.example/"]
    assert [d.body["watch"] for d in scene.hub.store.find("kcidb_delivery", Scan()).docs] == [other.id]


@pytest.mark.parametrize("is_before", [True, False])
@pytest.mark.parametrize("action", [{"webhook": "https://ci.example/"}, {"mail": "bob@kernelci.org"}])
def test_killed_anywhere_it_is_delivered_at_least_once(scene, courier, post, action, is_before):
    scene.watch(action)
    scene.tests("a:t1", "a:t2")
    scene.clock.advance(minutes=1)
    for limit in range(1, 12):
        with killed_at(scene.hub.store, limit, is_before=is_before) as fate:
            scene.send()
        if fate.lived:
            break
        scene.clock.advance(seconds=LEASE.total_seconds())
    told = [json.loads(body)["data"]["id"] for _, body, _ in courier.calls]
    told += [word for mail in post.sent for word in ("a:t1", "a:t2") if f"tests {word}:" in mail.text]
    assert {"a:t1", "a:t2"} <= set(told) and len(told) < 12
    assert scene.hub.store.count("kcidb_delivery", ()) == 0


@pytest.mark.parametrize("action", [{"webhook": "https://ci.example/", "secret": SECRET}, {"mail": "bob@kernelci.org"}])
def test_what_was_stored_before_deliveries_named_their_receiver_is_sent(scene, courier, post, action):
    scene.watch(action)
    scene.tests("a:t1")

    def forget(tx):
        (doc,) = tx.find("kcidb_delivery", Scan()).docs
        new = ("action", "target", "secret", "pauses")
        tx.save("kcidb_delivery", doc.key, {name: value for name, value in doc.body.items() if name not in new})

    scene.hub.store.transact(forget)
    assert scene.send(minutes=1) == 1
    if "mail" in action:
        assert post.sent[0].to == "bob@kernelci.org"
    else:
        assert courier.calls[0][0] == action["webhook"] and SIGNATURE in courier.calls[0][2]


@pytest.mark.parametrize("others", [0, 1])
def test_what_waits_for_a_watch_that_another_process_made_just_now_stays(
    scene, store, bus, auth, clock, ids, courier, others
):
    for _ in range(others):
        scene.watch({"webhook": "https://other.example/"}, purpose="report")
    behind = Hub(store, bus, auth, clock=clock, ids=ids, courier=courier)
    behind.deliveries.sweep(clock())
    scene.watch({"webhook": "https://ci.example/"})
    scene.tests("a:t1")
    assert behind.deliveries.sweep(clock()) == 0
    assert scene.send() == 1


def test_each_watch_comes_first_now_and_then(scene, courier):
    """However often it runs: a watch that is slow and always busy is not in front of the others each time."""
    courier.reply = lambda url: scene.clock.advance(seconds=20) and Answer(200, {}, b"")
    for name in ("slow", "other"):
        scene.watch({"webhook": f"https://{name}.example/"})
    scene.tests(*(f"a:t{n}" for n in range(10)))
    for _ in range(10):
        now = scene.clock()
        assert scene.send(seconds=60 - now.timestamp() % 60 or 60) == 1
    assert len({url for url, *_ in courier.calls}) == 2


def test_two_runs_at_once_seldom_send_twice(scene, courier, monkeypatch):
    """Before each write of the first, the second goes its whole round."""
    scene.watch({"webhook": "https://ci.example/"})
    scene.tests("a:t1", "a:t2", "a:t3")
    transact, is_inside = type(scene.hub.store).transact, False

    def interleaved(self, work):
        nonlocal is_inside
        if not is_inside:
            is_inside = True
            scene.send()
            is_inside = False
        return transact(self, work)

    monkeypatch.setattr(type(scene.hub.store), "transact", interleaved)
    scene.send()
    assert len(courier.calls) == 3 and scene.hub.store.count("kcidb_delivery", ()) == 0


def test_a_letter_of_one_names_it(scene):
    watch = scene.watch({"mail": "bob@kernelci.org"}, purpose="report")
    verdict = {"valid": None, "builds": {"FAIL": 1, "PASS": 2}}
    event = {"op": "corrected", "kind": "checkouts", "id": "a:c1", "verdict": verdict, "by_timeout": True,
             "summary": {"tree_name": "mainline", "valid": True, "git_commit_tags": ["a", "b"]}}  # fmt: skip
    subject, text = WatchOwner(watch, WatchSender(scene.hub.watches, scene.hub.accounts)).compose([event])
    assert subject == "report: checkouts a:c1"
    assert (
        "checkouts a:c1: valid unknown, builds 1 FAIL 2 PASS (corrected) (by timeout)\n    tree_name: mainline\n"
        in text
    )
