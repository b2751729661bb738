"""The commands that read the store: `kcidb query`, `export` and `count` (kcidb.md 4.1)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from contextlib import closing

import orjson

from functions import output
from functions.command import progress
from functions.settings import read
from functions.wiring import archive, found
from lib.clock import read_instant, stamp
from lib.dialects.kcidb.codec_report import Form, encode_document, lists_of
from lib.dialects.kcidb.export import OBJECTS_DEFAULT, OBJECTS_MAX, encode_lines
from lib.domain.report.archive import Archive
from lib.domain.report.export import ExportPart, Exports, Span
from lib.domain.report.family import Bodies, Families
from lib.domain.report.report import KINDS, SINGULAR, Key, key_of
from lib.errors import Invalid

IDS_MAX = 10_000
"""Ids of one query."""


def query(asked: argparse.Namespace) -> int:
    """Show the objects that were named, and their relatives; exit status 1 when one of them is not there."""
    with closing(_open()) as place, progress.bar("Reading", is_answering=True):
        reports, missing = _named(place, asked)
        families = Families(place)
        if asked.children:
            reports |= families.children(reports)
        if asked.parents:
            reports |= families.parents(reports)
        form = Form(has_metadata=asked.metadata)
        for bodies in _parted(reports, asked.objects_per_report):
            output.pour([*encode_document(place, lists_of(bodies), form), b"\n"])
    output.warn(*(f"{SINGULAR[key.kind]} {key.id} is not there" for key in missing))
    return 1 if missing else 0


def export(asked: argparse.Namespace) -> int:
    """Show everything that changed in a span of time."""
    if asked.kind not in (None, *KINDS):
        raise Invalid("--kind", f"must be one of {', '.join(KINDS)}")
    kinds = KINDS if asked.kind is None else (asked.kind,)
    span = Span(kinds, asked.origin, _instant("--after", asked.after), _instant("--until", asked.until))
    size = OBJECTS_DEFAULT if asked.objects_per_document is None else asked.objects_per_document
    if not 1 <= size <= OBJECTS_MAX:
        raise Invalid("--objects-per-document", f"must be a number from 1 to {OBJECTS_MAX}")
    with closing(_open()) as place:
        parts = _watched(place, span, size)
        output.pour(encode_lines(place, parts, Form(has_metadata=asked.metadata)))
    return 0


def count(asked: argparse.Namespace) -> int:
    """Show how many objects of each kind there are."""
    with closing(_open()) as place, progress.bar("Counting"):
        counts = {kind: Exports(place).count(kind, asked.origin) for kind in KINDS}
    output.pour([orjson.dumps(counts), b"\n"])
    return 0


def _watched(place: Archive, span: Span, size: int) -> Iterator[ExportPart]:
    """The parts of an export, with a bar; it knows its end where the span has no times."""
    exports = Exports(place)
    with progress.bar("Exporting", is_answering=True) as bar:
        if bar.is_watched and span.after is None and span.until is None:
            bar.begin("Exporting", sum(exports.count(kind, span.origin) for kind in span.kinds))
        for part in exports.parts(span, size):
            yield part
            bar.step(len(part.bodies))


def _open() -> Archive:
    return archive(found(read()))


def _named(place: Archive, asked: argparse.Namespace) -> tuple[Bodies, list[Key]]:
    """The reports that were named, and the keys of those that are not there."""
    keys = [Key(kind, id) for kind in KINDS for id in getattr(asked, kind)]
    if len(keys) > IDS_MAX:
        raise Invalid("query", f"at most {IDS_MAX} ids")
    keys = [Key(k.kind, k.id, asked.issue_version) if k.kind == "issues" else k for k in keys]
    # An issue without a version is its newest.
    newest = [key for key in keys if key.kind == "issues" and key.version is None]
    reports = place.load_many(key for key in keys if key not in newest)
    missing = [key for key in keys if key not in newest and key not in reports]
    for key in newest:
        body = place.newest(key.id)
        if body is None:
            missing.append(key)
        else:
            reports[key_of("issues", body["object"])] = body
    return reports, missing


def _parted(bodies: Bodies, size: int) -> Iterator[Bodies]:
    """The reports in parts of this size; 0 means all in one."""
    if size < 0:
        raise Invalid("--objects-per-report", "must be 0 or more")
    items = list(bodies.items())
    for at in range(0, len(items), size or len(items) or 1):
        yield dict(items[at : at + (size or len(items))])


def _instant(name: str, text: str | None) -> str | None:
    try:
        return None if text is None else stamp(read_instant(text))
    except ValueError as error:
        raise Invalid(name, "must be a time like 2025-07-15T10:10:17Z") from error
