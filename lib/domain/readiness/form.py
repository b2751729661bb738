"""Purposes as JSON: what an operator gives, checked with the path of the fault, and what everybody is shown (kcidb.md
4.4). Pure; called by `Purposes` and the codec.

    {"name": "arm64-boots", "about": "…", "settle_s": 600, "needs": {"tests": [CONDITION, …], …}}

    {"field": "path"}                              is given
    {"field": "status", "in": ["FAIL", "ERROR"]}   has one of these values
    {"any": [CONDITION, …]}                        at least one of these holds
    {"above": "builds", "needs": [CONDITION, …]}   the object above is here, and meets these
    {"settled": "builds"}                          all of these below have a status, and nothing changed for `settle_s`
    {"settled": "self"}                            the object did not change for `settle_s`
    {"purpose": "listed"}                          the object is ready for that purpose too
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import timedelta
from itertools import islice
from typing import Any

from lib.domain.readiness.purpose import (
    BELOW,
    ROUTES,
    SELF,
    Above,
    Also,
    Catalog,
    Condition,
    Either,
    OneOf,
    Purpose,
    Settled,
    Specified,
    is_lasting,
    walk,
)
from lib.domain.report.path import check_path
from lib.domain.report.report import KINDS
from lib.errors import Invalid

NAME_CHARS_MAX = 64
ABOUT_CHARS_MAX = 500
CONDITIONS_MAX = 50
"""Most conditions of one kind, those of the purposes that are referred to included."""
DEPTH_MAX = 5
VALUES_MAX = 50
VALUE_CHARS_MAX = 500
SETTLE_S_MAX = 7 * 24 * 3600
_NAME = re.compile(r"[a-z][a-z0-9-]*\Z", re.ASCII)
_FORMS = (("field",), ("field", "in"), ("any",), ("above",), ("above", "needs"), ("settled",), ("purpose",))


def decode_purpose(data: Any, catalog: Catalog) -> Purpose:
    """A purpose from JSON. What it refers to must be in the catalog. Raises Invalid with the path of the fault."""
    if not isinstance(data, Mapping):
        raise Invalid("", "a purpose is an object with name, about, needs and settle_s")
    for key in data:
        if key not in ("name", "about", "needs", "settle_s"):
            raise Invalid(str(key), "there are name, about, needs and settle_s")
    name, about = data.get("name"), data.get("about", "")
    check_name(name, "name")
    if not isinstance(about, str) or len(about) > ABOUT_CHARS_MAX:
        raise Invalid("about", f"must be a text of at most {ABOUT_CHARS_MAX} characters")
    settle = _settle(data.get("settle_s"))
    needs = data.get("needs")
    if not isinstance(needs, Mapping) or not needs:
        raise Invalid("needs", f"must have a list of conditions for at least one of {', '.join(KINDS)}")
    reader = _Reader(str(name), catalog, settle)
    made = Purpose(str(name), about, {kind: reader.kind(kind, needs[kind]) for kind in needs}, settle)
    _check_whole(made, catalog)
    return made


def check_name(name: object, where: str) -> None:
    """Refuse what is no name of a purpose."""
    if not isinstance(name, str) or len(name) > NAME_CHARS_MAX or not _NAME.match(name):
        raise Invalid(where, f"must be lower-case letters, digits and -, at most {NAME_CHARS_MAX}")


def _settle(seconds: Any) -> timedelta | None:
    if seconds is None:
        return None
    if type(seconds) is not int or not 1 <= seconds <= SETTLE_S_MAX:
        raise Invalid("settle_s", f"must be a whole number of seconds from 1 to {SETTLE_S_MAX}")
    return timedelta(seconds=seconds)


def _check_whole(purpose: Purpose, catalog: Catalog) -> None:
    """What only the whole shows: a circle of references, too many conditions, and what others, that refer to a purpose
    which is replaced, would find no more."""
    whole = {**catalog, purpose.name: purpose}
    _refuse_circle(purpose, purpose.name, whole)
    for other in whole.values():
        for kind in other.needs:
            asked = list(islice(walk(other, kind, whole), CONDITIONS_MAX + 1))
            if len(asked) > CONDITIONS_MAX:
                what = f"come to at most {CONDITIONS_MAX} conditions, with those referred to"
                raise Invalid(f"needs.{kind}", what if other is purpose else f"of the purpose {other.name} {what}")
            referred = {a.kind for a in asked if a.condition == Also(purpose.name)}
            if lacking := sorted(referred - purpose.needs.keys()):
                raise Invalid("needs", f"must speak of {', '.join(lacking)}: the purpose {other.name} refers to that")


def _refuse_circle(purpose: Purpose, name: str, catalog: Catalog) -> None:
    seen: set[str] = set()
    waiting = list(_references(purpose))
    while waiting:
        reference = waiting.pop()
        if reference == name:
            raise Invalid("needs", f"refer back to {name} itself")
        if reference not in seen:
            seen.add(reference)
            waiting += _references(catalog[reference])


def _references(purpose: Purpose) -> list[str]:
    found: list[str] = []
    waiting = [condition for needs in purpose.needs.values() for condition in needs]
    while waiting:
        condition = waiting.pop()
        if isinstance(condition, Also):
            found.append(condition.purpose)
        elif isinstance(condition, Either):
            waiting += condition.of
        elif isinstance(condition, Above):
            waiting += condition.needs
    return found


def is_referred_to(name: str, catalog: Catalog) -> bool:
    """Whether another purpose is made of this one."""
    return any(name in _references(purpose) for purpose in catalog.values())


class _Reader:
    """Reads the conditions of one purpose."""

    def __init__(self, name: str, catalog: Catalog, settle: timedelta | None) -> None:
        self._name, self._catalog, self._settle = name, catalog, settle

    def kind(self, kind: str, data: Any) -> tuple[Condition, ...]:
        if kind not in KINDS:
            raise Invalid(f"needs.{kind}", f"the kinds are {', '.join(KINDS)}")
        return self._list(kind, data, f"needs.{kind}", 1)

    def _list(self, kind: str, data: Any, where: str, depth: int) -> tuple[Condition, ...]:
        if depth > DEPTH_MAX:
            raise Invalid(where, f"conditions are nested at most {DEPTH_MAX} deep")
        if not isinstance(data, list) or not 1 <= len(data) <= CONDITIONS_MAX:
            raise Invalid(where, f"must be a list of 1 to {CONDITIONS_MAX} conditions")
        return tuple(self._one(kind, item, f"{where}[{n}]", depth) for n, item in enumerate(data))

    def _one(self, kind: str, data: Any, where: str, depth: int) -> Condition:
        keys = tuple(sorted(data)) if isinstance(data, Mapping) else ()
        if keys not in _FORMS:
            forms = ", ".join("+".join(form) for form in _FORMS)
            raise Invalid(where, f"a condition is an object of one of these forms: {forms}")
        if "field" in keys:
            field = check_path(kind, data["field"], f"{where}.field")
            return OneOf(field, read_values(data["in"], f"{where}.in")) if "in" in keys else Specified(field)
        if "any" in keys:
            return Either(self._list(kind, data["any"], f"{where}.any", depth + 1))
        if "above" in keys:
            return self._above(kind, data, where, depth)
        if "settled" in keys:
            return self._settled(kind, data["settled"], f"{where}.settled")
        return self._also(kind, data["purpose"], f"{where}.purpose")

    def _above(self, kind: str, data: Mapping[str, Any], where: str, depth: int) -> Condition:
        target = data["above"]
        if not isinstance(target, str) or (kind, target) not in ROUTES:
            there = ", ".join(to for start, to in ROUTES if start == kind) or "nothing"
            raise Invalid(f"{where}.above", f"above {kind} there are {there}")
        inner = data.get("needs", [])
        return Above(target, self._list(target, inner, f"{where}.needs", depth + 1) if inner else ())

    def _settled(self, kind: str, below: Any, where: str) -> Condition:
        known = (SELF, *BELOW.get(kind, ()))
        if below not in known:
            raise Invalid(where, f"of {kind} there are {', '.join(known)}")
        if self._settle is None:
            raise Invalid("settle_s", f"is needed by {where}")
        return Settled(below)

    def _also(self, kind: str, name: Any, where: str) -> Condition:
        other = self._catalog.get(name) if isinstance(name, str) else None
        if other is None:
            raise Invalid(where, "there is no such purpose")
        if kind not in other.needs and name != self._name:
            raise Invalid(where, f"the purpose {name} says nothing of {kind}")
        return Also(name)


def read_values(data: Any, where: str) -> tuple[str | int | bool, ...]:
    """The values that something may have. Raises Invalid at `where`."""
    if not isinstance(data, list) or not 1 <= len(data) <= VALUES_MAX:
        raise Invalid(where, f"must be a list of 1 to {VALUES_MAX} values")
    for n, value in enumerate(data):
        if not isinstance(value, str | int | bool) or (isinstance(value, str) and len(value) > VALUE_CHARS_MAX):
            raise Invalid(
                f"{where}[{n}]", f"must be a whole number, true, false, or at most {VALUE_CHARS_MAX} characters"
            )
    return tuple(data)


def encode_purpose(purpose: Purpose, catalog: Catalog) -> dict[str, Any]:
    """A purpose as everybody is shown it."""
    return {
        **encode_form(purpose),
        "builtin": purpose.is_builtin,
        "lasting": is_lasting(purpose, catalog),
    }


def encode_form(purpose: Purpose) -> dict[str, Any]:
    """A purpose as it is given and stored."""
    made: dict[str, Any] = {"name": purpose.name, "about": purpose.about}
    if purpose.settle is not None:
        made["settle_s"] = int(purpose.settle.total_seconds())
    return {**made, "needs": {kind: [_encode(c) for c in needs] for kind, needs in purpose.needs.items()}}


def _encode(condition: Condition) -> dict[str, Any]:
    if isinstance(condition, Specified):
        return {"field": condition.field}
    if isinstance(condition, OneOf):
        return {"field": condition.field, "in": list(condition.values)}
    if isinstance(condition, Either):
        return {"any": [_encode(c) for c in condition.of]}
    if isinstance(condition, Above):
        return {
            "above": condition.kind,
            **({"needs": [_encode(c) for c in condition.needs]} if condition.needs else {}),
        }
    if isinstance(condition, Settled):
        return {"settled": condition.below}
    return {"purpose": condition.purpose}
