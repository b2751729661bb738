"""The table of routes, compiled: from a method and a path to the route that serves it, in about a microsecond.

Hides the matching. `routes` builds it, `http` asks it. Paths without parameters are one look-up; the others are a walk
along the segments of the routes with the request's method. A literal segment beats a pattern, a pattern beats a
parameter without one, and what takes the rest comes last: `/user/me`, `/user/{id:int}`, `/user/{id}`, `/{rest:path}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from functions.edge import own
from functions.edge.pattern import ANY, PATTERNS, REST, are_disjoint, parse
from lib.dialects.wire import Dialect, Reply, Request, Route
from lib.errors import NoMethod, NoRoute


class ClaimedTwice(Exception):
    """Two routes want the same method and path, or have patterns at one place that a segment may fit both of: a mistake
    in the mounts, found when the table is loaded."""


@dataclass(frozen=True, slots=True)
class Bound:
    """A route where it is mounted: its full path template and the dialect that speaks for it."""

    path: str
    route: Route
    dialect: Dialect


class Found(NamedTuple):
    """The route of a request, and what its path says."""

    bound: Bound
    params: Mapping[str, str]


class Missed(NamedTuple):
    """No route: who answers instead, and under which name it is logged and counted."""

    label: str
    answer: Callable[[Request], Reply]


Match = Found | Missed
Named = tuple[Bound, tuple[str, ...]]
Hit = tuple[Named, tuple[str, ...]]


@dataclass(slots=True)
class _Step:
    """One segment of the walk. `rest` is the route whose last parameter takes all that is left."""

    literal: dict[str, _Step] = field(default_factory=dict)
    patterned: list[_Patterned] = field(default_factory=list)
    any: _Step | None = None
    here: Named | None = None
    rest: Named | None = None


class _Patterned(NamedTuple):
    """What is below a parameter with a pattern. `bound` is the route that brought it."""

    pattern: str
    fits: Callable[[str], bool]
    below: _Step
    bound: Bound


class Table:
    """All routes of one server. `otherwise` may speak for a path that no route has, before it becomes a 404.

    Raises ClaimedTwice for two routes that one request may fit, and ValueError for a path that `pattern.parse` refuses.
    """

    def __init__(self, bounds: Iterable[Bound], otherwise: Callable[[str], Missed | None] = lambda path: None) -> None:
        self.bounds = tuple(bounds)
        self._otherwise = otherwise
        self._static: dict[str, dict[str, Found]] = {}
        self._roots = {method: _Step() for method in sorted({bound.route.method for bound in self.bounds})}
        for bound in self.bounds:
            self._add(bound)

    def match(self, method: str, path: str) -> Match:
        """The route of a method and a decoded path. Never raises."""
        found = self._find(method, path)
        return found if found is not None else self._miss(path)

    def _find(self, method: str, path: str) -> Found | None:
        methods = self._static.get(path)
        if methods is not None:
            found = methods.get(method)
            if found is not None:
                return found
        root = self._roots.get(method)
        hit = None if root is None else _seek(root, path.split("/"), 1, ())
        if hit is None:
            return None
        (bound, names), values = hit
        return Found(bound, dict(zip(names, values, strict=True)))

    def _add(self, bound: Bound) -> None:
        names, step = [], self._roots[bound.route.method]
        for part in parse(bound.path):
            if isinstance(part, str):
                step = step.literal.setdefault(part, _Step())
                continue
            names.append(part.name)
            if part.pattern == REST:
                step.rest = _claim(step.rest, bound, names)
                return
            step = _below(step, part.pattern, bound)
        step.here = _claim(step.here, bound, names)
        if not names:
            self._static.setdefault(bound.path, {})[bound.route.method] = Found(bound, {})

    def _miss(self, path: str) -> Missed:
        served = self._methods(path)
        if served:
            return _wrong_method(served)
        if path.endswith("/") and not path.startswith("//"):
            bare = path[:-1]
            if any(bound.dialect.slash == "redirect" for bound in self._methods(bare).values()):
                return Missed("(slash)", lambda request: _redirect(bare, request.query_string))
        return self._otherwise(path) or NOTHING

    def _methods(self, path: str) -> dict[str, Bound]:
        """Every method the path takes."""
        segments = path.split("/")
        hits = {method: _seek(root, segments, 1, ()) for method, root in self._roots.items()}
        return {method: hit[0][0] for method, hit in hits.items() if hit is not None}


def _seek(step: _Step, segments: list[str], at: int, values: tuple[str, ...]) -> Hit | None:
    """The best route below a step for the segments from `at` on, and the values of its parameters."""
    if at == len(segments):
        return None if step.here is None else (step.here, values)
    segment = segments[at]
    literal = step.literal.get(segment)
    if literal is not None:
        hit = _seek(literal, segments, at + 1, values)
        if hit is not None:
            return hit
    if not segment:
        return None
    if step.patterned:
        hit = _seek_patterned(step, segments, at, values)
        if hit is not None:
            return hit
    if step.any is not None:
        hit = _seek(step.any, segments, at + 1, (*values, segment))
        if hit is not None:
            return hit
    return None if step.rest is None else (step.rest, (*values, "/".join(segments[at:])))


def _seek_patterned(step: _Step, segments: list[str], at: int, values: tuple[str, ...]) -> Hit | None:
    """The same, below the one pattern that the segment fits: those of a step are disjoint."""
    segment = segments[at]
    for patterned in step.patterned:
        if patterned.fits(segment):
            return _seek(patterned.below, segments, at + 1, (*values, segment))
    return None


def _below(step: _Step, pattern: str, bound: Bound) -> _Step:
    """The step below a parameter, made if need be. Raises ClaimedTwice."""
    if pattern == ANY:
        step.any = step.any or _Step()
        return step.any
    for other in step.patterned:
        if other.pattern == pattern:
            return other.below
        if not are_disjoint(other.pattern, pattern):
            raise _claimed_twice(bound, other.bound, "overlaps")
    step.patterned.append(_Patterned(pattern, PATTERNS[pattern].fits, _Step(), bound))
    return step.patterned[-1].below


def _claim(taken: Named | None, bound: Bound, names: list[str]) -> Named:
    if taken is not None:
        raise _claimed_twice(bound, taken[0], "is")
    return bound, tuple(names)


def _claimed_twice(bound: Bound, other: Bound, verb: str) -> ClaimedTwice:
    return ClaimedTwice(
        f"{bound.route.method} {bound.path} ({bound.dialect.name}) {verb} {other.path} ({other.dialect.name}) already"
    )


def _wrong_method(served: Mapping[str, Bound]) -> Missed:
    allow = tuple(sorted(served))
    bound = next(iter(served.values()))
    path, dialect = bound.path, bound.dialect

    def answer(request: Request) -> Reply:
        reply = dialect.refuse(NoMethod(allow), 405)
        others = tuple(h for h in reply.headers if h[0].lower() != "allow")
        return Reply(405, reply.body, (*others, ("allow", ", ".join(allow))))

    return Missed(path, answer)


def _redirect(path: str, query_string: str) -> Reply:
    location = quote(path) + (f"?{query_string}" if query_string else "")
    return Reply(307, b"", (("location", location),))


def _nothing(request: Request) -> Reply:
    return own.refuse(NoRoute(), 404)


NOTHING = Missed("(none)", _nothing)
