"""Plays golden cases (`golden.py`)."""

from __future__ import annotations

import base64
import json

import pytest

from tests.build import deactivate, register
from tests.dialects.golden import Names

SHOWN_HEADERS = ("allow", "location", "www-authenticate", "x-nodes-window")


def _basic(pair: str) -> str:
    return base64.b64encode(pair.encode()).decode()


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
            names.bind(f"basic of {name}", _basic(f"anyone:{tokens[name]}"))
            names.bind(f"token of {name} as the user", _basic(f"{tokens[name]}:"))
            user = hub.accounts.get(actor.id)
            names.bind(f"verify token of {name}", hub.account_mail.verify_token(user, clock()))
            names.bind(f"reset token of {name}", hub.account_mail.reset_token(user, clock()))
            if flags.get("is_active") is False:
                deactivate(hub, actor.id)
        for name, node in given.get("nodes", {}).items():
            node = {"kind": "checkout", "name": name, "path": [name], **names.fill(node)}
            reply = client.send("POST", "/node", token=tokens[node.pop("as", "bob")], json_body=node)
            assert reply.status == 200, reply.body
            names.bind(name, json.loads(reply.body)["id"])
        return [exchange(step) for step in case["exchanges"]]

    return play
