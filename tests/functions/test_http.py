"""The core of the edge: routing, limits, authentication, refusals, the log line, the counts."""

from __future__ import annotations

import json
import logging
import re
import time
from collections.abc import Mapping
from datetime import timedelta

import pytest

from functions.edge.http import Edge, HeldPoll, quoted
from lib.dialects.wire import Dialect, Reply, Request, Route, Wait
from lib.errors import NoMethod
from tests import build

from .conftest import FAULTS, TOY, table_of

LINE = re.compile(r'method=[A-Z]+ route=\S+ status=\d{3} ms=\d+\.\d actor=([\w.@:+-]+|"([^"\\]|\\.)*") request=\S+\Z')


def ask(edge: Edge, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] = {}) -> Reply:
    path, _, query = target.partition("?")
    reply = edge.answer(Request(method, path, query, headers, body, build.NOW, "r-1"))
    assert isinstance(reply, Reply)
    return reply


def content(reply: Reply) -> object:
    assert isinstance(reply.body, bytes)
    return json.loads(reply.body)


def test_a_route_gets_the_parameters_of_its_path(edge):
    assert content(ask(edge, "GET", "/thing/7?a=1&b=")) == {
        "params": {"id": "7"}, "body": 0, "query": [["a", "1"], ["b", ""]],
    }  # fmt: skip
    assert content(ask(edge, "GET", "/files/a/b/c"))["params"] == {"rest": "a/b/c"}


def test_a_literal_segment_wins_for_the_methods_it_has(edge):
    assert content(ask(edge, "PATCH", "/thing/mine"))["params"] == {}
    assert content(ask(edge, "GET", "/thing/mine"))["params"] == {"id": "mine"}


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "DELETE", "TRACE", "BREW"])
def test_another_method_is_405_and_says_which_are_allowed(edge, method):
    reply = ask(edge, method, "/thing/7")
    assert (reply.status, content(reply)) == (405, {"toy": "Method Not Allowed"})
    assert dict(reply.headers)["allow"] == "GET, PUT"
    assert dict(ask(edge, method, "/thing/mine").headers)["allow"] == "GET, PATCH, PUT"


@pytest.mark.parametrize(
    "path", ["/nothing", "/", "", "*", "/thing", "/thing//", "//thing/7", "/Thing/7", "/files/", "/a" * 5000]
)
def test_a_path_nobody_has_is_one_object_for_all(edge, path):
    reply = ask(edge, "GET", path)
    text = "Not Found"
    assert (reply.status, content(reply)) == (404, {"code": 404, "message": text, "detail": text, "error": text})


def test_a_slash_at_the_end_redirects_and_keeps_the_query(edge):
    reply = ask(edge, "PUT", "/thing/7/?a=1&b=%20")
    assert (reply.status, dict(reply.headers)["location"]) == (307, "/thing/7?a=1&b=%20")
    assert dict(ask(edge, "GET", "/thing/a b\u00e9/").headers)["location"] == "/thing/a%20b%C3%A9"


def test_a_redirect_never_leaves_the_host(edge):
    assert ask(edge, "GET", "//thing/7/").status == 404
    anything = Edge(edge.hub, table_of(Route("GET", "/{a}/{b}", TOY.routes[0].handler, "a")))
    assert ask(anything, "GET", "//evil.example/").status == 404


def test_only_a_dialect_that_says_so_redirects(edge):
    strict = Dialect("strict", TOY.routes, TOY.refuse)
    assert ask(Edge(edge.hub, table_of(*TOY.routes, dialect=strict)), "GET", "/thing/7/").status == 404


def test_a_body_beyond_the_limit_of_its_route_is_413(edge):
    assert ask(edge, "PUT", "/thing/7", b"x" * 10).status == 200
    reply = ask(edge, "PUT", "/thing/7", b"x" * 11)
    assert (reply.status, content(reply)) == (413, {"toy": "a body here has at most 10 bytes"})


