"""A player of the KernelCI Python client: the same requests, headers, retries and readings of replies.

The client itself is on no registry. What it sends is kernelci.md 10.1 to 10.3: a new session a call, `Authorization`
only when a token is configured, JSON bodies, empty POSTs with `Content-Length: 0`, booleans as Python prints them,
dates as `str(datetime)`, every verb retried on 500, 502, 503, 504 and 521.
"""

from __future__ import annotations

import base64
import json
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from urllib3.util import Retry

RETRIED = (500, 502, 503, 504, 521)
OPERATORS = (("!=", "__ne"), ("=~", "__re"), (">=", "__gte"), ("<=", "__lte"), (">", "__gt"), ("<", "__lt"), ("=", ""))
PAGE = 100
INHERITED = (
    "kernel_revision", "arch", "defconfig", "config_full", "compiler", "platform", "runtime", "device",
)  # fmt: skip
"""Data keys that the nodes of a submitted hierarchy take from their root."""


class Refused(Exception):
    """The server's `detail`, as the client raises it."""


class Player:
    """One configured client of one API; `asked` are its requests, as they went over the wire."""

    def __init__(self, url: str, token: str | None = None, version: str = "latest", timeout: float = 60) -> None:
        self.base = f"{url.rstrip('/')}/{version}/"
        self.token, self.timeout = token, timeout
        self.statuses: list[int] = []
        self.asked: list[str] = []

    def _call(self, method: str, path: str, *, params: Any = None, body: Any = None, form: Any = None) -> Any:
        headers = {"Authorization": f"Bearer {self.token}"} if self.token else {}
        retry = Retry(total=5, backoff_factor=1, status_forcelist=RETRIED, allowed_methods=None)
        with requests.Session() as session:
            session.mount("http://", HTTPAdapter(max_retries=retry))
            data = form
            if body is not None:
                data, headers["Content-Type"] = json.dumps(body), "application/json"
            reply = session.request(
                method, self.base + path.lstrip("/"), params=params, data=data, headers=headers, timeout=self.timeout
            )
        self.statuses.append(reply.status_code)
        self.asked.append(f"{method} {reply.request.path_url}")
        if reply.status_code >= 400:
            raise Refused(reply.json()["detail"])
        return reply.json() if reply.content else None

    # Users
    def hello(self) -> Any:
        return self._call("GET", "/")

    def login(self, username: str, password: str) -> str:
        form = {"username": username, "password": password}
        return self._call("POST", "user/login", form=form)["access_token"]

    def whoami(self) -> Any:
        return self._call("GET", "/whoami")

    def token_info(self) -> Any:
        """What the configured token says of itself; asks nobody."""
        assert self.token
        payload = self.token.split(".")[1]
        return json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))

    def user_add(self, username: str, email: str, password: str, **more: Any) -> Any:
        return self._call(
            "POST", "user/register", body={"username": username, "email": email, "password": password, **more}
        )

    def user_find(self, **attributes: Any) -> Any:
        return self._call("GET", "users", params=attributes)["items"]

    def user_update(self, username: str, **changes: Any) -> Any:
        """GET the user by name, PATCH by id: as every older `kci user` command that changes one."""
        return self._call("PATCH", f"user/{self._user(username)['id']}", body=changes)

    def user_activate(self, username: str) -> Any:
        return self.user_update(username, is_active=1)

    def user_deactivate(self, username: str) -> Any:
        return self.user_update(username, is_active=0)

    def user_join(self, username: str, group: str) -> Any:
        names = [g["name"] for g in self._user(username)["groups"]]
        return self.user_update(username, groups=[*names, group])

    def user_leave(self, username: str, group: str) -> Any:
        names = [g["name"] for g in self._user(username)["groups"]]
        return self.user_update(username, groups=[name for name in names if name != group])

    def user_request_verify(self, username: str) -> None:
        self._call("POST", "user/request-verify-token", body={"email": self._user(username)["email"]})

    def user_verify(self, token: str) -> Any:
        return self._call("POST", "user/verify", body={"token": token})

    def user_forgot_password(self, email: str) -> None:
        self._call("POST", "user/forgot-password", body={"email": email})

    def user_reset_password(self, token: str, password: str) -> None:
        self._call("POST", "user/reset-password", body={"token": token, "password": password})

    def user_password(self, username: str, password: str, new_password: str) -> None:
        form = {"username": username, "password": password, "new_password": new_password}
        self._call("POST", "user/update-password", form=form)

    def user_delete(self, username: str) -> None:
        self._call("DELETE", f"user/{self._user(username)['id']}")

    def _user(self, username: str) -> Any:
        (found,) = self.user_find(username=username)
        return found

    # Groups, by the older routes
    def group_add(self, name: str) -> Any:
        return self._call("POST", "group", body={"name": name})

    def group_find(self, **attributes: Any) -> Any:
        return self._call("GET", "groups", params=attributes)["items"]

    def group_get(self, id: str) -> Any:
        return self._call("GET", f"group/{id}")

    def group_delete(self, name: str) -> None:
        (found,) = self.group_find(name=name)
        self._call("DELETE", f"group/{found['id']}")

    # Nodes
    def get(self, id: str) -> Any:
        return self._call("GET", f"node/{id}")

    def submit(self, node: dict[str, Any]) -> Any:
        """POST a node without an id; PUT the complete one back otherwise."""
        if "id" not in node:
            return self._call("POST", "node", body=node)
        assert "result" in node
        return self._call("PUT", f"node/{node['id']}", body=node)

    def update(self, node: dict[str, Any], noevent: bool = False) -> Any:
        """PUT, as the library does it: a node that has a result now is no longer timed out."""
        data = node.get("data") or {}
        if node.get("result") != "incomplete" and data.get("error_code") == "node_timeout":
            data["error_code"] = data["error_msg"] = None
        params = {"noevent": "true"} if noevent else None
        return self._call("PUT", f"node/{node['id']}", params=params, body=node)

    def submit_hierarchy(self, root_id: str, results: dict[str, Any]) -> Any:
        """GET the node twice and its parent, then PUT the whole tree with the root done."""
        self.get(root_id)
        root = self.get(root_id)
        if root["parent"]:
            self.get(root["parent"])
        root.update(result=results["result"], state="done")
        inherited = {key: (root["data"] or {}).get(key) for key in INHERITED}

        def branch(item: dict[str, Any], path: list[str]) -> dict[str, Any]:
            here = [*path, item["name"]]
            node = {
                "kind": item.get("kind", "test"),
                "name": item["name"],
                "path": here,
                "group": root["name"],
                "state": "done",
                "result": item["result"],
                "data": dict(inherited),
                "processed_by_kcidb_bridge": False,
            }
            return {"node": node, "child_nodes": [branch(c, here) for c in item.get("child_nodes", ())]}

        tree = {"node": root, "child_nodes": [branch(c, root["path"]) for c in results.get("child_nodes", ())]}
        return self._call("PUT", f"nodes/{root_id}", body=tree)

    def job_new(self, node_id: str, name: str, **data: Any) -> Any:
        """`kci job new`: GET the node it is for and those above it up to the checkout, POST a job below it."""
        node = above = self.get(node_id)
        while above["parent"] and above["kind"] != "checkout":
            above = self.get(above["parent"])
        assert above["kind"] == "checkout"
        revision = above["data"]["kernel_revision"]
        return self.submit(
            {"kind": "job", "name": name, "path": [*node["path"], name], "group": name, "parent": node_id,
             "data": {"kernel_revision": revision, "runtime": None, "platform": None, **data}}
        )  # fmt: skip

    def find(self, *attributes: str, limit: int | None = None, offset: int = 0) -> list[Any]:
        """One page, or without a limit every page of 100 until a short one."""
        if limit is not None:
            params = [*translated(attributes), *([("offset", str(offset))] if offset else []), ("limit", str(limit))]
            return self._call("GET", "nodes", params=params)["items"]
        found: list[Any] = []
        while True:
            page = [*translated(attributes), ("limit", str(PAGE)), ("offset", str(len(found)))]
            items = self._call("GET", "nodes", params=page)["items"]
            found += items
            if len(items) < PAGE:
                return found

    def findfast(self, *attributes: str) -> list[Any]:
        return self._call("GET", "nodes/fast", params=translated(attributes))

    def count(self, *attributes: str) -> int:
        return self._call("GET", "count", params=translated(attributes))

    def bulkset(self, ids: list[str], field: str, value: str) -> int:
        return self._call("PUT", "batch/nodeset", body={"nodes": ids, "field": field, "value": value})

    # Key-value pairs and telemetry
    def kv_get(self, namespace: str, key: str) -> Any:
        return self._call("GET", f"kv/{namespace}/{key}")

    def kv_set(self, namespace: str, key: str, value: str) -> Any:
        return self._call("POST", f"kv/{namespace}/{key}", body=value)

    def kv_delete(self, namespace: str, key: str) -> Any:
        return self._call("DELETE", f"kv/{namespace}/{key}")

    def telemetry_add(self, events: list[dict[str, Any]]) -> Any:
        return self._call("POST", "telemetry", body=events)

    def telemetry_find(self, **attributes: Any) -> Any:
        return self._call("GET", "telemetry", params=attributes)["items"]

    def telemetry_stats(self, group_by: str, **attributes: Any) -> Any:
        return self._call("GET", "telemetry/stats", params={"group_by": group_by, **attributes})

    def telemetry_anomalies(self, **attributes: Any) -> Any:
        return self._call("GET", "telemetry/anomalies", params=attributes)

    # Events
    def subscribe(self, channel: str, promisc: bool | None = None, subscriber_id: str | None = None) -> int:
        given = {"promisc": promisc, "subscriber_id": subscriber_id}
        params = {name: value for name, value in given.items() if value}
        return self._call("POST", f"subscribe/{channel}", params=params or None)["id"]

    def receive(self, subscription: int, *, block: bool = True) -> Any:
        """The next event, past every BEEP; without `block` the reply to one poll, None for a BEEP."""
        while True:
            message = self._call("GET", f"listen/{subscription}")
            event = json.loads(message["data"])
            if event.get("data") != "BEEP":
                return event
            if not block:
                return None

    def send(self, channel: str, data: Any, **more: Any) -> None:
        self._call("POST", f"publish/{channel}", body={"data": data, **more})

    def push(self, list: str, data: Any, **more: Any) -> None:
        self._call("POST", f"push/{list}", body={"data": data, **more})

    def pop(self, list: str) -> Any:
        return self._call("GET", f"pop/{list}")

    def stats(self) -> Any:
        return self._call("GET", "stats/subscriptions")

    def unsubscribe(self, subscription: int) -> None:
        self._call("POST", f"unsubscribe/{subscription}")


