"""Codecs come in pairs: what one writes the other reads; the wire forms agree with the models that document them."""

from dataclasses import fields, replace
from datetime import UTC, datetime

import orjson
import pytest

from lib.clock import stamp, to_milliseconds
from lib.dialects.kernelci import codec, codec_telemetry, codec_user
from lib.domain.account.account import Group, User
from lib.domain.account.account import to_body as user_body
from lib.domain.node.node import KINDS, Node, to_body
from lib.store.port import Doc
from schemas.kernelci import body as schema
from schemas.kernelci.data import DATA
from schemas.kernelci.telemetry import TelemetryIn, TelemetryOut
from tests import build

ID = "65a1355ee98651d0fe81e412"

NODE = Node(
    id=ID, kind="kbuild", name="k", path=["checkout", "k"], group="k", parent="65a1355ee98651d0fe81e40f",
    state="done", result="pass", artifacts={"dtbs/x.dtb": "https://h/x"}, data={"a": [[None]], "odd.key/": 1.5},
    debug={}, jobfilter=["a+"], platform_filter=None, created=datetime(2024, 1, 1, tzinfo=UTC),
    updated=build.NOW, timeout=build.NOW, holdoff=None, received_at=build.NOW, owner="bob", submitter="s",
    treeid="t", user_groups=["g"], processed_by_kcidb_bridge=True, retry_counter=3,
)  # fmt: skip
USER = User(ID, "bob", "bob@kernelci.org", "secret", "x", groups=[{"id": ID, "name": "g"}])

EVENT = {
    "ts": to_milliseconds(build.NOW), "kind": "job_result", "runtime": "lab", "device_type": "rk", "device_id": None,
    "job_name": "j", "test_name": None, "job_id": "7", "node_id": ID, "tree": None, "branch": None, "arch": "arm64",
    "result": "fail", "is_infra_error": True, "error_type": "Bug", "error_msg": "x", "retry": 1, "extra": {"a": [None]},
}  # fmt: skip


def read_node(wire):
    """The fields a decoded node has."""
    id, draft = codec.decode_node(wire)
    return {"id": id, **draft}


def node_values(node, cut=True):
    values = {f.name: getattr(node, f.name) for f in fields(Node) if f.name in codec.NODE_KEYS}
    return {k: to_milliseconds(v) if cut and isinstance(v, datetime) else v for k, v in values.items()}


def nullable(values):
    """A null `created` or `updated` reads as omitted."""
    return {k: v for k, v in values.items() if not (v is None and k in ("created", "updated"))}


PAIRS = [
    ("a node", NODE, codec.encode_node, read_node, node_values(NODE)),
    ("a stored node", to_body(NODE), codec.encode_doc, read_node, node_values(NODE)),
    ("a created node", NODE, codec.encode_created, read_node, node_values(NODE, cut=False)),
    (
        "a user", USER, codec_user.encode_user, lambda wire: schema.UserRead.model_validate(wire).model_dump(),
        {k: getattr(USER, k) for k in schema.UserRead.model_fields},
    ),
    (
        "a listed user", user_body(USER), codec_user.encode_user_doc,
        lambda wire: schema.UserItem.model_validate(wire).model_dump(),
        {"revision_id": None, **{k: getattr(USER, k) for k in schema.UserRead.model_fields}},
    ),
    ("a group", Group(ID, "g"), codec_user.encode_group, lambda wire: Group(**wire), Group(ID, "g")),
    ("a created group", Group(ID, "g"), codec_user.encode_group_made, lambda wire: Group(**wire), Group(ID, "g")),
    (
        "a telemetry event", {**EVENT, "ts": stamp(EVENT["ts"])}, codec_telemetry.encode_event,
        lambda wire: codec_telemetry.decode_events([wire])[0], EVENT,
    ),
]  # fmt: skip


@pytest.mark.parametrize(("value", "encode", "decode", "read"), [p[1:] for p in PAIRS], ids=[p[0] for p in PAIRS])
def test_what_is_written_reads_back(value, encode, decode, read):
    wire = encode(value)
    assert decode(orjson.loads(orjson.dumps(wire))) == (nullable(read) if isinstance(read, dict) else read)
    assert encode(value) == wire


@pytest.mark.parametrize("kind", KINDS)
def test_what_is_read_is_written_back(kind):
    sent = {"kind": kind, "name": "n", "path": ["n"], "data": {"platform": "x"}, "artifacts": {"a": "http://h/"}}
    _, draft = codec.decode_node(sent)
    node = Node(id=ID, created=build.NOW, updated=build.NOW, timeout=build.NOW, received_at=build.NOW, **draft)
    wire = codec.encode_node(node)
    assert {k: wire[k] for k in sent} == sent


def test_the_wire_has_one_order_of_keys():
    assert list(codec.encode_node(NODE)) == list(schema.NodeOut.model_fields)
    assert list(codec.encode_created(NODE)) == [*list(schema.NodeOut.model_fields)[1:], "id"]
    assert list(codec_user.encode_user(USER)) == [
        "id", "email", "is_active", "is_superuser", "is_verified", "username", "groups",
    ]  # fmt: skip
    event = codec_telemetry.encode_event({**EVENT, "ts": stamp(EVENT["ts"])})
    assert list(event) == list(TelemetryOut.model_fields) == list(TelemetryIn.model_fields)
    assert list(codec_user.encode_user_doc(user_body(USER)))[:3] == ["id", "revision_id", "email"]


def test_what_is_taken_is_what_is_given():
    assert set(schema.NodeIn.model_fields) == set(schema.NodeOut.model_fields)
    assert set(DATA) == set(KINDS)


@pytest.mark.parametrize("body", [build.checkout(), build.kbuild(), build.job(), build.test_node()])
def test_the_builders_build_what_the_wire_takes(body):
    id, draft = codec.decode_node(body)
    assert id is None and draft == body


def test_a_hierarchy_keeps_its_order_whatever_its_shape():
    def level(name, *children):
        return {"node": build.test_node(name=name), "child_nodes": list(children)}

    tree = codec.decode_hierarchy(level("a", level("b", level("c")), level("d"), level("e", level("f"), level("g"))))

    def names(branch):
        return [branch.draft["name"], *(names(c) for c in branch.children)]

    assert names(tree) == ["a", ["b", ["c"]], ["d"], ["e", ["f"], ["g"]]]


@pytest.mark.parametrize(
    ("sent", "kept"),
    [
        ({"version": "6", "patchlevel": "7"}, {"version": 6, "patchlevel": 7}),
        ({"version": 6, "sublevel": "x", "extra": "1"}, {"version": 6, "sublevel": "x", "extra": "1"}),
        ({"version": "６"}, {"version": "６"}),
        ("6", "6"),
        (None, None),
    ],
)
def test_only_the_numbers_of_a_version_change(sent, kept):
    data = {"kernel_revision": {"version": sent, "x": "1"}, "y": "2"}
    before = orjson.dumps(data)
    assert codec.number_version(data) == {"kernel_revision": {"version": kept, "x": "1"}, "y": "2"}
    assert orjson.dumps(data) == before


@pytest.mark.parametrize("size", [10, codec.REMEMBERED_BYTES_MAX])
def test_what_is_remembered_of_a_node_is_what_is_stored_of_it(size):
    for text in ("a" * size, "b" * size, "a" * size):
        body = to_body(replace(NODE, data={"x": text}))
        doc = Doc("k", 1, stored=orjson.dumps(body))
        assert orjson.loads(orjson.dumps(codec.encode_stored(doc))) == codec.encode_doc(body)
