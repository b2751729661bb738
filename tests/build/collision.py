"""Copies that conflict often, and a model of their merge, written directly from kcidb.md 2.3, slow and simple."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import orjson
from hypothesis import strategies as st

from lib.domain.report import stated
from lib.domain.report.canonical import canonical
from lib.domain.report.join import grow, open_state
from lib.domain.report.report import Body, Fields, absorb, lift
from lib.domain.report.stated import split, unite

STATUSES = ["SKIP", "MISS", "ERROR", "DONE", "PASS", "FAIL"]
VERDICTS = {
    "checkouts": ("valid", [True, False]),
    "builds": ("status", STATUSES),
    "tests": ("status", STATUSES),
    "incidents": ("present", [False, True]),
    "issues": (None, []),
}
PARTED = ("environment", "culprit")
LONG = "b" * 70_000


def lengthen(value: Any) -> Any:
    """`…` stands for LONG: more than is kept of a value that loses."""
    return orjson.loads(orjson.dumps(value).replace("…".encode(), LONG.encode()))


TIMES = st.sampled_from(["2025-07-15T10:10:17.000000+00:00", "2025-07-15T10:10:17.000001+00:00",
                         "2024-12-31T23:59:59.999999+00:00"])  # fmt: skip
TEXTS = st.sampled_from(["", "a", "b", "ab", "é", "e\u0301", "😀", "\uff5e", "null"])
PATHS = st.sampled_from(["", "ltp", "ltp.a"])
COMPATIBLE = st.lists(st.sampled_from(["a,b", "a"]), max_size=2)
NUMBERS = st.sampled_from([0, 1, 2, 1.5, -1, 2**53, 2.0**60, 2**60, 1e300])
MISCS = st.sampled_from([
    {}, {"a": 1}, {"a": True}, {"a": 1.5}, {"a": "1"}, {"a": None}, {"b": [1, [2]], "a": {"c": 0}},
    {"b": [True, [2]], "a": {"c": 0}}, {"big": "…"}, {"big": "…b"}, {"_rank": 1}, {"_rank": 2, "a": 1}, {"_rank": -1},
    {"_rank": True}, {"_rank": "3"},
]).map(lengthen)  # fmt: skip
FILES = st.lists(st.fixed_dictionaries({"name": st.sampled_from("ab"), "url": st.just("https://x/")}), max_size=2)
EXCERPTS = st.sampled_from(["", "log", "x" * 256, "x" * 257, "y" * 257, "x" * 256 + "y", "é" * 300])
FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "checkouts": ({}, {
        "comment": TEXTS, "valid": st.booleans(), "start_time": TIMES, "origin_builds_finish_time": TIMES,
        "git_repository_branch_tip": st.booleans(), "git_commit_tags": st.lists(TEXTS, max_size=2), "misc": MISCS,
        "git_commit_message": st.sampled_from(["a", "…", "…c", "c…"]).map(lengthen), "patchset_files": FILES,
    }),
    "builds": ({"checkout_id": st.sampled_from(["a:c1", "a:c2"])}, {
        "status": st.sampled_from(STATUSES), "duration": NUMBERS, "log_excerpt": EXCERPTS, "misc": MISCS,
        "architecture": st.sampled_from(["", "arm"]), "input_files": FILES,
    }),
    "tests": ({"build_id": st.sampled_from(["a:b1", "a:b2", "a:b10"])}, {
        "status": st.sampled_from(STATUSES), "comment": TEXTS, "path": PATHS,
        "duration": NUMBERS, "log_excerpt": EXCERPTS, "start_time": TIMES, "misc": MISCS, "output_files": FILES,
        "number": st.fixed_dictionaries({"value": NUMBERS}, optional={"unit": st.sampled_from("sB")}),
        "environment": st.fixed_dictionaries(
            {}, optional={"comment": TEXTS, "compatible": COMPATIBLE, "misc": MISCS}
        ).filter(bool),
    }),
    "issues": ({"version": st.just(1)}, {
        "comment": TEXTS, "categories": st.lists(PATHS, max_size=2), "misc": MISCS,
        "culprit": st.fixed_dictionaries({}, optional={x: st.booleans() for x in ("code", "tool")}).filter(bool),
    }),
    "incidents": ({"issue_id": st.sampled_from(["a:i1", "b:i"]), "issue_version": st.integers(1, 2)}, {
        "present": st.booleans(), "test_id": st.just("a:t1"), "comment": TEXTS, "misc": MISCS,
    }),
}  # fmt: skip


class Copy(NamedTuple):
    """One copy and the submission it came with."""

    fields: Fields
    source: str
    at: str
    rank: int | None = None


def copies(kind: str) -> st.SearchStrategy[Copy]:
    """Copies of one report, of few submissions."""
    required, optional = FIELDS[kind]
    fields = st.fixed_dictionaries({"id": st.just("a:x"), "origin": st.just("a"), **required}, optional=optional)
    sources = st.integers(0, 4)
    return st.builds(lambda f, n: Copy(lift(f)[0], f"s{n}", received_at(n)), fields, sources)


def received_at(n: int) -> str:
    """When the n-th submission came: not in the order of the ids."""
    return f"2026-01-0{n * 2 % 5 + 1}T00:00:00.000000Z"


class Told(NamedTuple):
    """The copy of a node at a rev."""

    fields: Fields
    id: str
    rev: int
    at: str


def tellings(kind: str) -> st.SearchStrategy[list[Told]]:
    """Copies of nodes: one node at one rev always has the same copy."""
    at = st.integers(0, 4).map(received_at)
    found = st.dictionaries(
        st.tuples(st.sampled_from("ab"), st.integers(1, 3)), st.tuples(copies(kind), at), min_size=1, max_size=4
    )
    return found.map(lambda each: [Told(copy.fields, node * 24, rev, at) for (node, rev), (copy, at) in each.items()])


def merged(kind: str, told: Sequence[Copy | Told], body: Body | None = None) -> Body:
    """The report after all of these, read back after each as from a store."""
    for each in told:
        fields = reread(each.fields)
        if isinstance(each, Told):
            body = project(kind, body, fields, each.id, each.rev, each.at)
        else:
            body = absorb(kind, body, fields, each.source, each.at, rank=each.rank)
        body = reread(body)
    assert body is not None
    return body


def project(kind: str, body: Body | None, fields: Fields, node_id: str, rev: int, at: str) -> Body:
    """A report with copies of nodes too: of several nodes, and of several revs of one node, the newest copy is used."""
    base, told = (None, None) if body is None else split(body)
    if body is not None and told is not None and _age(told) >= (rev, node_id):
        return body
    return unite(kind, base, stated.NodeStatement(rev, node_id, fields, at))


def join(kind: str, a: Body, b: Body) -> Body:
    """The join of two reports; `a` itself when `b` adds nothing. `absorb` is the join with one copy."""
    (base, told), (other, also_told) = split(a), split(b)
    joined = grow(kind, base, open_state(kind, other)) if base and other else base or other
    newest = max(filter(None, (told, also_told)), key=_age, default=None)
    return a if joined is base and newest is told else unite(kind, joined, newest)


def _age(told: stated.NodeStatement) -> tuple[int, str]:
    return told.rev, told.id


def reread(value: Any) -> Any:
    return orjson.loads(orjson.dumps(value))


def same(a: Body, b: Body) -> bool:
    return canonical(a) == canonical(b)


def apart(fields: Fields) -> Fields:
    flat = {name: value for name, value in fields.items() if name not in PARTED}
    return flat | {f"{part}.{n}": v for part in PARTED for n, v in fields.get(part, {}).items()}


def together(flat: Fields) -> Fields:
    fields: Fields = {}
    for name, value in flat.items():
        part, _, rest = name.partition(".")
        if rest:
            fields.setdefault(part, {})[rest] = value
        else:
            fields[name] = value
    return fields


def weight(kind: str, copy: Copy) -> tuple[int, int]:
    rank = copy.rank
    if rank is None:
        rank = copy.fields.get("misc", {}).get("_rank", 0)
        rank = rank if isinstance(rank, int) and not isinstance(rank, bool) and rank >= 0 else 0
    field, order = VERDICTS[kind]
    value = copy.fields.get(field)
    return rank, 0 if value is None else 1 + order.index(value)


def key(field: str, value: Any) -> Any:
    """The order of 2.3, by its table."""
    if field == "status":
        return STATUSES.index(value)
    if field == "valid":
        return [True, False].index(value)
    if field == "start_time":
        return -int("".join(filter(str.isdigit, value)))
    if field in ("origin_builds_finish_time", "origin_tests_finish_time"):
        return int("".join(filter(str.isdigit, value)))
    if field == "log_excerpt" and isinstance(value, dict):
        return value["chars"]
    if isinstance(value, dict):
        return leaves(value)
    return len(value) if isinstance(value, str | list) else value


def leaves(value: Any) -> int:
    if isinstance(value, dict | list):
        return sum(map(leaves, value.values() if isinstance(value, dict) else value))
    return 1


def mark(field: str, value: Any) -> tuple[Any, bytes, str]:
    if field == "log_excerpt" and isinstance(value, dict):
        return value["chars"], value["head"].encode("latin-1"), value["sha256"]
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True).encode()
    if isinstance(value, float):
        text = canonical(value)
    return key(field, value), text[:256], hashlib.sha256(text).hexdigest()


def model(kind: str, told: list[Copy], times: list[str] | None = None) -> Body:
    """The stored body of the report of these copies."""
    values: dict[str, dict[bytes, Any]] = {}
    best: dict[tuple[str, bytes], tuple[int, int, str]] = {}
    for copy in told:
        for field, value in apart(copy.fields).items():
            text = canonical(value)
            values.setdefault(field, {})[text] = value
            by = (*weight(kind, copy), copy.source)
            held = best.get((field, text), by)
            best[field, text] = min(held, by, key=lambda each: (-each[0], -each[1], each[2]))
    winner, by, lost, more = {}, {}, {}, []
    for field, known in values.items():
        order = sorted(known, key=lambda t: (best[field, t][:2], mark(field, known[t])), reverse=True)
        winner[field], by[field] = known[order[0]], list(best[field, order[0]])
        if len(order) > 1:
            lost[field] = [entry(field, text, known[text], best[field, text]) for text in order[1:4]]
        if len(order) > 4:
            more.append(field)
    usual = by.get(VERDICTS[kind][0]) or by[min(by)]
    times = times or [copy.at for copy in told]
    body = {"object": together(winner), "by": usual, "first_received": min(times), "last_received": max(times)}
    unusual = [[field, *own] for field, own in sorted(by.items()) if own != usual]
    body |= {"except": unusual} if unusual else {}
    body |= {"lost": lost, "conflicted": "a"} if lost else {}
    return body | ({"more": sorted(more)} if more else {})


def entry(field: str, text: bytes, value: Any, by: tuple[int, int, str]) -> list[Any]:
    if len(text) <= 65_536:
        return [value, *by]
    at, head, digest = mark(field, value)
    return [at, *by, head.decode("latin-1"), digest]


def model_of_both(kind: str, told: Sequence[Copy | Told]) -> Body:
    """The stored body of a report of submissions, of nodes, or of both."""
    sent = [each for each in told if isinstance(each, Copy)]
    nodes = [each for each in told if isinstance(each, Told)]
    if not nodes:
        return model(kind, sent)
    newest = max(nodes, key=lambda each: (each.rev, each.id))
    copy = Copy(newest.fields, f"node:{newest.id}", newest.at, newest.rev)
    node: Body = {"id": newest.id, "rev": newest.rev}
    if not sent:
        return model(kind, [copy]) | {"node": node | {"alone": True}}
    node |= {"fields": newest.fields, "base": model(kind, sent)}
    return model(kind, [*sent, copy], [each.at for each in sent]) | {"node": node}