PENDING = ("running", "available", "closing")


class TimeoutService:
    """The pipeline's timeout service in its three modes (kernelci.md 6 and 10.3): each asks, then writes whole nodes
    back as it read them. A refused write is logged and tried again in the next round; here it is counted."""

    def __init__(self, player: Player) -> None:
        self.player = player
        self.username = player.whoami()["username"]
        self.refused = 0

    def timeout(self) -> None:
        """Nodes of its own past their timeout are done; incomplete when they had no result."""
        for state in PENDING:
            for node in self._find(f"timeout<{_now()}", f"state={state}"):
                if node["owner"] == self.username:
                    node["state"] = "done"
                    if not node["result"]:
                        node["result"] = "incomplete"
                        node["data"].update(error_code="node_timeout", error_msg="Node timed-out")
                    self._put(node)

    def holdoff(self) -> None:
        """Available nodes past their holdoff are closing while a descendant is pending, else done."""
        for node in self._find("state=available", f"holdoff<{_now()}"):
            node["state"] = "closing" if self._has_pending(node["id"]) else "done"
            self._put(node)

    def closing(self) -> None:
        """Closing nodes without pending descendants are done."""
        for node in self._find("state=closing"):
            if not self._has_pending(node["id"]):
                node["state"] = "done"
                self._put(node)

    def _has_pending(self, id: str) -> bool:
        children = self._find(f"parent={id}")
        return any(c["state"] in PENDING for c in children) or any(self._has_pending(c["id"]) for c in children)

    def _find(self, *attributes: str) -> list[Any]:
        return self.player.find(*attributes)

    def _put(self, node: dict[str, Any]) -> None:
        try:
            self.player.update(node)
        except Refused:
            self.refused += 1


def _now() -> str:
    return datetime.now(UTC).isoformat()


def translated(attributes: tuple[str, ...]) -> list[tuple[str, str]]:
    """`name=~x86` → ("name__re", "x86"), as the command line spells conditions."""
    pairs = []
    for attribute in attributes:
        sign, suffix = next((s, x) for s, x in OPERATORS if s in attribute)
        name, _, value = attribute.partition(sign)
        pairs.append((name.strip() + suffix, value.strip()))
    return pairs


def soon(**more: float) -> str:
    """An instant as the client's services write it: str() of an aware datetime."""
    return str(datetime.now(UTC) + timedelta(**more))


def until(what: Callable[[], Any], seconds: float = 60) -> Any:
    """What `what` gives once it is true."""
    end = time.monotonic() + seconds
    while not (value := what()):
        assert time.monotonic() < end, "did not happen in time"
        time.sleep(0.05)
    return value
