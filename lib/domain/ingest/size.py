"""Size limits of copies, so that no report outgrows a transaction of the store, for any set of copies. Pure.

A report holds for each field the whole winning value, and at most three losing values of LOST_BYTES_MAX each. Some ten
fields of a kind have no limit of their own. If copies of the largest size fill all of them, the report takes half of
the 10 MiB that the smallest store writes in one transaction. The other half is for the content that the write replaces.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from lib.domain.ingest.sent import Copy
from lib.domain.report.canonical import canonical
from lib.domain.report.join import apart
from lib.errors import Malformed

FIELD_BYTES_MAX = 224 * 1024
"""Most bytes of a field's value, as JSON. The largest object seen in production has 126 kB (kcidb.md 6.1)."""
INDEXED_BYTES_MAX: Mapping[str, int] = {"environment.compatible": 32 * 1024}
"""Most bytes of the fields that are indexed element by element."""
PROBLEMS_MAX = 100
"""Most problems that a refusal lists."""

_ALWAYS_RIGHT = min(FIELD_BYTES_MAX, *INDEXED_BYTES_MAX.values())


class Excess(NamedTuple):
    """A field whose value is too long."""

    field: str
    bytes: int
    bytes_max: int


def excess_of(kind: str, fields: Mapping[str, Any]) -> list[Excess]:
    """The fields of a copy that are too long."""
    if len(canonical(fields)) <= _ALWAYS_RIGHT:
        return []
    sizes = {field: len(canonical(value)) for field, value in apart(kind, fields).items()}
    found = [Excess(field, size, INDEXED_BYTES_MAX.get(field, FIELD_BYTES_MAX)) for field, size in sizes.items()]
    return [one for one in found if one.bytes > one.bytes_max]


def check_sizes(copies: Sequence[Copy], whole_bytes: int) -> None:
    """Raise Malformed for fields that a report could not hold. A small submission (`whole_bytes`) needs no check."""
    if whole_bytes <= _ALWAYS_RIGHT:
        return
    problems: list[dict[str, Any]] = [
        {
            "pointer": f"/{copy.key.kind}", "object": copy.key.id, "rule": "size", "got": f"{excess.bytes} bytes",
            "hint": "put what is long into files and name them in output_files",
            "msg": f"{copy.key.id}: {excess.field} has at most {excess.bytes_max} bytes",
        }
        for copy in copies for excess in excess_of(copy.key.kind, copy.fields)
    ]  # fmt: skip
    if problems:
        raise Malformed(problems[:PROBLEMS_MAX], len(problems))


def size_of(copy: Copy) -> int:
    """The JSON of a copy, in bytes."""
    return len(canonical(copy.fields))
