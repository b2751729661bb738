"""Golden cases of the dashboard (`tests/dialects/golden.py`): what a client asks of the world of `build/board.py`.

`given.empty`: there are no reports. Every reply has the shape that the description documents.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from functions.edge import routes
from functions.edge.table import Found
from lib.dialects import dashboard
from tests.build import NOW, board
from tests.dialects import golden

ALL = golden.cases((Path(__file__).parent / "cases").glob("*.json"))


def route_of(step):
    method, _, target = step["request"].partition(" ")
    match = routes.table().match(method, target.partition("?")[0])
    assert isinstance(match, Found), step["request"]
    return match.bound.route


@golden.each(ALL)
def test_case(store, case, client, request):
    if "given" not in case.body:
        board.store(store, board.world(NOW), NOW)
    replies = []
    for step in case.body["exchanges"]:
        method, _, target = step["request"].partition(" ")
        more = {"json_body": step["json"]} if "json" in step else {"body": step.get("text", "").encode()}
        reply = client.send(method, target, headers=step.get("headers", {}), **more)
        replies.append({"status": reply.status, "json": json.loads(reply.body)})
        if reply.status == 200 and "error" not in replies[-1]["json"]:
            TypeAdapter(route_of(step).gives).validate_python(replies[-1]["json"])
    golden.judge(case, replies, request)


def test_every_case_names_its_source():
    golden.check_forms(ALL)


@pytest.mark.parametrize("route", dashboard.DIALECT.routes, ids=lambda r: f"{r.method} {r.path}")
def test_each_route_has_its_cases(route):
    """One that finds something, and one that finds nothing or is refused."""
    mine = [step["reply"] for case in ALL for step in case.body["exchanges"] if route_of(step) is route]
    assert any(reply["status"] == 200 and "error" not in reply["json"] for reply in mine)
    assert any("error" in reply["json"] for reply in mine if isinstance(reply["json"], dict)) or route.summary in (
        "Where issues were seen first, last, and in which trees",
    )
