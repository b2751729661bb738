"""The parameters of a request's query: read once, with a getter for each type. Every dialect reads its own with it.

A faulty value raises Invalid with the parameter's name; the texts are attributes, which a dialect may word otherwise.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from lib.clock import read_instant
from lib.dialects.wire import Request, problems_of
from lib.errors import Invalid, Malformed

T = TypeVar("T")

FLAGS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
NUMBER_CHARS_MAX = 20


class Params:
    """The parameters of one query. An empty value counts as absent, except for a flag; of several with one name the
    last one counts.

    With `names` the query is strict: an unknown parameter and a repeated one raise Invalid, since a filter that is
    ignored in silence answers another question.
    """

    REQUIRED = "required"
    NUMBER = RANGE = "must be a number from {low} to {high}"
    INSTANT = "must be a time like 2025-07-15T10:10:17Z"

    def __init__(self, request: Request, names: Sequence[str] | None = None) -> None:
        self.pairs = request.query
        self.given = dict(self.pairs)
        if names is not None:
            self._check(names)

    def _check(self, names: Sequence[str]) -> None:
        seen: set[str] = set()
        for name, _ in self.pairs:
            if name not in names:
                raise Invalid(name, f"no parameter of this route; it takes {', '.join(names) or 'none'}")
            if name in seen:
                raise Invalid(name, "given twice")
            seen.add(name)

    def text(self, name: str) -> str:
        """The value as it is, "" when it is absent."""
        return next((value for key, value in reversed(self.pairs) if key == name and value), "")

    def texts(self, name: str) -> list[str]:
        """Every value of a parameter that may be repeated."""
        return [value for key, value in self.pairs if key == name and value]

    def listed(self, name: str) -> list[str]:
        """Every part of comma lists."""
        return [part for text in self.texts(name) for part in text.split(",") if part]

    def required(self, name: str) -> str:
        """A value that must be there."""
        if not (value := self.text(name)):
            raise Invalid(name, self.REQUIRED)
        return value

    def flag(self, name: str) -> bool:
        """Whether something is wanted; a name without a value says so."""
        value = self.given.get(name, "0").lower()
        if value not in FLAGS:
            raise Invalid(name, "must be 1 or 0")
        return FLAGS[value]

    def number(self, name: str, low: int, high: int) -> int | None:
        """A whole number from `low` to `high`, None when it is absent."""
        if not (value := self.text(name)):
            return None
        if not (value.isascii() and value.removeprefix("-").isdigit() and len(value) <= NUMBER_CHARS_MAX):
            raise Invalid(name, self.NUMBER.format(low=low, high=high))
        if not low <= int(value) <= high:
            raise Invalid(name, self.RANGE.format(low=low, high=high))
        return int(value)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of some words, None when it is absent."""
        value = self.text(name) or None
        if value is not None and value not in choices:
            raise Invalid(name, f"must be one of {', '.join(choices)}")
        return value

    def instant(self, name: str) -> datetime | None:
        """An instant in ISO 8601, None when it is absent."""
        value = self.text(name)
        try:
            return read_instant(value) if value else None
        except ValueError as error:
            raise Invalid(name, self.INSTANT) from error

    def value(self, name: str, adapter: TypeAdapter[T], default: T) -> T:
        """The value of any type, `default` when it is absent; raises Malformed with its place."""
        if name not in self.given:
            return default
        try:
            return adapter.validate_python(self.given[name])
        except ValidationError as error:
            raise Malformed([{**p, "loc": ["query", name]} for p in problems_of(error, "query")]) from error
