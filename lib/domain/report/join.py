"""The join of reports: it keeps for each field the greatest few of all its values (kcidb.md 2.3). Pure.

The join is commutative, associative and idempotent, on whole states. `report.py` describes the stored form of a state
and calls this module.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from lib.domain.report.order import PARTED, VERDICTS, Mark, is_same, mark_of
from lib.store.port import Body

CANDIDATES_MAX = 4
"""Most values of one field that are kept."""

LOST_BYTES_MAX = 64 * 1024
"""Most bytes of a losing value's canonical JSON; of a longer one only the mark is kept."""

Provenance = tuple[int, int, str]
"""The rank and the verdict of the copy that a value came with, and the copy's source."""


@dataclass(slots=True)
class State:
    """The merged state of a report, with embedded objects flattened (`apart`). `gain` changes it and sets the last two
    fields."""

    values: dict[str, Any]
    by: dict[str, Provenance]
    lost: dict[str, Sequence[Any]]
    more: set[str]
    first_received: str
    last_received: str
    has_grown: bool = False
    is_view_new: bool = False

    def gain(self, other: State) -> None:
        """Become the join of both."""
        values, by = self.values, self.by
        for field, value in other.values.items():
            theirs = other.by[field]
            mine = by.get(field)
            if mine is None:
                values[field] = value
                by[field] = theirs
                self._adopt(field, other)
                self.is_view_new = True
            elif not is_same(values[field], value) or field in other.lost:
                self._contest(field, other)
            elif theirs != mine and _beats(theirs, mine):
                by[field] = theirs
                self.has_grown = True
        if other.first_received < self.first_received:
            self.first_received = other.first_received
            self.has_grown = True
        if other.last_received > self.last_received:
            self.last_received = other.last_received
            self.has_grown = True
        self.has_grown |= self.is_view_new

    def _adopt(self, field: str, other: State) -> None:
        if field in other.lost:
            self.lost[field] = other.lost[field]
        if field in other.more:
            self.more.add(field)

    def _contest(self, field: str, other: State) -> None:
        """Join a field that has several values."""
        before = list(self._candidates(field))
        best = {candidate.mark.sha256: candidate for candidate in before}
        for candidate in other._candidates(field):
            held = best.get(candidate.mark.sha256)
            best[candidate.mark.sha256] = candidate if held is None else held.join(candidate)
        ordered = sorted(best.values(), key=_Candidate.order, reverse=True)
        kept = ordered[:CANDIDATES_MAX]
        has_more = len(ordered) > CANDIDATES_MAX or field in other.more
        if has_more and field not in self.more:
            self.more.add(field)
            self.has_grown = True
        if [candidate.told for candidate in kept] == [candidate.told for candidate in before]:
            return
        self.has_grown = True
        if kept[0].mark != before[0].mark:
            self.values[field] = kept[0].value
            self.is_view_new = True
        self.by[field] = kept[0].by
        if len(kept) > 1:
            self.lost[field] = [candidate.stored for candidate in kept[1:]]

    def _candidates(self, field: str) -> Iterator[_Candidate]:
        yield _whole(field, self.values[field], self.by[field])
        for entry in self.lost.get(field, ()):
            yield _read(field, entry)


class _Candidate(NamedTuple):
    """A value that may win. `value` is valid only if `is_whole`."""

    by: Provenance
    mark: Mark
    value: Any
    size: int
    is_whole: bool

    def order(self) -> tuple[int, int, Mark]:
        return self.by[0], self.by[1], self.mark

    @property
    def told(self) -> tuple[str, Provenance]:
        return self.mark.sha256, self.by

    @property
    def stored(self) -> list[Any]:
        """Its entry in `lost`: four elements, or six when only the mark is kept."""
        if self.is_whole and self.size <= LOST_BYTES_MAX:
            return [self.value, *self.by]
        return [self.mark.key, *self.by, self.mark.head, self.mark.sha256]

    def join(self, other: _Candidate) -> _Candidate:
        """The join of two candidates with the same value."""
        whole = self if self.is_whole else other
        return whole._replace(by=other.by if _beats(other.by, self.by) else self.by)


def _whole(field: str, value: Any, by: Provenance) -> _Candidate:
    mark, size = mark_of(field, value)
    return _Candidate(by, mark, value, size, True)


def _read(field: str, entry: Sequence[Any]) -> _Candidate:
    by = (entry[1], entry[2], entry[3])
    if is_cut(entry):
        return _Candidate(by, Mark(entry[0], entry[4], entry[5]), None, 0, False)
    return _whole(field, entry[0], by)


def is_cut(entry: Sequence[Any]) -> bool:
    """Whether an entry of `lost` holds the mark of a value, not the value."""
    return len(entry) > 4


def _beats(a: Provenance, b: Provenance) -> bool:
    """Whether the first provenance beats the second: the greater weight wins, between equal weights the smaller
    source."""
    if a[0] != b[0]:
        return a[0] > b[0]
    return a[1] > b[1] if a[1] != b[1] else a[2] < b[2]


def grow(kind: str, body: Body, other: State) -> Body:
    """The body of the join of a stored state and another; the same body when the other adds nothing."""
    state = open_state(kind, body)
    state.gain(other)
    return close_state(kind, state, body) if state.has_grown else body


def of_copy(kind: str, fields: Mapping[str, Any], by: Provenance, at: str) -> State:
    """The state of one copy alone."""
    values = apart(kind, fields)
    return State(values, dict.fromkeys(values, by), {}, set(), at, at)


def open_state(kind: str, body: Body) -> State:
    """The state stored in a body."""
    values = apart(kind, body["object"])
    rank, verdict, source = body["by"]
    by = dict.fromkeys(values, (rank, verdict, source))
    for field, rank, verdict, source in body.get("except", ()):
        by[field] = (rank, verdict, source)
    more = set(body.get("more", ()))
    return State(values, by, dict(body.get("lost", ())), more, body["first_received"], body["last_received"])


def close_state(kind: str, state: State, before: Body) -> Body:
    """The body of a state that grew from the state of `before`. It reuses the view of `before` if that is unchanged."""
    by = state.by
    verdict_field = VERDICTS[kind][0]
    usual = by.get(verdict_field) or by[min(by)]
    body: Body = {
        "object": _together(kind, state.values) if state.is_view_new else before["object"],
        "by": list(usual),
        "first_received": state.first_received,
        "last_received": state.last_received,
    }
    unusual = [[field, *own] for field, own in by.items() if own != usual]
    if unusual:
        body["except"] = sorted(unusual)
    if state.lost:
        body["lost"] = state.lost
        body["conflicted"] = state.values["origin"]
    if state.more:
        body["more"] = sorted(state.more)
    return body


def apart(kind: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """A copy's fields; the fields of an embedded object are under their paths."""
    values = dict(fields)
    parted = PARTED.get(kind)
    if parted is not None and parted in values:
        for name, value in values.pop(parted).items():
            values[f"{parted}.{name}"] = value
    return values


def _together(kind: str, values: dict[str, Any]) -> dict[str, Any]:
    """The reverse of `apart`."""
    parted = PARTED.get(kind)
    if parted is None:
        return values
    prefix = parted + "."
    parts = {field[len(prefix) :]: value for field, value in values.items() if field.startswith(prefix)}
    if not parts:
        return values
    fields = {field: value for field, value in values.items() if not field.startswith(prefix)}
    fields[parted] = parts
    return fields
