"""The patterns that a parameter of a route may carry (`/build/{id:int}`), and which of them no segment fits together.

Hides what a segment must look like. `table` matches with it, `openapi` describes it. The table of patterns is closed:
to add one, say here what fits it and which others it is disjoint from; a test proves both.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from types import MappingProxyType
from typing import NamedTuple

ANY, REST = "", "path"
"""No pattern: any segment that is not empty. And what takes the rest of the path, slashes included."""

INT_CHARS_MAX = 18
"""Most digits of a number: as many as a signed integer of 64 bits holds whatever they are."""
COLON_CHARS_MAX = 1024
"""Longest id with a colon."""
DRV_CHARS_MAX = 255
"""Longest name of a derivation's file: what file systems take."""

_DIGITS = "0123456789"
_HEX = _DIGITS + "abcdef"
_LOWER = "abcdefghijklmnopqrstuvwxyz"
_ORIGIN = _LOWER + _DIGITS + "_"
_STORE = _LOWER + _LOWER.upper() + _DIGITS + "+-._?="


class Pattern(NamedTuple):
    """A form of one segment. `fits` decides on a decoded segment, which is never empty; `regex` (a regular expression
    of JSON Schema) and `chars_max` say the same to clients."""

    fits: Callable[[str], bool]
    regex: str
    chars_max: int
    example: str


class Parameter(NamedTuple):
    """A segment of a template that stands for others. `pattern` is a key of PATTERNS, ANY or REST."""

    name: str
    pattern: str


Template = tuple[str | Parameter, ...]
"""The segments of a route's path: literal texts and parameters."""


def is_int(segment: str) -> bool:
    """Whether a segment is a number: 1 to INT_CHARS_MAX decimal digits."""
    return len(segment) <= INT_CHARS_MAX and segment.isascii() and segment.isdecimal()


def is_hex24(segment: str) -> bool:
    """Whether a segment is an id of KernelCI: 24 lower-case hex digits."""
    return len(segment) == 24 and not segment.strip(_HEX)


def has_colon(segment: str) -> bool:
    """Whether a segment is an id of KCIDB, `origin:id`. Nothing may stand behind the colon (kcidb.md 1.6)."""
    origin, colon, _ = segment.partition(":")
    return colon != "" and origin != "" and len(segment) <= COLON_CHARS_MAX and not origin.strip(_ORIGIN)


def is_drv(segment: str) -> bool:
    """Whether a segment is the name of a derivation's file: characters of a store's name, then `.drv`."""
    return segment.endswith(".drv") and 4 < len(segment) <= DRV_CHARS_MAX and not segment.strip(_STORE)


PATTERNS = MappingProxyType({
    "int": Pattern(is_int, "^[0-9]+$", INT_CHARS_MAX, "4711"),
    "hex24": Pattern(is_hex24, "^[0-9a-f]{24}$", 24, "6b02a665e6fb49002529566b"),
    "colon": Pattern(has_colon, "^[a-z0-9_]+:[^/]*$", COLON_CHARS_MAX, "maestro:6b02a665"),
    "drv": Pattern(is_drv, r"^[A-Za-z0-9+._?=-]+\.drv$", DRV_CHARS_MAX, "abc-hello-1.2.drv"),
})  # fmt: skip
"""Every pattern of one segment, by its name in a template."""

DISJOINT = frozenset(map(frozenset, (
    ("int", "hex24"), ("int", "colon"), ("int", "drv"), ("hex24", "colon"), ("hex24", "drv"), ("colon", "drv"),
)))  # fmt: skip
"""Pairs of patterns that no segment fits both of. What is not here counts as overlapping."""


def are_disjoint(one: str, other: str) -> bool:
    """Whether two patterns are declared to have no segment in common."""
    return frozenset((one, other)) in DISJOINT


def parse(path: str) -> Template:
    """The segments of a route's path. Raises ValueError for a parameter that is malformed, carries a pattern that
    PATTERNS does not have, or takes the rest of the path and is not the last."""
    template = tuple(_part(segment) for segment in path.split("/")[1:])
    if any(isinstance(part, Parameter) and part.pattern == REST for part in template[:-1]):
        raise ValueError(f"what takes the rest of a path must be the last: {path}")
    return template


def takes_rest(path: str) -> bool:
    """Whether the last parameter of a route's path takes all that is left."""
    return any(isinstance(part, Parameter) and part.pattern == REST for part in parse(path))


def shown(path: str) -> str:
    """A route's path without its patterns, as OpenAPI writes it: `/build/{id}`."""
    return "".join(f"/{part}" if isinstance(part, str) else f"/{{{part.name}}}" for part in parse(path))


def parameters(path: str) -> tuple[Parameter, ...]:
    """The parameters of a route's path, in order."""
    return tuple(part for part in parse(path) if isinstance(part, Parameter))


_PARAMETER = re.compile(r"\{(\w+)(?::(\w+))?\}")


def _part(segment: str) -> str | Parameter:
    if "{" not in segment and "}" not in segment:
        return segment
    found = _PARAMETER.fullmatch(segment)
    if found is None:
        raise ValueError(f"neither a literal nor a parameter: {segment}")
    name, pattern = found[1], found[2] or ANY
    if pattern not in PATTERNS and pattern not in (ANY, REST):
        raise ValueError(f"no such pattern: {segment}")
    return Parameter(name, pattern)
