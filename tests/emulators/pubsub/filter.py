"""The filter language of subscriptions: has, equals, differs, prefix; NOT, AND, OR, parentheses.

As documented for Pub/Sub: AND and OR do not mix without parentheses, operators are in capitals, values are quoted, a
filter has at most 256 bytes. A message without the attribute differs from any value.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping

from tests.emulators.pubsub.wire import invalid

FILTER_BYTES_MAX = 256
TOKEN = re.compile(r'\s*("(?:[^"\\]|\\.)*"|[A-Za-z_][A-Za-z0-9_-]*|!=|[=:.,()-])')

Test = Callable[[Mapping[str, str]], bool]


def compile_filter(text: str) -> Test:
    """What decides on a message's attributes. Raises INVALID_ARGUMENT."""
    if not text:
        return lambda attributes: True
    if len(text.encode()) > FILTER_BYTES_MAX:
        raise invalid(f"A filter has at most {FILTER_BYTES_MAX} bytes")
    reader = _Reader(text)
    test = reader.expression()
    if reader.peek:
        raise reader.fault()
    return test


class _Reader:
    """Walks the tokens of a filter."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._tokens: list[str] = []
        at, end = 0, len(text.rstrip())
        while at < end:
            found = TOKEN.match(text, at)
            if found is None:
                raise self.fault()
            self._tokens.append(found.group(1))
            at = found.end()

    @property
    def peek(self) -> str:
        return self._tokens[0] if self._tokens else ""

    def fault(self) -> Exception:
        return invalid(f"Invalid filter expression: {self._text!r}")

    def take(self, *expected: str) -> str:
        if not self._tokens or (expected and self.peek not in expected):
            raise self.fault()
        return self._tokens.pop(0)

    def expression(self) -> Test:
        tests = [self.term()]
        operator = self.peek
        while operator in ("AND", "OR") and self.peek == operator:
            self.take()
            tests.append(self.term())
        every = all if operator == "AND" else any
        return lambda attributes: every(test(attributes) for test in tests)

    def term(self) -> Test:
        if self.peek in ("NOT", "-"):
            self.take()
            test = self.single()
            return lambda attributes: not test(attributes)
        return self.single()

    def single(self) -> Test:
        if self.peek == "(":
            self.take()
            test = self.expression()
            self.take(")")
            return test
        if self.peek == "hasPrefix":
            return self.prefix()
        self.take("attributes")
        if self.take(":", ".") == ":":
            key = self.key()
            return lambda attributes: key in attributes
        key = self.key()
        is_equal = self.take("=", "!=") == "="
        value = self.quoted()
        return lambda attributes: (attributes.get(key) == value) == is_equal

    def prefix(self) -> Test:
        self.take("hasPrefix")
        self.take("(")
        self.take("attributes")
        self.take(".")
        key = self.key()
        self.take(",")
        value = self.quoted()
        self.take(")")
        return lambda attributes: attributes.get(key, "").startswith(value) and key in attributes

    def key(self) -> str:
        if self.peek[:1] == '"':
            return self.quoted()
        word = self.take()
        if not re.match(r"[A-Za-z_]", word):
            raise self.fault()
        return word

    def quoted(self) -> str:
        text = self.take()
        if text[0] != '"':
            raise self.fault()
        return re.sub(r"\\(.)", r"\1", text[1:-1])
