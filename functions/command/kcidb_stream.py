"""The commands that need no store: `kcidb validate`, `upgrade` and `merge` (kcidb.md 4.1)."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import orjson

from functions import output
from functions.command import document, progress
from lib.dialects.kcidb import codec
from lib.domain.ingest.submission import counts_of
from lib.domain.report.report import KINDS, Key, absorb
from lib.errors import Malformed
from lib.store.port import Body

_NOWHEN = ""
"""When what is merged here was received: it is stored nowhere."""


def validate(asked: argparse.Namespace) -> int:
    """Say of each document whether it would be taken, with all that is wrong with it, as JSON, a line each."""
    status = 0
    for text in _watched(asked, "Validating", is_answering=True):
        verdict = _verdict(text)
        output.pour([orjson.dumps(verdict) + b"\n"])
        status |= verdict["status"] == "error"
    return status


def upgrade(asked: argparse.Namespace) -> int:
    """Bring each document to the newest schema. A faulty one is told of on stderr and left out."""
    status = 0
    for n, text in enumerate(_watched(asked, "Upgrading", is_answering=True), 1):
        try:
            upgraded = codec.upgraded(codec.read(text))
        except Malformed as error:
            output.warn(*faults_of(n, error))
            status = 1
        else:
            output.pour([orjson.dumps(upgraded) + b"\n"])
    return status


def merge(asked: argparse.Namespace) -> int:
    """Merge all documents into one, by the rules of the store. A faulty one spoils the whole."""
    merged: dict[str, dict[Key, Body]] = {kind: {} for kind in KINDS}
    for n, text in enumerate(_watched(asked, "Merging"), 1):
        try:
            sent = codec.decode(codec.read(text))
        except Malformed as error:
            output.warn(*faults_of(n, error))
            return 1
        for copy in sent.copies:
            known = merged[copy.key.kind]
            known[copy.key] = absorb(copy.key.kind, known.get(copy.key), copy.fields, sent.id, _NOWHEN)
    views = {kind: [body["object"] for body in bodies.values()] for kind, bodies in merged.items() if bodies}
    output.pour([orjson.dumps(codec.encode(views)) + b"\n"])
    return 0


def _watched(asked: argparse.Namespace, what: str, *, is_answering: bool = False) -> Iterator[bytes]:
    """The texts of the documents, with a bar."""
    with progress.bar(what, document.size(asked.files), is_answering=is_answering) as bar:
        for text in document.read(asked.files):
            yield text
            bar.step(len(text) + 1)


def faults_of(n: int, error: Malformed) -> list[str]:
    """What is wrong with the n-th document, in lines for people."""
    more = error.count - len(error.problems)
    lines = [f"document {n}: {problem['msg']} ({problem['hint']})" for problem in error.problems]
    return [*lines, f"document {n}: and {more} more"] if more > 0 else lines


def _verdict(text: bytes) -> dict[str, Any]:
    try:
        sent = codec.decode(codec.read(text))
    except Malformed as error:
        return {"status": "error", "errors": error.problems, "error_count": error.count}
    counts = counts_of(sent)
    version = ".".join(map(str, sent.version))
    return {"status": "ok", "id": sent.id, "version": version, "objects": counts, "warnings": list(sent.warnings)}
