"""Patterns of SQL's LIKE, matched in linear time. Pure."""

from __future__ import annotations

from collections.abc import Callable

import re2

_WILD = {"%": ".*", "_": "."}


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
