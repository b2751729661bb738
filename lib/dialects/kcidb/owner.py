"""Whose an object is: its id begins with its origin (kcidb.md 2.5), so that no CI system can touch another's results.

Two kinds of objects are made by upgrades, and are taken when they come back in an export: checkouts `_:origin:…`, and
the issue and the incidents of origin `_` that stand for waived tests. Exactly these.
"""

from __future__ import annotations

import re

from lib.dialects.kcidb.fault import Flaw
from lib.dialects.kcidb.upgrade import WAIVED_ISSUE, waived_incident
from lib.domain.report.report import Fields

_OWNED, _NAME = re.compile(r"[a-z0-9_]+:", re.ASCII), re.compile(r"[a-z0-9_]+\Z", re.ASCII)

RESERVED = "_"
"""The origin of objects that upgrades make."""


def owner_flaw(kind: str, fields: Fields, pointer: str) -> Flaw | None:
    """What is wrong between an object's id and its origin; None for nothing."""
    id_, origin = fields["id"], fields["origin"]
    if id_.startswith(f"{origin}:") and origin != RESERVED:
        return None
    if origin == RESERVED:
        return None if _is_made(kind, fields) else _reserved(pointer)
    if kind == "checkouts" and id_.startswith(f"{RESERVED}:{origin}:"):
        return None
    prefix = id_.partition(":")[0]
    return Flaw(f"{pointer}/origin", "origin", origin, f"write {prefix!r}, or an id that begins {origin}:",
                f"the id belongs to the origin {prefix!r}")  # fmt: skip


def is_owned(id_: object, origin: object) -> bool:
    """Whether both say, rightly written, whose an object is."""
    return isinstance(id_, str) and isinstance(origin, str) and bool(_OWNED.match(id_) and _NAME.match(origin))


def _is_made(kind: str, fields: Fields) -> bool:
    """Whether an object of the reserved origin is one that an upgrade makes."""
    if kind == "issues":
        return fields == WAIVED_ISSUE
    return kind == "incidents" and fields == waived_incident(str(fields.get("test_id", "")))


def _reserved(pointer: str) -> Flaw:
    return Flaw(f"{pointer}/origin", "origin", RESERVED, "use the name of your own CI system",
                f"the origin {RESERVED!r} is reserved for objects that upgrades of older versions make")  # fmt: skip
