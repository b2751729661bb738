"""Patterns: regular expressions and those of SQL's LIKE, matched in linear time. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import re2

from lib.errors import Invalid

REGEX_CHARS_MAX = 500
_WILD = {"%": ".*", "_": "."}


def regex(pattern: str, path: str) -> Any:
    """A compiled pattern, linear in time whatever the pattern. Raises Invalid for one it cannot read."""
    if len(pattern) > REGEX_CHARS_MAX:
        raise Invalid(path, f"a pattern has at most {REGEX_CHARS_MAX} characters")
    options = re2.Options()
    options.log_errors = False
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        text = error.args[0] if error.args else ""
        shown = text.decode(errors="replace") if isinstance(text, bytes) else str(text)
        raise Invalid(path, f"not a regular expression: {shown}") from error


def sql_like(pattern: str) -> Callable[[str], bool]:
    """Tells whether a whole text is like a pattern: `%` stands for any characters, `_` for one."""
    options = re2.Options()
    options.dot_nl = True
    parts = [_WILD.get(c) or re2.escape(c) for c in pattern]
    matcher = re2.compile("".join(parts), options)
    return lambda text: matcher.fullmatch(text) is not None


def like(pattern: str) -> Callable[[str], bool]:
    """As `sql_like`; a pattern without `%` may be anywhere in the text, letter by letter."""
    return sql_like(pattern) if "%" in pattern else lambda text: pattern in text
