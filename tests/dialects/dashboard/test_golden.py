"""Golden cases of the dashboard: what a client asks of the world of `tests/board.py`, and to the byte what it gets.

`--update-golden` rewrites the replies. Each file of `cases/` is a list of cases: `source` says where the behaviour is
written down, `empty` that there are no reports, `exchanges` what is asked and answered. The clock stands at build.NOW.
Every reply has the shape that the description documents. Every store gives the same bytes.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from functions import routes
from functions.table import Found
from lib.dialects import dashboard
from lib.store.sqlite import SqliteStore
from tests import board, firestore
from tests.build import NOW
from tests.dialects.kernelci.test_golden import pretty

CASES = Path(__file__).parent / "cases"
ALL = [(file, i, case) for file in sorted(CASES.glob("*.json")) for i, case in enumerate(json.loads(file.read_text()))]
RUNS = [
    pytest.param(store, *case, id=f"{store}: {case[0].stem}: {case[2]['name']}")
    for store in ("sqlite", "firestore")
    for case in ALL
]


@pytest.fixture
def store(request, clock, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore("", clock=clock, rehearse=True)
    else:
        store = firestore.open_store(firestore.database_of(str(tmp_path)), clock=clock, next_seq=lambda: 1)
    yield store
    store.close()


def route_of(step):
    method, _, target = step["request"].partition(" ")
    match = routes.table().match(method, target.partition("?")[0])
    assert isinstance(match, Found), step["request"]
    return match.bound.route


@pytest.mark.parametrize(("store", "file", "index", "case"), RUNS, indirect=["store"])
def test_case(store, file, index, case, client, request):
    if not case.get("empty"):
        board.store(store, board.world(NOW), NOW)
    replies = []
    for step in case["exchanges"]:
        method, _, target = step["request"].partition(" ")
        more = {"json_body": step["json"]} if "json" in step else {"body": step.get("text", "").encode()}
        reply = client.send(method, target, **more)
        replies.append({"status": reply.status, "json": json.loads(reply.body)})
        if reply.status == 200 and "error" not in replies[-1]["json"]:
            TypeAdapter(route_of(step).gives).validate_python(replies[-1]["json"])
    if request.config.getoption("--update-golden"):
        cases = json.loads(file.read_text())
        for step, reply in zip(cases[index]["exchanges"], replies, strict=True):
            step["reply"] = reply
        file.write_text(pretty(cases) + "\n")
        return
    for step, reply in zip(case["exchanges"], replies, strict=True):
        assert pretty(reply) == pretty(step.get("reply")), step["request"]


def test_every_case_names_its_source():
    for file, _, case in ALL:
        assert set(case) <= {"name", "source", "empty", "exchanges"}, file
        assert case["source"], case["name"]


@pytest.mark.parametrize("route", dashboard.DIALECT.routes, ids=lambda r: f"{r.method} {r.path}")
def test_each_route_has_its_cases(route):
    """One that finds something, and one that finds nothing or is refused."""
    mine = [step["reply"] for _, _, case in ALL for step in case["exchanges"] if route_of(step) is route]
    assert any(reply["status"] == 200 and "error" not in reply["json"] for reply in mine)
    assert any("error" in reply["json"] for reply in mine if isinstance(reply["json"], dict)) or route.summary in (
        "Where issues were seen first, last, and in which trees",
    )
