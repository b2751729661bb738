"""Views: a report of KCIDB as a node, to be read and never edited (kcidb.md 5.3).

Pure. A view has the form of a stored node, so that whatever filters and shows nodes does so with it; its id are the
first 24 digits of its report's key in the store. It carries the object itself in `data.kcidb`, from which `object_of`
gives it back as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any, NamedTuple

from lib.clock import stamp, unstamp
from lib.domain.node.node import TIMEOUT_DEFAULT
from lib.domain.report.report import Fields, Key, key_of
from lib.store.port import Body

ID_DIGITS = 24
NODE_KIND: Mapping[str, str] = {
    "checkouts": "checkout", "builds": "kbuild", "tests": "test", "issues": "process", "incidents": "process",
}  # fmt: skip
"""What the view of each kind is among nodes. Issues and incidents have no kind of their own there."""
SUBMITTER = "kcidb:"
"""Before the origin, it makes the submitter of a view."""
RESULT: Mapping[str, tuple[str, str | None]] = {
    "PASS": ("pass", None),
    "DONE": ("pass", None),
    "FAIL": ("fail", None),
    "SKIP": ("skip", None),
    "ERROR": ("incomplete", "Infrastructure"),
    "MISS": ("incomplete", "node_timeout"),
}
"""Of each status, the result and the error code."""
LOG: Mapping[str, str] = {"checkouts": "checkout_log", "builds": "build_log", "tests": "test_log"}
REVISION: Mapping[str, str] = {
    "tree": "tree_name",
    "url": "git_repository_url",
    "branch": "git_repository_branch",
    "commit": "git_commit_hash",
    "describe": "git_commit_name",
    "commit_tags": "git_commit_tags",
    "commit_message": "git_commit_message",
    "tip_of_branch": "git_repository_branch_tip",
    "patchset": "patchset_hash",
}
"""Members of `data.kernel_revision`, and the fields of the checkout that they show."""
_DATA: Mapping[str, tuple[tuple[str, str], ...]] = {
    "builds": (("arch", "architecture"), ("compiler", "compiler"), ("config_full", "config_name")),
}
_MISC = ("platform", "runtime", "job_id", "job_context", "kernel_type", "error_msg")
_NOTHING: Mapping[str, Any] = {}


class Family(NamedTuple):
    """The objects above one, as far as they are there."""

    build: Mapping[str, Any] = _NOTHING
    checkout: Mapping[str, Any] = _NOTHING
    parent: str | None = None
    """The node that alone tells of the one directly above, if so it is."""


def view_id(key: Key) -> str:
    """The id of a report's view."""
    return key.store_key[:ID_DIGITS]


def view_of(kind: str, body: Body, family: Family) -> Body:
    """The view of a stored report; of a checkout or a build, `family` may hold the object itself or leave it out."""
    fields = body["object"]
    build = fields if kind == "builds" else family.build
    checkout = fields if kind == "checkouts" else family.checkout
    created = _created(fields, body)
    state, result, code = _verdict(kind, fields)
    name = _name(kind, fields)
    return {
        "id": view_id(key_of(kind, fields)),
        "kind": NODE_KIND[kind],
        "name": name,
        "path": _path(kind, fields, build, name),
        "group": None,
        "parent": family.parent or _parent(kind, fields),
        "state": state,
        "result": result,
        "artifacts": _artifacts(kind, fields),
        "data": _data(kind, fields, build, checkout, code),
        "debug": {},
        "jobfilter": None,
        "platform_filter": [],
        "created": created,
        "updated": _milliseconds(body["changed_at"]),
        "timeout": _later(created, TIMEOUT_DEFAULT),
        "holdoff": None,
        "owner": fields["origin"],
        "submitter": SUBMITTER + fields["origin"],
        "treeid": _tree_id(kind, fields, build),
        "user_groups": [],
        "processed_by_kcidb_bridge": True,
        "retry_counter": 0,
        "received_at": body["first_received"],
    }


