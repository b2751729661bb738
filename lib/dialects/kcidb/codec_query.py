"""KCIDB query strings: what a read may ask for. A parameter that is not known, or said twice, is refused by its name:
a filter that is silently ignored answers another question."""

from __future__ import annotations

from collections.abc import Sequence

from lib.clock import read_instant, stamp
from lib.dialects.wire import Request
from lib.domain.report.report import KINDS
from lib.errors import Invalid

FLAGS = {"": True, "1": True, "true": True, "yes": True, "0": False, "false": False, "no": False}
VERSION_DIGITS_MAX = 19
VERSION_MAX = 2**63 - 1
"""The highest version of an issue (kcidb.md 1.6)."""


class Params:
    """The parameters of one request, each at most once, all of them among `names`."""

    def __init__(self, request: Request, names: Sequence[str]) -> None:
        self._given: dict[str, str] = {}
        for name, value in request.query:
            if name not in names:
                raise Invalid(name, f"no parameter of this route; it takes {', '.join(names) or 'none'}")
            if name in self._given:
                raise Invalid(name, "given twice")
            self._given[name] = value

    def text(self, name: str) -> str | None:
        """The value as it is; None when it is absent or empty."""
        return self._given.get(name) or None

    def required(self, name: str) -> str:
        """A value that must be there."""
        value = self.text(name)
        if value is None:
            raise Invalid(name, "required")
        return value

    def flag(self, name: str) -> bool:
        """Whether something is wanted; a name without a value says so."""
        value = self._given.get(name)
        if value is None:
            return False
        if value.lower() not in FLAGS:
            raise Invalid(name, "must be 1 or 0")
        return FLAGS[value.lower()]

    def count(self, name: str, default: int, most: int) -> int:
        """A number from 1 to `most`."""
        value = self.text(name)
        if value is None:
            return default
        if not (value.isascii() and value.isdigit() and len(value) <= len(str(most)) and 1 <= int(value) <= most):
            raise Invalid(name, f"must be a number from 1 to {most}")
        return int(value)

    def choice(self, name: str, choices: Sequence[str]) -> str | None:
        """One of some words, or None when it is absent."""
        value = self.text(name)
        if value is not None and value not in choices:
            raise Invalid(name, f"must be one of {', '.join(choices)}")
        return value

    def instant(self, name: str) -> str | None:
        """An instant as its canonical text."""
        value = self.text(name)
        if value is None:
            return None
        try:
            return stamp(read_instant(value))
        except ValueError as error:
            raise Invalid(name, "must be a time like 2025-07-15T10:10:17Z") from error

    def version(self, name: str) -> int | None:
        """The version of an issue."""
        value = self.text(name)
        if value is None:
            return None
        if not (value.isascii() and value.isdigit() and len(value) <= VERSION_DIGITS_MAX and int(value) <= VERSION_MAX):
            raise Invalid(name, f"must be a number from 0 to {VERSION_MAX}")
        return int(value)

    def kinds(self, name: str = "kind") -> tuple[str, ...]:
        """One kind of object, or all."""
        kind = self.choice(name, KINDS)
        return KINDS if kind is None else (kind,)
