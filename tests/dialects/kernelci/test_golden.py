"""Golden cases: what a client sends, and to the byte what it gets. `--update-golden` rewrites the replies.

Each file of `cases/` is a list of cases: `source` says where the behaviour is written down, `given` what is there
before (groups, users whose password is their name, nodes, each POSTed by its `as`), `exchanges` what is sent and
answered. `<name>` stands for the id of a user or node of `given`, `<id1>`, `<id2>` … for ids made while the case runs,
in the order they are first shown, `<event1>` … for the ids of events, `<next1>` … for the cursors of pages,
`<verify token of name>` and `<reset token of name>` for what a letter to a user of `given` holds at the start. Key
order counts. `shows` names further headers of a reply that are part of the case. The clock stands at build.NOW.

Every store gives the same bytes: the cases run over SQLite, and over Firestore again.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from lib.store.sqlite import SqliteStore
from tests import firestore
from tests.build import deactivate, register

CASES = Path(__file__).parent / "cases"
SHOWN_HEADERS = ("allow", "location", "www-authenticate", "x-nodes-window")
WIDTH = 116

ALL = [(file, i, case) for file in sorted(CASES.glob("*.json")) for i, case in enumerate(json.loads(file.read_text()))]


RUNS = [
    pytest.param(store, *case, id=f"{store}: {case[0].stem}: {case[2]['name']}")
    for store in ("sqlite", "firestore")
    for case in ALL
]


class Names:
    """The two-way table of placeholders and what they stand for."""

    def __init__(self) -> None:
        self.by_name: dict[str, str] = {}

    def bind(self, name: str, value: str) -> None:
        self.by_name[name] = value

    def fill(self, value: Any) -> Any:
        """The value with its placeholders filled in."""
        text = json.dumps(value)
        for name, real in self.by_name.items():
            text = text.replace(f"<{name}>", real)
        return json.loads(text)

    def number(self, stem: str, value: str) -> None:
        """Give a value that has no name yet the next number."""
        if value not in self.by_name.values():
            count = sum(re.fullmatch(rf"{stem}\d+", n) is not None for n in self.by_name)
            self.bind(f"{stem}{count + 1}", value)

    def hide(self, text: str) -> str:
        """The text with ids as placeholders; new ones get the next number."""
        for stem, pattern in (("event", r"00000000-0000-4000-8000-[0-9a-f]{12}"), ("id", r"\b0{12}[0-9a-f]{12}\b")):
            for found in re.findall(pattern, text):
                self.number(stem, found)
        for name, real in self.by_name.items():
            text = text.replace(real, f"<{name}>")
        return text


@pytest.fixture
def store(request, clock, tmp_path):
    if request.param == "sqlite":
        store = SqliteStore("", clock=clock, rehearse=True)
    else:
        # Numbered from 1, as SQLite does it.
        store = firestore.open_store(firestore.database_of(str(tmp_path)), clock=clock, next_seq=lambda: 1)
    yield store
    store.close()


@pytest.fixture
def play(client, hub, clock, auth):
    """Runs a case; gives the replies of its exchanges."""
    tokens: dict[str, str] = {}
    names = Names()

    def exchange(step):
        step = {**step, **names.fill({k: v for k, v in step.items() if k != "reply"})}
        clock.advance(**step.get("advance", {}))
        method, _, target = step["request"].partition(" ")
        more = {"json_body": step["json"]} if "json" in step else {}
        reply = client.send(
            method, target, token=tokens[step["as"]] if "as" in step else None, form=step.get("form"),
            body=step.get("text", "").encode(), headers=step.get("headers", {}), **more,
        )  # fmt: skip
        wanted = (*SHOWN_HEADERS, *step.get("shows", ()))
        shown = {"status": reply.status, **{k: v for k, v in reply.headers if k in wanted}}
        is_json = dict(reply.headers).get("content-type", "").startswith("application/json")
        shown |= {"json": json.loads(reply.body)} if is_json else {"text": reply.body.decode()}
        for place in (shown, shown.get("json")):
            for key in ("x-next", "next"):
                if isinstance(place, dict) and isinstance(place.get(key), str):
                    names.number("next", place[key])
        return json.loads(names.hide(json.dumps(shown)))

    def play(case):
        given = case.get("given", {})
        for name in given.get("groups", ()):
            names.bind(name, hub.accounts.make_group(name, clock()).id)
        for name, flags in given.get("users", {}).items():
            actor = register(hub.accounts, name, clock(), **{k: v for k, v in flags.items() if k != "is_active"})
            names.bind(name, actor.id)
            tokens[name] = auth.mint(actor.id, clock())
            user = hub.accounts.get(actor.id)
            names.bind(f"verify token of {name}", hub.letters.verify_token(user, clock()))
            names.bind(f"reset token of {name}", hub.letters.reset_token(user, clock()))
            if flags.get("is_active") is False:
                deactivate(hub, actor.id)
        for name, node in given.get("nodes", {}).items():
            node = {"kind": "checkout", "name": name, "path": [name], **names.fill(node)}
            reply = client.send("POST", "/node", token=tokens[node.pop("as", "bob")], json_body=node)
            assert reply.status == 200, reply.body
            names.bind(name, json.loads(reply.body)["id"])
        return [exchange(step) for step in case["exchanges"]]

    return play


@pytest.mark.parametrize(("store", "file", "index", "case"), RUNS, indirect=["store"])
def test_case(store, file, index, case, play, request):
    replies = play(case)
    if request.config.getoption("--update-golden"):
        rewrite(file, index, replies)
        return
    for step, reply in zip(case["exchanges"], replies, strict=True):
        assert pretty(reply) == pretty(step.get("reply")), step["request"]


def test_every_case_names_its_source():
    assert ALL
    for file, _, case in ALL:
        assert set(case) <= {"name", "source", "given", "exchanges"}, file
        assert case["source"], case["name"]


def rewrite(file, index, replies):
    cases = json.loads(file.read_text())
    for step, reply in zip(cases[index]["exchanges"], replies, strict=True):
        step["reply"] = reply
    file.write_text(pretty(cases) + "\n")


def pretty(value: Any, indent: int = 0) -> str:
    """JSON with every object and list on one line that fits on one."""
    line = json.dumps(value, ensure_ascii=False)
    if len(line) + indent <= WIDTH or not isinstance(value, dict | list) or not value:
        return line
    pad = " " * (indent + 2)
    if isinstance(value, dict):
        parts = [f"{json.dumps(k, ensure_ascii=False)}: {pretty(v, indent + 2)}" for k, v in value.items()]
        return "{\n" + ",\n".join(pad + part for part in parts) + "\n" + " " * indent + "}"
    return "[\n" + ",\n".join(pad + pretty(v, indent + 2) for v in value) + "\n" + " " * indent + "]"
