"""What a client of the dashboard asks by: parameters of the query, filters of query and body (kcidb.md 4.5). Pure.

Every fault is an Invalid that names the parameter; an unknown one is ignored, as upstream has it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from lib.dialects.params import Params
from lib.dialects.wire import Request
from lib.domain.dashboard.filter import Condition, RowFilter, condition
from lib.domain.dashboard.issue import IssueFilter
from lib.errors import Invalid

ORIGIN = "maestro"
"""The origin of results when the query names none."""
INTERVAL_DAYS = 7
INTERVAL_DAYS_MAX = 366
"""Longest time a list covers."""
TEXT_CHARS_MAX = 2000
"""Longest value of a parameter."""
WINDOW = "startTimestampInSeconds", "endTimestampInSeconds"
"""The parameters that bound most lists."""
CULPRITS = ("code", "tool", "harness")

IGNORED = frozenset(("tree_name", "start_date", "end_date"))
"""Filters that kci-dev sends and the dashboard passes over in silence: the client does them itself."""
ISSUE_FILTERS = frozenset(("origin", "issue.culprit", "issue.categories", "issue.options"))
"""Filters of lists of issues. What `issue.options` chooses there is not known; it leaves everything."""

_FILTER = re.compile(r"(?:filter_)?(.+?)(?:_\[(\w+)\])?\Z", re.DOTALL)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
Given = list[tuple[str, str, list[str]]]


class RowParams(Params):
    """The parameters of a query for the dashboard."""

    REQUIRED = "is required"
    NUMBER, RANGE = "must be a whole number", "must be {low} to {high}"
    INSTANT = "must be a time in ISO 8601"

    def __init__(self, request: Request) -> None:
        super().__init__(request)
        self._now = request.now
        for name, value in self.pairs:
            if len(value) > TEXT_CHARS_MAX:
                raise Invalid(name, f"at most {TEXT_CHARS_MAX} characters")

    @property
    def origin(self) -> str:
        return self.text("origin") or ORIGIN

    def version(self) -> int | None:
        """The version of an issue, or None for the newest."""
        return self.number("version", 0, 2**63 - 1)

    def interval(self, default: int = INTERVAL_DAYS) -> datetime:
        """When the last `interval_in_days` began."""
        return self._now - timedelta(days=self.number("interval_in_days", 1, INTERVAL_DAYS_MAX) or default)

    def seconds(self, name: str) -> datetime | None:
        """An instant given in seconds since 1970, whole or not."""
        text = self.text(name)
        return decode_seconds(name, text) if text else None

    def window(self) -> tuple[datetime, datetime] | None:
        """The two timestamps that bound a list, if they are given: both or none."""
        begin, end = map(self.seconds, WINDOW)
        if begin is None and end is None:
            return None
        if begin is None or end is None:
            raise Invalid(WINDOW[begin is not None], "is required beside the other")
        return check_window(begin, end)

    def filter(self) -> RowFilter:
        """The filters on rows."""
        return RowFilter(tuple(_conditions(self._given())))

    def issue_filter(self) -> IssueFilter:
        """The filters on issues."""
        found: dict[str, set[str]] = {name: set() for name in ISSUE_FILTERS}
        for name, _, values in self._given():
            if name in ISSUE_FILTERS:
                found[name].update(values)
            elif name not in IGNORED:
                raise Invalid(f"filter_{name}", "is no filter of issues")
        for culprit in found["issue.culprit"] - set(CULPRITS):
            raise Invalid("filter_issue.culprit", f"{culprit[:50]}: must be one of {', '.join(CULPRITS)}")
        return IssueFilter(*(frozenset(found[n]) for n in ("origin", "issue.culprit", "issue.categories")))

    def _given(self) -> Given:
        return _grouped((key, value) for key, value in self.pairs if key.startswith("filter_"))


def decode_filter(body: Mapping[str, Any]) -> RowFilter:
    """The `filter` of a POST's body: the same names, with one value or a list of them."""
    pairs = []
    for name, value in body.items():
        for one in value if isinstance(value, list) else [value]:
            if not isinstance(one, str | int | float) or isinstance(one, bool):
                raise Invalid(f"filter.{name}", "must be a text, a number, or a list of them")
            pairs.append((name, str(one)))
    return RowFilter(tuple(_conditions(_grouped(pairs))))


def _grouped(pairs: Iterable[tuple[str, str]]) -> Given:
    """Filters by name and operator, with every value given for them."""
    found: dict[tuple[str, str], list[str]] = {}
    for key, value in pairs:
        match = _FILTER.fullmatch(key)
        if match is None:
            raise Invalid(key, "names no filter")
        found.setdefault((match[1], match[2] or ""), []).append(value)
    return [(name, operator, values) for (name, operator), values in found.items()]


def _conditions(given: Given) -> Iterable[Condition]:
    for name, operator, values in given:
        if name not in IGNORED and name not in ISSUE_FILTERS - {"origin"}:
            yield condition(name, operator, values)


def decode_seconds(name: str, value: str | int | float) -> datetime:
    """The instant so many seconds after 1970."""
    try:
        seconds = float(value)
        if not math.isfinite(seconds):
            raise ValueError(value)
        return _EPOCH + timedelta(seconds=seconds)
    except (ValueError, OverflowError) as error:
        raise Invalid(name, "must be seconds since 1970") from error


def check_window(begin: datetime, end: datetime, names: tuple[str, str] = WINDOW) -> tuple[datetime, datetime]:
    """The two ends of a time. Raises Invalid for one that is longer than a list covers, or runs backwards."""
    if begin > end:
        raise Invalid(names[0], f"must not be after {names[1]}")
    if end - begin > timedelta(days=INTERVAL_DAYS_MAX):
        raise Invalid(names[0], f"at most {INTERVAL_DAYS_MAX} days before {names[1]}")
    return begin, end
