"""Converts the route table to the rules of a URL map: the function of each path.

A URL map knows exact paths and `prefix/*`, and uses the longest match; it does not compare methods here. Paths for
which that is not enough (two slices share one, or a parameter comes before the difference) go to `hub`, which serves
all slices. So do paths that slices distinguish by patterns of parameters: a URL map has no patterns.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Iterator
from dataclasses import dataclass, field

from functions.edge import routes

WHOLE, DEFAULT = routes.WHOLE, "pages"
"""The slice of paths that several slices share, and the slice of unknown paths."""


@dataclass(slots=True)
class _RouteStep:
    """A segment of the path: its slices, and the segments below. A parameter ends the walk: all paths below it are
    one."""

    here: set[str] = field(default_factory=set)
    below: set[str] = field(default_factory=set)
    literal: dict[str, _RouteStep] = field(default_factory=dict)


def rules(bounds: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    """Path patterns by slice, from (path template, slice) pairs."""
    root = _RouteStep()
    for path, slice in bounds:
        _add(root, path.split("/")[1:], slice)
    found: dict[str, list[str]] = {}
    for pattern, slice in _patterns(root, "", DEFAULT):
        found.setdefault(slice, []).append(pattern)
    return {slice: sorted(patterns) for slice, patterns in sorted(found.items())}


def declared(closed: Container[str]) -> dict[str, list[str]]:
    """The rules of the whole table, without the slices that no client may call: those get the default's 404."""
    bounds = [b for b in routes.table().bounds if b.route.slice not in closed]
    # A dialect may answer an extra slash with a redirect, so its function gets the request.
    slashed = ((f"{b.path}/", b.route.slice) for b in bounds if b.dialect.slash == "redirect" and b.path[-1] != "/")
    return rules([*((b.path, b.route.slice) for b in bounds), *slashed])


def serve(patterns: dict[str, list[str]], path: str) -> str:
    """The slice of a request, by the rules of a URL map: the exact path, else the longest prefix, else the default."""
    exact = {p: slice for slice, ps in patterns.items() for p in ps if not p.endswith("/*")}
    prefixes = {p[:-1]: slice for slice, ps in patterns.items() for p in ps if p.endswith("/*")}
    fitting = [p for p in prefixes if path.startswith(p)]
    return exact.get(path) or (prefixes[max(fitting, key=len)] if fitting else DEFAULT)


def _add(step: _RouteStep, segments: list[str], slice: str) -> None:
    for segment in segments:
        if segment.startswith("{"):
            step.below.add(slice)
            return
        step = step.literal.setdefault(segment, _RouteStep())
    step.here.add(slice)


def _patterns(step: _RouteStep, path: str, inherited: str) -> Iterator[tuple[str, str]]:
    """The patterns at and below a segment. `inherited` is the slice of the paths that no pattern here matches."""
    here = _one(step.here)
    if here and here != inherited:
        yield path or "/", here
    below = _one(step.below)
    if below and below != inherited:
        yield f"{path}/*", below
    for segment, next in sorted(step.literal.items()):
        yield from _patterns(next, f"{path}/{segment}", below or inherited)


def _one(slices: set[str]) -> str:
    return "" if not slices else WHOLE if len(slices) > 1 else next(iter(slices))
