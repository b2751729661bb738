"""KernelCI codec: nodes and hierarchies, between their wire form and the domain's records.

Pure, in pairs. The wire's keys and their order come from the models of `schemas.kernelci`, so that what is read, what
is written and what is documented are one table. Rules are kernelci.md 2.4, 4.1 and 4.2.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from functools import lru_cache
from typing import TYPE_CHECKING, Any, get_args

import orjson
from pydantic import BaseModel, ValidationError

from lib.clock import stamp
from lib.dialects.wire import PROBLEMS_MAX, parse, problem
from lib.domain.node.node import HIERARCHY_NODES_MAX, Draft, Node, check_kind, to_body
from lib.domain.node.tree import Branch
from lib.errors import Invalid, Malformed, TooLarge
from schemas.kernelci.body import NodeEdit, NodeIn, NodeMerge, NodeOut, NodePatch, NodeSetIn
from schemas.kernelci.data import DATA

if TYPE_CHECKING:
    from lib.store.port import Doc

Wire = dict[str, Any]


def keys_of(model: type[BaseModel]) -> tuple[str, ...]:
    """The keys of a wire object, in their order."""
    return tuple(model.model_fields)


def _instants(model: type[BaseModel]) -> tuple[str, ...]:
    return tuple(k for k, f in model.model_fields.items() if datetime in (f.annotation, *get_args(f.annotation)))


NODE_KEYS = keys_of(NodeOut)
NODE_INSTANTS = _instants(NodeOut)
REMEMBERED_MAX = 4096
REMEMBERED_BYTES_MAX = 8192
"""Most nodes whose wire form is remembered, and the largest of them."""
_NULL_IS_OMITTED = ("created", "updated")
FLAG_FIELD = "processed_by_kcidb_bridge"


def naive(stamped: str) -> str:
    """A canonical instant as the wire shows it: naive UTC, the fraction left out when zero (kernelci.md 4.1)."""
    return stamped[:19] if stamped[20:26] == "000000" else stamped[:26]


# Nodes


def encode_doc(body: Mapping[str, Any]) -> Wire:
    """A stored node body as the wire's object, without building a Node."""
    get = body.get
    wire = {key: get(key) for key in NODE_KEYS}
    for key in NODE_INSTANTS:
        if (text := wire[key]) is not None:
            wire[key] = text[:19] if text[20:26] == "000000" else text[:26]
    return wire


def encode_stored(doc: Doc) -> Any:
    """A stored node as the wire's JSON, for `orjson` to put where it belongs. What is asked for again and again, as the
    pages of dashboards are, is remembered by what is stored of it, so it can never be old."""
    stored = doc.stored
    if stored is None or len(stored) > REMEMBERED_BYTES_MAX:
        return encode_doc(doc.body)
    return orjson.Fragment(_remembered(stored))


@lru_cache(REMEMBERED_MAX)
def _remembered(stored: bytes) -> bytes:
    return orjson.dumps(encode_doc(orjson.loads(stored)))


def encode_node(node: Node) -> Wire:
    """A node as every reply but that of POST shows it: as it is stored."""
    return encode_doc(to_body(node))


def encode_created(node: Node) -> Wire:
    """A node as POST shows it: `id` last, instants with their microseconds (kernelci.md 2.4)."""
    wire = {key: getattr(node, key) for key in NODE_KEYS if key != "id"}
    for key in NODE_INSTANTS:
        if (instant := wire[key]) is not None:
            wire[key] = naive(stamp(instant))
    wire["id"] = node.id
    return wire


def decode_node(value: Any, model: type[NodeEdit] = NodeIn, stored_kind: str | None = None) -> tuple[str | None, Draft]:
    """The id a node's object names, if any, and a draft of the fields it gives.

    `stored_kind` is the kind of the stored node for an edit that omits it. Raises Malformed for a wrong shape, Invalid
    for data that its kind does not allow.
    """
    id, draft = _decode_shape(value, model)
    _check_draft(draft, stored_kind)
    return id, draft


def _decode_shape(value: Any, model: type[NodeEdit]) -> tuple[str | None, dict[str, Any]]:
    if isinstance(value, dict) and "_id" in value:
        # The name of the key in older replies, which clients send back.
        value = {"id": value["_id"], **value}
    parsed = parse(model, value)
    given = parsed.__dict__
    draft = {key: given[key] for key in parsed.model_fields_set}
    id = draft.pop("id", None)
    for key in _NULL_IS_OMITTED:
        if key in draft and draft[key] is None:
            del draft[key]
    _tidy(draft)
    return id, draft


def _tidy(draft: dict[str, Any]) -> None:
    """Bring what a model took into the form that is stored."""
    if draft.get("artifacts"):
        draft["artifacts"] = {name: None if url is None else str(url) for name, url in draft["artifacts"].items()}
    if draft.get("data"):
        draft["data"] = number_version(draft["data"])


def decode_patch(value: Any, *, merge: bool = False) -> Draft:
    """The changes of a PATCH, only those that are given. Raises Invalid (400) for a value of the wrong shape, as the
    KernelCI server does, Malformed for a body that is no object."""
    model = NodeMerge if merge else NodePatch
    if not isinstance(value, dict):
        parse(model, value)
    try:
        parsed = model.model_validate(value)
    except ValidationError as error:
        raise Invalid("", _lines(error)) from error
    given = parsed.__dict__
    changes = {key: given[key] for key in parsed.model_fields_set}
    _tidy(changes)
    return changes


_FLAGS = {"true": True, "True": True, "false": False, "False": False, True: True, False: False}


