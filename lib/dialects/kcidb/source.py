"""The texts of submissions: where one ends and the next begins, and the JSON value of one (kcidb.md 3.5)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from io import BytesIO
from itertools import islice
from typing import Any

import jiter

from lib.dialects.kcidb.fault import Flaw, fault
from lib.errors import Malformed, TooLarge

DEPTH_MAX = 200
"""Deepest nesting of a submission's JSON: what the parser takes; an empty list may stand one deeper."""
DOCUMENTS_MAX = 1000
"""Most submissions of one body."""

_HINTS = {
    "duplicate key": "name each key of an object once",
    "recursion": f"nest no deeper than {DEPTH_MAX} levels",
    "EOF": "the text ends too early: was it sent whole?",
    "trailing characters": "send one JSON text, or several as application/x-ndjson",
    "unicode": "write the text in UTF-8",
    "surrogates": "write the text in UTF-8",
    "hex escape": "write a character past U+FFFF as a pair of escapes, or as it is",
    "out of range": "write the number as a text",
}
"""Words in the parser's complaint → how to repair it."""


def read(raw: bytes) -> Any:
    """The value of a JSON text. Raises Malformed for what is none: repeated keys, NaN, bytes that are not UTF-8, halves
    of surrogate pairs, nesting past DEPTH_MAX."""
    try:
        return jiter.from_json(raw, allow_inf_nan=False, catch_duplicate_keys=True, cache_mode="keys")
    except ValueError as error:
        raise unreadable(str(error)) from None


def unreadable(says: str) -> Malformed:
    """The refusal of a text that is no JSON."""
    hint = next((hint for part, hint in _HINTS.items() if part in says), "have a JSON tool read it; NaN is not JSON")
    return Malformed([fault(Flaw("", "json", "", hint, f"not JSON: {says}"), None)])


_SEAM = re.compile(rb"\}\s*\{").search
# A string, though it has no end, or a bracket. Nothing in it goes back to try again.
_TOKEN = re.compile(rb'"(?:[^"\\]++|\\.?)*+"?|[{}\[\]]', re.DOTALL)
_STEP = {ord("{"): 1, ord("["): 1, ord("}"): -1, ord("]"): -1}


class Brackets:
    """How deep the brackets of a text stand that may come in pieces, none of which ends inside a string."""

    def __init__(self) -> None:
        self.depth = 0

    def ends(self, piece: bytes) -> Iterator[int]:
        """Where in the next piece a JSON text ends, as its outermost bracket closes."""
        for token in _TOKEN.finditer(piece):
            step = _STEP.get(piece[token.start()], 0)
            self.depth += step
            if self.depth <= 0 and step < 0:
                self.depth = 0
                yield token.end()


def split_documents(raw: bytes) -> Iterator[bytes]:
    """The JSON texts of a body: one a line, or one behind the other. What is no JSON is a text too, for `read` to
    refuse. Raises TooLarge past DOCUMENTS_MAX."""
    lines = list(islice(filter(None, map(bytes.strip, BytesIO(raw))), DOCUMENTS_MAX + 1))
    # Where every line has braces around it, and no second pair, each is a text: none ends inside a list or string.
    is_by_line = all(line[:1] == b"{" and line[-1:] == b"}" and not _SEAM(line) for line in lines)
    documents = lines if is_by_line else list(islice(_balanced(raw), DOCUMENTS_MAX + 1))
    if len(documents) > DOCUMENTS_MAX:
        raise TooLarge(f"more than {DOCUMENTS_MAX} submissions in one body")
    return iter(documents)


def _balanced(raw: bytes) -> Iterator[bytes]:
    """The texts of a body, each up to the bracket that closes it."""
    start = 0
    for end in Brackets().ends(raw):
        yield raw[start:end].strip()
        start = end
    rest = raw[start:].strip()
    if rest:
        yield rest
