"""KCIDB provenance on the wire: which submission each value of a report comes from (kcidb.md 2.7)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from lib.domain.report.archive import Archive
from lib.domain.report.view import provenance

if TYPE_CHECKING:
    from lib.store.port import Body


def encode_provenance(archive: Archive, kind: str, body: Body) -> dict[str, dict[str, Any]]:
    """Of each field: rank and verdict of the copy its value came with, that copy's source, and of a submission when it
    was received and who sent it."""
    by = provenance(kind, body)
    records = archive.submissions(sorted({source for _, _, source in by.values()}))
    return {
        field: {"rank": rank, "verdict": verdict, "source": source, **_record(records.get(source))}
        for field, (rank, verdict, source) in sorted(by.items())
    }


def _record(submission: Body | None) -> dict[str, Any]:
    """What is shown of a submission; nothing where the source is a node."""
    return {} if submission is None else {name: submission.get(name) for name in ("received_at", "sender", "via")}