def decode_node_set(wanted: NodeSetIn) -> tuple[list[str], bool]:
    """The nodes of a batch and their new flag. Raises Invalid for another field, unless there are no nodes, and for
    a value that is none: upstream stores it, and no read of that node works again (kernelci.md 11.8)."""
    if wanted.nodes and wanted.field != FLAG_FIELD:
        raise Invalid("field", f"only {FLAG_FIELD} can be set")
    if (value := _FLAGS.get(wanted.value)) is None:
        raise Invalid("value", "one of true, True, false, False")
    return wanted.nodes, value


def _check_draft(draft: Draft, stored_kind: str | None) -> None:
    kind = draft.get("kind", stored_kind or "node")
    check_kind(kind)
    if "data" in draft:
        check_data(kind, draft["data"])


def check_data(kind: str, data: dict[str, Any] | None) -> None:
    """Refuse data that a node's kind does not allow: one line a fault (kernelci.md 1.3)."""
    model = DATA[kind]
    if model is None:
        return
    try:
        model.__pydantic_validator__.validate_python(data)
    except ValidationError as error:
        raise Invalid("data", f"not valid for a {kind}\n{_lines(error, 'data')}") from error


def _lines(error: ValidationError, *above: str) -> str:
    """The faults of a value, one a line, each with its path."""
    faults = error.errors(include_url=False, include_context=False, include_input=False)[:PROBLEMS_MAX]
    return "\n".join(f"{'.'.join(map(str, (*above, *f['loc'])))}: {f['msg']}" for f in faults)


_VERSION_NUMBERS = ("version", "patchlevel", "sublevel")


def number_version(data: dict[str, Any]) -> dict[str, Any]:
    """The data with the numbers of its kernel version as numbers, where texts of digits were sent (kernelci.md 2.4)."""
    revision = data.get("kernel_revision")
    if not isinstance(revision, dict) or not isinstance(version := revision.get("version"), dict):
        return data
    numbers = {k: int(version[k]) for k in _VERSION_NUMBERS if _is_digits(version.get(k))}
    if not numbers:
        return data
    return {**data, "kernel_revision": {**revision, "version": {**version, **numbers}}}


def _is_digits(value: object) -> bool:
    return isinstance(value, str) and len(value) <= 18 and value.isascii() and value.isdecimal()


# Hierarchies


def decode_hierarchy(value: Any, stored_kind: str | None = None) -> Branch:
    """A tree of nodes, walked without recursion. `stored_kind` is the root's, should the body omit it.

    Raises Malformed for all wrong shapes at once, Invalid for data, TooLarge past HIERARCHY_NODES_MAX.
    """
    problems: list[dict[str, Any]] = []
    drafts: list[dict[str, Any]] = []
    parents: list[int] = []
    places: list[tuple[Any, ...]] = []
    stack: list[tuple[Any, int, tuple[Any, ...]]] = [(value, -1, ())]
    while stack and len(problems) < PROBLEMS_MAX:
        level, parent, place = stack.pop()
        node, children = _open_level(level, place, problems)
        here = len(drafts)
        drafts.append(_decode_member(node, place, problems))
        parents.append(parent)
        places.append(place)
        if here + len(stack) + len(children) >= HIERARCHY_NODES_MAX:
            raise TooLarge(f"a hierarchy has at most {HIERARCHY_NODES_MAX} nodes")
        for i in range(len(children) - 1, -1, -1):
            stack.append((children[i], here, (*place, "child_nodes", i)))
    if problems:
        raise Malformed(problems[:PROBLEMS_MAX])
    for draft, place in zip(drafts, places, strict=True):
        try:
            _check_draft(draft, None if place else stored_kind)
        except Invalid as error:
            raise Invalid(f"{_where(place)}node.{error.path}", error.message) from error
    return _assemble(drafts, parents)


def _where(place: tuple[Any, ...]) -> str:
    """A place as a path: `child_nodes[0].child_nodes[2].`"""
    return "".join(f"[{step}]." if isinstance(step, int) else step for step in place)


def _open_level(level: Any, place: tuple[Any, ...], problems: list[dict[str, Any]]) -> tuple[Any, list[Any]]:
    """The node and the children of one level; `{}` for children is an old way to say none (kernelci.md 2.4)."""
    if not isinstance(level, dict):
        problems.append(problem("model_attributes_type", ["body", *place], "Input should be a JSON object", level))
        return ..., []
    for key in ("node", "child_nodes"):
        if key not in level:
            problems.append(problem("missing", ["body", *place, key], "Field required", None))
    children = level.get("child_nodes", [])
    if children == {}:
        children = []
    if not isinstance(children, list):
        problems.append(problem("list_type", ["body", *place, "child_nodes"], "Input should be a list", children))
        children = []
    return level.get("node", ...), children


def _decode_member(node: Any, place: tuple[Any, ...], problems: list[dict[str, Any]]) -> dict[str, Any]:
    """The draft of one member, with its id; faults go to `problems`."""
    if node is ...:
        return {}
    try:
        id, draft = _decode_shape(node, NodeIn)
    except Malformed as error:
        problems += [{**p, "loc": ["body", *place, "node", *p["loc"][1:]]} for p in error.problems]
        return {}
    if id is not None:
        draft["id"] = id
    return draft


def _assemble(drafts: list[dict[str, Any]], parents: list[int]) -> Branch:
    """Branches from a pre-order list, each with the place of its parent: children first, so nothing recurses."""
    children: list[list[Branch]] = [[] for _ in drafts]
    for here in range(len(drafts) - 1, 0, -1):
        children[here].reverse()
        children[parents[here]].append(Branch(drafts[here], children[here]))
    children[0].reverse()
    return Branch(drafts[0], children[0])


# Pages


def encode_page(items: list[Wire], total: int, limit: int, offset: int) -> Wire:
    """A page of a list."""
    return {"items": items, "total": total, "limit": limit, "offset": offset}
