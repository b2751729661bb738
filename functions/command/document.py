"""Documents on standard input or in files: JSON objects, one a line or one behind the other, read as they come."""

from __future__ import annotations

import os
import stat
import sys
from collections.abc import Iterator, Sequence
from contextlib import nullcontext
from pathlib import Path
from typing import BinaryIO

import orjson

from lib.dialects.kcidb.source import Brackets
from lib.domain.ingest.submission import TEXT_BYTES_MAX
from lib.errors import TooLarge

DOCUMENT_BYTES_MAX = TEXT_BYTES_MAX
"""Longest text of one document."""


def read(files: Sequence[str]) -> Iterator[bytes]:
    """The texts of these files' documents, of standard input when none is named. What is no JSON is a text as well, for
    whoever reads it to refuse. Raises TooLarge."""
    for file in files or ("-",):
        with nullcontext(sys.stdin.buffer) if file == "-" else Path(file).open("rb") as stream:
            yield from split(stream)


def size(files: Sequence[str]) -> int | None:
    """The bytes that `read` will read; None when that is not known before. Raises OSError."""
    found = [os.fstat(sys.stdin.fileno()) if file == "-" else os.stat(file) for file in files or ("-",)]
    return sum(each.st_size for each in found) if all(stat.S_ISREG(each.st_mode) for each in found) else None


def split(stream: BinaryIO) -> Iterator[bytes]:
    """The texts of a stream, no more than one of them held at a time."""
    held, brackets = bytearray(), Brackets()
    while line := stream.readline(DOCUMENT_BYTES_MAX + 1):
        if len(held) + len(line) > DOCUMENT_BYTES_MAX:
            raise TooLarge(f"a document has at most {DOCUMENT_BYTES_MAX} bytes")
        if not held.strip() and _is_json(line):
            yield line.strip()
            held.clear()
            continue
        start, at = len(held), 0
        held += line
        # Strings hold no line breaks, so no line ends within one.
        for end in brackets.ends(line):
            yield bytes(held[at : start + end]).strip()
            at = start + end
        del held[:at]
    if rest := bytes(held).strip():
        yield rest


def _is_json(line: bytes) -> bool:
    """Whether a line is a document by itself: the usual case, told much faster than by its brackets."""
    if not line.startswith(b"{"):
        return False
    try:
        orjson.loads(line)
    except orjson.JSONDecodeError:
        return False
    return True
