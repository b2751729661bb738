"""KCIDB codec of what becomes of submissions: receipts, faults, status (kcidb.md 3.3 and 3.5). `id`, `status` and
`message` are upstream's, and always there; the others are ours."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from lib.dialects.kcidb import codec
from lib.domain.ingest.intake import Preview, Receipt
from lib.domain.ingest.sent import Sent
from lib.domain.ingest.submission import FAILED, MERGED, PENDING, Submission, counts_of
from lib.errors import Malformed

Wire = dict[str, Any]

STATUS: Mapping[str, str] = {PENDING: "inprogress", MERGED: "processed", FAILED: "failed"}
"""Upstream's words for the states of a submission. One that no piece was merged of is `ready`."""
MESSAGE: Mapping[str, str] = {
    "ready": "File is in the spool",
    "inprogress": "File is being processed",
    "processed": "File archived",
    "failed": "File failed to pass validation",
}


def encode_receipt(receipt: Receipt) -> Wire:
    """The answer to a submission that was taken."""
    record = receipt.submission
    answer: Wire = {
        "id": record.id,
        "status": "ok",
        "message": f"Received submission {record.id} with size {record.bytes} bytes",
        "duplicate": receipt.is_duplicate,
        "objects": record.counts,
        "version": _version(record.version),
        "warnings": list(receipt.warnings),
        "status_url": f"/status?id={record.id}",
    }
    if record.is_partial:
        answer |= {"errors": record.errors, "error_count": record.error_count}
    return answer


def encode_check(sent: Sent, foreseen: Sequence[Preview]) -> Wire:
    """The answer to a submission that was only looked at: its normal form, and what would change."""
    views: dict[str, list[Wire]] = {}
    for copy in sent.copies:
        views.setdefault(copy.key.kind, []).append(copy.fields)
    return {
        "id": sent.id,
        "status": "ok",
        "message": "The submission is valid" if not sent.fault_count else "Parts of the submission are valid",
        "objects": counts_of(sent),
        "version": _version(sent.version),
        "warnings": list(sent.warnings),
        "errors": list(sent.faults),
        "error_count": sent.fault_count,
        "normal": codec.encode(views),
        "changes": [_change(f) for f in foreseen],
    }


def _change(foreseen: Preview) -> Wire:
    key = foreseen.key
    named = {"kind": key.kind, "id": key.id} | ({} if key.version is None else {"version": key.version})
    return {**named, "is_new": foreseen.is_new, "fields": foreseen.fields}


def encode_faults(error: Exception) -> Wire:
    """A refusal, with every fault that was found, each with its place and how to mend it."""
    answer: Wire = {"id": "0", "status": "error", "message": str(error)}
    if isinstance(error, Malformed):
        first = error.problems[0].get("msg") if error.problems else ""
        answer["message"] = f"{error.count} faults, the first: {first}" if error.count > 1 else str(first)
        answer |= {"errors": error.problems, "error_count": error.count}
    return answer


def encode_status(record: Submission) -> Wire:
    """What became of a submission."""
    word = STATUS[record.state] if record.state != PENDING or record.done else "ready"
    results = record.results
    return {
        "id": record.id,
        "status": word,
        "message": MESSAGE[word],
        "received": record.received_at,
        "merged_at": record.merged_at,
        "origins": record.origins,
        "sender": record.sender,
        "via": record.via,
        "version": _version(record.version),
        "size": record.bytes,
        "counts": {
            "objects": record.counts,
            **{name: results.get(name, 0) for name in ("new", "changed", "unchanged")},
        },
        "conflicts": results.get("conflicts", 0),
        "errors": record.errors,
        "error_count": record.error_count,
    }


def encode_listed(records: Sequence[Submission], after: str | None) -> Wire:
    """A page of submissions, newest first; `next` is the `after` of the page behind it."""
    return {"submissions": [encode_status(r) for r in records], "next": after}


def _version(version: Sequence[int]) -> str | None:
    return f"{version[0]}.{version[1]}" if version else None