def test_standing(edge, hub):
    people = {
        "plain": build.register(hub.accounts, "plain", is_verified=False),
        "verified": build.register(hub.accounts, "verified"),
        "super": build.register(hub.accounts, "super", is_superuser=True, is_verified=False),
    }
    tokens = {name: hub.accounts.auth.mint(actor.id, build.NOW) for name, actor in people.items()}

    def statuses(path: str) -> dict[str, int]:
        return {n: ask(edge, "GET", path, headers={"authorization": f"Bearer {t}"}).status for n, t in tokens.items()}

    assert statuses("/user") == {"plain": 200, "verified": 200, "super": 200}
    assert statuses("/verified") == {"plain": 403, "verified": 200, "super": 403}
    assert statuses("/super") == {"plain": 403, "verified": 403, "super": 200}
    for path in ("/user", "/verified", "/super"):
        assert ask(edge, "GET", path).status == 401
        assert ask(edge, "GET", path, headers={"authorization": "Bearer nonsense"}).status == 401
    # A public route does not look at credentials, good or bad.
    assert ask(edge, "GET", "/thing/7", headers={"authorization": "nonsense"}).status == 200


@pytest.mark.parametrize(("how", "status", "text"), [
    ("invalid", 400, "a.b: must be one"),
    ("missing", 404, "Node not found with id: 7"),
    ("away", 503, "the disk is full"),
    ("unserved", 500, "node declares no shape"),
    ("bug", 500, "Internal Server Error"),
    ("deep", 500, "Internal Server Error"),
])  # fmt: skip
def test_whatever_is_raised_becomes_a_reply_of_the_dialect(edge, lines, caplog, how, status, text):
    reply = ask(edge, "GET", f"/fail/{how}")
    assert (reply.status, content(reply)) == (status, {"toy": text})
    if status < 500:
        assert len(lines) == 1
        assert not caplog.records
    else:
        assert not lines
        (record,) = caplog.records
        assert record.levelno == logging.ERROR
        assert record.exc_info[1] is FAULTS[how]
        assert LINE.match(record.getMessage())


def test_a_moment_of_unavailability_says_when_to_come_again(edge):
    assert dict(ask(edge, "GET", "/fail/away").headers)["retry-after"] == "1"


def test_a_dialect_that_cannot_refuse_is_caught_too(edge, caplog):
    def broken(error: Exception, status: int) -> Reply:
        raise ZeroDivisionError

    dialect = Dialect("broken", TOY.routes, broken)
    reply = ask(Edge(edge.hub, table_of(*TOY.routes, dialect=dialect)), "GET", "/fail/missing")
    assert (reply.status, content(reply)["error"]) == (500, "Internal Server Error")
    assert len(caplog.records) == 1
    assert ask(Edge(edge.hub, table_of(*TOY.routes, dialect=dialect)), "PUT", "/fail/missing").status == 500


def test_allow_is_told_even_when_the_dialect_forgets(edge):
    def handler(request: Request, hub: object) -> Reply:
        raise NoMethod(("GET", "POST"))

    reply = ask(Edge(edge.hub, table_of(Route("GET", "/x", handler, "a"))), "GET", "/x")
    assert (reply.status, dict(reply.headers)["allow"]) == (405, "GET, POST")


def test_exactly_one_line_a_request_and_no_secret_in_it(edge, hub, lines):
    actor = build.register(hub.accounts, "eve actor=root\n")
    token = hub.accounts.auth.mint(actor.id, build.NOW)
    secrets = {"authorization": f"Bearer {token}", "cookie": "hush"}
    ask(edge, "GET", "/user?password=hush", b"hush", secrets)
    ask(edge, "GET", "/thing/hush?token=hush", headers=secrets)
    ask(edge, "GET", "/hush?hush", headers=secrets)
    ask(edge, "BREW me=1\n", "/thing/hush/", headers=secrets)
    ask(edge, "DELETE", "/thing/hush", headers=secrets)
    assert len(lines) == 5
    for line in lines:
        assert LINE.match(line), line
        assert "hush" not in line
        assert token not in line
    assert lines[0].startswith("method=GET route=/user status=200 ")
    assert ' actor="eve actor=root\\n" ' in lines[0]
    assert lines[1].startswith("method=GET route=/thing/{id} status=200 ")
    assert lines[3].startswith("method=OTHER route=/thing/{id} status=405 ") or "(slash)" in lines[3]


