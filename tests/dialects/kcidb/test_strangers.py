"""What strangers write into parameters, origins and tokens is refused in few words, never a fault of ours."""

from __future__ import annotations

import base64
import json

import jwt
import pytest

from lib.auth.local import LocalAuth
from lib.domain.ingest.submission import TOLD_CHARS_MAX, origins_in
from tests import build

DEEP = base64.urlsafe_b64encode(b"[" * 20_000).decode()


@pytest.mark.parametrize("query", [f"limit={'9' * 5000}", f"after={DEEP}"], ids=["limit", "after"])
def test_a_parameter_that_no_list_gave_is_refused(client, query):
    assert client.send("GET", f"/kcidb/submissions?{query}").status == 400


def test_a_refusal_is_short_however_long_an_origin_is(client, hub):
    origin = "a" * 100_000
    sent = {"version": {"major": 5, "minor": 3}, "checkouts": [{"id": f"{origin}:1", "origin": origin}]}
    token = hub.submitters.mint(["lab"], build.NOW, 3600, "lab-1")
    reply = client.send("POST", "/submit", body=json.dumps(sent).encode(), token=token)
    assert reply.status == 403 and len(reply.body) < 3 * TOLD_CHARS_MAX


def test_origins_too_long_to_be_any_are_not_listed():
    objects = [{"origin": "a"}, {"origin": "b" * (TOLD_CHARS_MAX + 1)}]
    assert origins_in(json.dumps({"tests": objects}).encode()) == ["a"]


def test_an_expiry_past_all_numbers_is_no_token():
    key = "k" * 40
    token = jwt.encode({"origin": "lab", "exp": 10**400}, key, "HS256")
    assert LocalAuth([key]).vouched(token, build.NOW) is None