def object_of(view: Body) -> tuple[str, Fields]:
    """The kind and the object that a view shows."""
    told = view["data"]["kcidb"]
    return told["kind"], told["object"]


def _local(id: str) -> str:
    return id.partition(":")[2] or id


def _name(kind: str, fields: Mapping[str, Any]) -> str:
    shown: str = ""
    if kind == "tests":
        shown = fields.get("path", "").rpartition(".")[2]
    elif kind == "builds":
        shown = fields.get("config_name", "")
    elif kind == "checkouts":
        shown = "checkout"
    return shown or _local(fields["id"])


def _path(kind: str, fields: Mapping[str, Any], build: Mapping[str, Any], name: str) -> list[str]:
    if kind == "checkouts" or kind not in LOG:
        return [name]
    above = ["checkout", *([_name("builds", build)] if build else [])]
    if kind == "builds":
        return above
    return [*above, *(fields["path"].split(".") if fields.get("path") else [name])]


def _parent(kind: str, fields: Mapping[str, Any]) -> str | None:
    if kind == "builds":
        return view_id(Key("checkouts", fields["checkout_id"]))
    return view_id(Key("builds", fields["build_id"])) if kind == "tests" else None


def _tree_id(kind: str, fields: Mapping[str, Any], build: Mapping[str, Any]) -> str | None:
    """What all of one checkout share: the checkout's key in the store."""
    id = fields["id"] if kind == "checkouts" else build.get("checkout_id")
    return None if id is None else Key("checkouts", id).store_key


def _created(fields: Mapping[str, Any], body: Body) -> str:
    """When it started, else when it was first heard of; in whole milliseconds, as nodes are stored."""
    return _milliseconds(fields.get("start_time") or body["first_received"])


def _milliseconds(text: str) -> str:
    return f"{text[:23]}000Z"


def _later(instant: str, by: timedelta) -> str:
    try:
        return stamp(unstamp(instant) + by)
    except OverflowError:  # the end of time
        return instant


def _verdict(kind: str, fields: Mapping[str, Any]) -> tuple[str, str | None, str | None]:
    """State, result and error code."""
    if kind in ("builds", "tests"):
        status = fields.get("status")
        return ("running", None, None) if status is None else ("done", *RESULT[status])
    if kind == "checkouts":
        valid = fields.get("valid")
        if valid is None:
            return "running", None, None
        return ("done", "pass", None) if valid else ("done", "fail", "git_checkout_failure")
    return "done", None, None


def _artifacts(kind: str, fields: Mapping[str, Any]) -> dict[str, str]:
    resources = [r for name in ("patchset_files", "output_files") for r in fields.get(name, ())]
    found = {resource["name"]: resource["url"] for resource in resources if "url" in resource}
    named = {LOG.get(kind, ""): fields.get("log_url"), "_config": fields.get("config_url")}
    return {**found, **{name: url for name, url in named.items() if url is not None}}


def _data(
    kind: str, fields: Mapping[str, Any], build: Mapping[str, Any], checkout: Mapping[str, Any], code: str | None
) -> dict[str, Any]:
    misc = {**fields.get("misc", {}), **fields.get("environment", {}).get("misc", {})}
    data: dict[str, Any] = {}
    if checkout:
        data["kernel_revision"] = {name: checkout.get(field) for name, field in REVISION.items()}
    data.update({name: build[field] for name, field in _DATA["builds"] if field in build})
    # Free members may be of any form; those of nodes are texts.
    data.update({name: misc[name] for name in _MISC if isinstance(misc.get(name), str)})
    compatible = fields.get("environment", {}).get("compatible")
    if "platform" not in data and compatible:
        data["platform"] = compatible[0]
    if code is not None:
        data["error_code"] = code
    if fields.get("status") == "DONE":
        data["kcidb_status"] = "DONE"
    return {**data, "kcidb": {"kind": kind, "object": fields}}
