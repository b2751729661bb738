"""The checker: whether the objects of a submission are what their version's schema asks for (kcidb.md 1).

Made from the tables of `schemas.kcidb` when a version is first met. An object that is right is checked and put into
normal form in one pass; only for one that is wrong is it found out why. Called by `codec`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, TypeGuard

from lib.dialects.kcidb.fault import ABSENT, FAULTS_MAX, Fault, Flaw, fault, flaws
from lib.dialects.kcidb.normal import Convert, Mistyped, converter, escape, keep, keep_checked
from lib.domain.report.report import Fields
from lib.errors import Malformed
from schemas.kcidb.field import Kinds
from schemas.kcidb.version import NEWEST, versions


@dataclass(slots=True)
class Faults:
    """What is wrong with a submission: the first of the faults, and how many there are.
    `retell` makes of a flaw what is told of it."""

    found: list[Fault] = field(default_factory=list)
    count: int = 0
    retell: Callable[[Flaw], Flaw] | None = None

    def add(self, flaw: Flaw, owner: str | None = None) -> None:
        """Takes one more."""
        self.count += 1
        if len(self.found) < FAULTS_MAX:
            self.found.append(fault(self.retell(flaw) if self.retell else flaw, owner))

    def refuse(self) -> None:
        """Raises Malformed when there are any."""
        if self.count:
            raise Malformed([*self.found], self.count)


OBJECTS_MAX = 100_000
"""Most objects of a submission; the largest one seen has 1,407 (kcidb.md 3.3)."""

Converters = Mapping[str, Convert]


@cache
def converters(version: tuple[int, int], is_careful: bool) -> Converters:
    """List → what checks its items. `is_careful` looks into `misc` too."""
    free = keep_checked if is_careful else keep
    return {kind: converter(struct, free) for kind, struct in versions()[version].items()}


def version_of(document: Any) -> tuple[int, int]:
    """The version of a document's schema. Raises Wrong for one that is not known."""
    stated = document.get("version") if isinstance(document, dict) else None
    if stated == "1":  # kcidb.md 1.4
        return 1, 1
    if not isinstance(stated, dict) or not stated.keys() <= {"major", "minor"}:
        raise Mistyped
    major, minor = stated.get("major"), stated.get("minor", 0)
    if not _is_number(major) or not _is_number(minor) or (major, minor) not in versions():
        raise Mistyped
    return int(major), int(minor)


def _is_number(value: Any) -> TypeGuard[int | float]:
    return isinstance(value, int | float) and not isinstance(value, bool)


def framed(document: Any, faults: Faults) -> tuple[int, int]:
    """The version of a document. Raises Malformed when what is around its objects is wrong."""
    for flaw in _frame_flaws(document):
        faults.add(flaw)
    faults.refuse()
    return version_of(document)


def accepted() -> str:
    """The accepted versions, for people."""
    majors: dict[int, list[int]] = {}
    for major, minor in versions():
        majors.setdefault(major, []).append(minor)
    return ", ".join(f"{m}.{n[0]}" if len(n) == 1 else f"{m}.{n[0]} to {m}.{n[-1]}" for m, n in majors.items())


def _frame_flaws(document: Any) -> Iterator[Flaw]:
    """What is wrong with a document around its objects."""
    if not isinstance(document, dict):
        yield Flaw("", "type", document, 'write {"version": {"major": 5, "minor": 3}, …}', "a submission is an object")
        return
    try:
        kinds: Kinds = versions()[version_of(document)]
    except Mistyped:
        yield _version_flaw(document)
        return
    count = sum(len(document[kind]) for kind in kinds if isinstance(document.get(kind), list))
    if count > OBJECTS_MAX:
        yield Flaw("", "size", f"{count} objects", "send it in pieces, in any order",
                   f"a submission has at most {OBJECTS_MAX} objects")  # fmt: skip
    for name, value in document.items():
        if name in kinds:
            if not isinstance(value, list):
                yield Flaw(f"/{name}", "type", value, "write a JSON list, [] perhaps", f"{name} is a list")
        elif name != "version":
            yield Flaw(f"/{escape(name)}", "unknown", value, f"only version, {', '.join(kinds)}",
                       "a submission of this version has no field of this name")  # fmt: skip


def _version_flaw(document: dict[str, Any]) -> Flaw:
    hint = f'versions {accepted()} are accepted: write {{"major": {NEWEST[0]}, "minor": {NEWEST[1]}}}'
    if "version" not in document:
        return Flaw("/version", "required", ABSENT, hint, "a submission needs its version")
    return Flaw("/version", "version", document["version"], hint, f"this version is not one of {accepted()}")


Right = dict[str, list[tuple[int, Fields]]]
"""Kind → place in its list and normal form (but for `finish`) of each object that is right."""


def checked(document: Mapping[str, Any], version: tuple[int, int], is_careful: bool, faults: Faults) -> Right:
    """The right objects of a document whose frame is right."""
    right: Right = {}
    for kind, convert in converters(version, is_careful).items():
        if kind not in document:
            continue
        found = right[kind] = []
        for index, one in enumerate(document[kind]):
            try:
                found.append((index, convert(one)))
            except Mistyped:
                owner = id_of(one)
                for flaw in flaws(versions()[version][kind], one, f"/{kind}/{index}"):
                    faults.add(flaw, owner)
    return right


def id_of(one: Any) -> str | None:
    """The id of an object that may be faulty."""
    if not isinstance(one, dict):
        return None
    if isinstance(one.get("id"), str):
        return str(one["id"])
    origin, local = one.get("origin"), one.get("origin_id")  # of 1.1
    return f"{origin}:{local}" if isinstance(origin, str) and isinstance(local, str) else None
