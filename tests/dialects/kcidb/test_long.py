"""Reads of many objects: streamed in pieces, whole all the same, and bounded."""

from __future__ import annotations

import json

import pytest

from lib.dialects.kcidb.codec_report import OBJECTS_AT_ONCE
from schemas.kcidb.query import IDS_MAX
from tests.build import reports

BUILDS, TESTS = 31, 10


@pytest.fixture
def told(store):
    document = reports.checkout(1, BUILDS, TESTS)
    reports.keep(store, document)
    return document


def by_id(objects):
    return {o["id"]: o for o in objects}


def test_children_past_one_piece_are_all_there_each_as_it_was_sent(client, told):
    assert BUILDS * TESTS > OBJECTS_AT_ONCE
    reply = client.send("GET", "/kcidb/checkouts/maestro:c1?children=1", completes=False)
    assert not isinstance(reply.body, bytes)
    children = json.loads(b"".join(reply.body))["children"]
    for kind in ("builds", "tests", "incidents"):
        assert by_id(children[kind]) == by_id(told[kind])


def test_an_export_merged_again_is_what_was_told(client, told):
    reply = client.send("GET", "/kcidb/export?objects_per_document=250")
    documents = [json.loads(line) for line in reply.body.splitlines()]
    assert [len(d["tests"]) for d in documents if "tests" in d] == [250, 60]
    for kind in ("checkouts", "builds", "tests", "issues", "incidents"):
        assert by_id(o for d in documents for o in d.get(kind, ())) == by_id(told[kind])


def test_a_query_names_so_many_ids_at_most(client, told):
    ids = [test["id"] for test in told["tests"]]
    reply = client.send("POST", "/kcidb/query", json_body={"tests": ids})
    assert by_id(json.loads(reply.body)["tests"]) == by_id(told["tests"])
    half = ["a:x"] * (IDS_MAX // 2 + 1)
    reply = client.send("POST", "/kcidb/query", json_body={"tests": half, "builds": half})
    assert reply.status == 400 and b"at most 1000 ids" in reply.body
    reply = client.send("POST", "/kcidb/query", json_body={"issues": [f"a:{n}" for n in range(101)]})
    assert reply.status == 400 and b"name them as [id, version]" in reply.body


def test_more_children_than_are_given_at_once_are_refused(client, hub, told):
    hub.families.reports_max = 100
    reply = client.send("GET", "/kcidb/checkouts/maestro:c1?children=1")
    assert reply.status == 400 and b"more than 100 objects" in reply.body