def test_requests_are_counted_by_route_and_status(edge):
    for id in "123":
        ask(edge, "GET", f"/thing/{id}")
    ask(edge, "GET", "/fail/missing")
    ask(edge, "GET", "/no/such/path")
    ask(edge, "ANYTHING-A-CLIENT-SAYS", "/other")
    assert edge.counts.all() == {
        ("GET", "/thing/{id}", 200): 3,
        ("GET", "/fail/{how}", 404): 1,
        ("GET", "(none)", 404): 1,
        ("OTHER", "(none)", 404): 1,
    }


def test_values_in_a_line_cannot_be_mistaken():
    assert quoted("bob@example.org") == "bob@example.org"
    assert quoted("a b") == '"a b"'
    assert quoted("a\nb=\ud800") == '"a\\nb=\\ud800"'
    assert quoted("") == '""'


class Poll:
    """A handler that becomes a poll of `answers`: None, a Reply, or an error to raise."""

    def __init__(self, *answers: Reply | Exception | None) -> None:
        self.answers = list(answers)

    def __call__(self, request: Request, hub: object) -> Wait:
        return Wait(frozenset({"c"}), request.now + timedelta(seconds=9), self.next, lambda: self.next(request.now))

    def next(self, now: object) -> Reply | None:
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer


def hold(edge: Edge, *answers: Reply | Exception | None) -> HeldPoll:
    edge.table = table_of(Route("GET", "/poll", Poll(*answers), "a"))
    held = edge.answer(Request("GET", "/poll", "", {}, b"", build.NOW, "r-1"))
    assert isinstance(held, HeldPoll)
    assert held.channels == {"c"}
    return held


def test_a_poll_is_logged_once_when_it_ends(edge, lines):
    held = hold(edge, None, Reply(200, b"news"))
    assert held.poll(build.NOW) is None
    assert not lines
    assert held.poll(build.NOW).body == b"news"
    assert len(lines) == 1
    assert "route=/poll status=200 " in lines[0]


def test_a_poll_that_idles_is_logged_once(edge, lines):
    assert hold(edge, Reply(200, b"BEEP")).otherwise().body == b"BEEP"
    assert len(lines) == 1


def test_a_poll_that_fails_is_refused_like_any_request(edge, lines, caplog):
    reply = hold(edge, KeyError("secret-value")).poll(build.NOW)
    assert (reply.status, content(reply)) == (500, {"toy": "Internal Server Error"})
    assert hold(edge, FAULTS["missing"]).otherwise().status == 404
    assert len(caplog.records) == 1
    assert len(lines) == 1


def test_a_poll_whose_client_left_is_logged_as_such(edge, lines):
    hold(edge).drop()
    assert "status=499" in lines[0]


def test_the_edge_costs_little(edge):
    """What answer() adds to a quick handler, in time of this thread alone: machines that run tests are busy."""
    request = Request("GET", "/thing/0123456789abcdef01234567", "", {}, b"", build.NOW, "r-1")
    edge.table = table_of(*(Route("GET", "/thing/{id}", lambda request, hub: Reply(), "a", quick=True),))
    spent = []
    for _ in range(20):
        began = time.thread_time()
        for _ in range(200):
            edge.answer(request)
        spent.append((time.thread_time() - began) / 200)
    assert min(spent) < 25e-6
