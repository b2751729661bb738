"""Exports: every report that changed in a span of time, in an order that can be resumed (kcidb.md 4.1).

The order is by kind, parents first; then by the instant of the last change of the stored report; then by key. A report
that changes during the export moves to the end of its kind, so a reader that reads to the end gets each report at least
once. The other order is by kind and key alone, so that two hubs with the same submissions export the same bytes.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple

from lib.clock import unstamp
from lib.domain.report.archive import CURSOR_WORDS, Archive, check_cursor
from lib.domain.report.report import COLLECTION, KINDS
from lib.errors import Invalid
from lib.store.port import Body, Scan, Where

ORDER = "changed_at"


@dataclass(frozen=True, slots=True)
class Span:
    """The selected reports. `after` (included) and `until` (excluded) are canonical texts."""

    kinds: tuple[str, ...] = KINDS
    origin: str | None = None
    after: str | None = None
    until: str | None = None
    is_conflicted: bool = False
    is_by_key: bool = False
    """Whether the order is that of the keys alone, which does not depend on times."""

    @property
    def order(self) -> str:
        return "" if self.is_by_key else ORDER

    @property
    def where(self) -> tuple[Where, ...]:
        """The conditions on each kind."""
        origin = "conflicted" if self.is_conflicted else "origin"
        asked = (Where(origin, "==", self.origin), Where(ORDER, ">=", self.after), Where(ORDER, "<", self.until))
        return tuple(where for where in asked if where.value is not None)


class ExportPart(NamedTuple):
    """Stored reports of one kind, and the cursor to continue from; None when they are the last."""

    kind: str
    bodies: list[Body]
    next: str | None


@dataclass(slots=True)
class Exports:
    """Reads the reports of a span, part by part."""

    archive: Archive

    def part(self, span: Span, limit: int, cursor: str | None = None) -> ExportPart:
        """The next reports: at most `limit`, at least one unless none are left. Raises Invalid for a cursor that is not
        from this span."""
        kind, after = _decode(cursor, span)
        left = span.kinds[span.kinds.index(kind) :]
        for at, kind in enumerate(left):
            page = self.archive.page(kind, Scan(span.where, span.order, limit, after))
            after = None
            bodies = [doc.body for doc in page.docs]
            if page.next is not None:
                return ExportPart(kind, bodies, f"{kind}.{page.next}")
            if bodies:
                return ExportPart(kind, bodies, f"{left[at + 1]}." if at + 1 < len(left) else None)
        return ExportPart(left[-1], [], None)

    def parts(self, span: Span, limit: int, cursor: str | None = None) -> Iterator[ExportPart]:
        """The remaining parts of a span. Only one part is in memory at a time."""
        while True:
            part = self.part(span, limit, cursor)
            if part.bodies:
                yield part
            cursor = part.next
            if cursor is None:
                return

    def count(self, kind: str, origin: str | None) -> int:
        """The number of reports of a kind, of one origin or of all."""
        return self.archive.store.count(COLLECTION[kind], Span(origin=origin).where)


def _decode(cursor: str | None, span: Span) -> tuple[str, str | None]:
    """The kind of a cursor and the store's own cursor in it."""
    kinds = span.kinds
    if cursor is None:
        return kinds[0], None
    kind, _, after = cursor.partition(".")
    if kind not in kinds:
        raise Invalid("cursor", CURSOR_WORDS)
    if not after:
        return kind, None
    value = check_cursor(after)
    if span.is_by_key and value is None:
        return kind, after
    try:
        unstamp(value or "")
    except ValueError as error:
        raise Invalid("cursor", CURSOR_WORDS) from error
    return kind, after
