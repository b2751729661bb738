"""The command `kcidb submit-tests`: results of tests of a build, from options or a JUnit XML report (kcidb.md 3.4)."""

from __future__ import annotations

import argparse
import hashlib
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from functions import output
from functions.command import junit
from functions.command.kcidb_submit import send
from lib.clock import read_instant
from lib.dialects.kcidb.codec import encode
from lib.errors import Invalid

_PATH_ODD = re.compile(r"[^a-zA-Z0-9_-]+")


def submit(asked: argparse.Namespace) -> int:
    """Submit the tests as one document, or show it."""
    tests = list(_of_report(asked)) if asked.junit else [_test(asked, asked.path, _start(asked.start_time))]
    document = encode({"tests": tests})
    text = orjson.dumps(document)
    if asked.dry_run:
        output.pour([text, b"\n"])
        return 0
    return send([text], asked)


def test_id(origin: str, build: str, path: str, start: str) -> str:
    """The id of a run of a test, made as kci-dev makes those of builds: the same for the same run."""
    return f"{origin}:t-{hashlib.sha256(f'{build}|{path}|{start}'.encode()).hexdigest()}"


def path_of(names: tuple[str, ...]) -> str:
    """A path of names that may hold anything: dots part it, other characters that it cannot hold become `_`."""
    parts = [_PATH_ODD.sub("_", part).strip("_") for name in names for part in name.split(".")]
    return ".".join(part for part in parts if part)


def _of_report(asked: argparse.Namespace) -> Iterator[dict[str, Any]]:
    seen: dict[tuple[str, str], int] = {}
    file = Path(asked.junit)
    if file.stat().st_size > junit.REPORT_BYTES_MAX:
        raise Invalid("--junit", f"has more than {junit.REPORT_BYTES_MAX} bytes")
    now = _start(asked.start_time)
    for case in junit.read(file.read_bytes()):
        path = path_of((asked.prefix, *case.names))
        start = now if asked.start_time or not case.started else _start(case.started)
        n = seen[path, start] = seen.get((path, start), 0) + 1
        # A case that stands twice in a report ran twice.
        test = _test(asked, path, start, "" if n == 1 else f"|{n}")
        test |= {"status": case.status}
        if case.duration is not None:
            test["duration"] = case.duration
        if case.excerpt:
            test["log_excerpt"] = case.excerpt
        yield test


def _test(asked: argparse.Namespace, path: str, start: str, more: str = "") -> dict[str, Any]:
    """A test as the options tell it; what they do not say is left out."""
    environment = {
        "compatible": asked.compatible,
        "misc": None if asked.platform is None else {"platform": asked.platform},
    }
    told = {
        "id": test_id(asked.origin, asked.build, path, f"{start}{more}"),
        "origin": asked.origin,
        "build_id": asked.build,
        "path": path,
        "status": asked.status,
        "start_time": start,
        "duration": asked.duration,
        "comment": asked.comment,
        "log_url": asked.log_url,
        "environment": {name: value for name, value in environment.items() if value} or None,
        "misc": _misc(asked.misc),
    }
    return {name: value for name, value in told.items() if value is not None}


def _misc(text: str | None) -> Any:
    if text is None:
        return None
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise Invalid("--misc", f"is not JSON: {error}") from error
    if not isinstance(value, dict):
        raise Invalid("--misc", "must be a JSON object")
    return value


def _start(text: str | None) -> str:
    """A time as KCIDB writes it; none is now."""
    try:
        instant = datetime.now(UTC) if not text else read_instant(text)
    except ValueError as error:
        raise Invalid("--start-time", "must be a time like 2026-01-31T12:00:00Z") from error
    return instant.isoformat(timespec="seconds" if instant.microsecond == 0 else "microseconds")
