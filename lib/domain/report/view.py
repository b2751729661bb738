"""Details of a stored report beside its view: conflicts, the sources of values, all of `misc`. Pure (kcidb.md 2.5)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

from lib.domain.report.join import Provenance, is_cut, open_state
from lib.domain.report.order import IDENTITY, PARTED, VERDICTS
from lib.store.port import Body

Category = Literal["identity", "verdict", "detail", "more"]


class Cut(NamedTuple):
    """A losing value too long to be kept: the digest of its canonical JSON and the first bytes of that, as Latin-1."""

    sha256: str
    head: str


class FieldConflict(NamedTuple):
    """A field with several values.

    `category`: identity (the parent's id: mostly an id used twice), verdict (flaky, retried or corrected), detail, or
    more, where no losing value is kept whole. `losers` are greatest first, with a `Cut` for each that is too long.
    `has_more` states that there were still others.
    """

    field: str
    category: Category
    winner: Any
    losers: list[Any]
    has_more: bool


def conflicts(kind: str, body: Body) -> list[FieldConflict]:
    """The fields of a report with several values, in order."""
    if "lost" not in body and "more" not in body:
        return []
    values = open_state(kind, body).values
    lost, more = body.get("lost", {}), body.get("more", ())
    return [
        _conflict(kind, field, values[field], lost.get(field, ()), field in more) for field in sorted({*lost, *more})
    ]


def _conflict(kind: str, field: str, winner: Any, entries: Sequence[Sequence[Any]], has_more: bool) -> FieldConflict:
    losers = [Cut(entry[5], entry[4]) if is_cut(entry) else entry[0] for entry in entries]
    category: Category = "detail"
    if all(is_cut(entry) for entry in entries):
        category = "more"
    elif field in IDENTITY:
        category = "identity"
    elif field == VERDICTS[kind][0]:
        category = "verdict"
    return FieldConflict(field, category, winner, losers, has_more)


def provenance(kind: str, body: Body) -> dict[str, Provenance]:
    """For each field, the rank and verdict of the copy that its value came with, and that copy's source."""
    return open_state(kind, body).by


def union_misc(kind: str, body: Body) -> dict[str, Any]:
    """The view with each `misc` replaced by the deep union of all its known values; the winner's values take
    precedence."""
    view, lost = dict(body["object"]), body.get("lost", {})
    if "misc" in lost:
        view["misc"] = _union(view["misc"], lost["misc"])
    parted = PARTED.get(kind)
    if f"{parted}.misc" in lost:
        part = view[parted]
        view[parted] = {**part, "misc": _union(part["misc"], lost[f"{parted}.misc"])}
    return view


def _union(winner: Mapping[str, Any], entries: Sequence[Sequence[Any]]) -> dict[str, Any]:
    union = dict(winner)
    for entry in entries:
        if not is_cut(entry):
            union = _with(union, entry[0])
    return union


def _with(mine: Mapping[str, Any], theirs: Mapping[str, Any]) -> dict[str, Any]:
    union = {**theirs, **mine}
    for name in mine.keys() & theirs.keys():
        if isinstance(mine[name], dict) and isinstance(theirs[name], dict):
            union[name] = _with(mine[name], theirs[name])
    return union
