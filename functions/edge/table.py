"""The table of routes, compiled: from a method and a path to the route that serves it, in about a microsecond.

Hides the matching. `routes` builds it, `http` asks it. Paths without parameters are one look-up; the others are a walk
along the segments, literal segments before parameters, so `/user/me` wins over `/user/{id}` for the methods it has.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from urllib.parse import quote

from functions.edge import own
from lib.dialects.wire import Dialect, Reply, Request, Route
from lib.errors import NoMethod, NoRoute


class ClaimedTwice(Exception):
    """Two routes want the same method and path: a mistake in the mounts, found when the table is loaded."""


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
Methods = dict[str, Named]
Hit = tuple[Named, tuple[str, ...]]


@dataclass(slots=True)
class _Step:
    """One segment of the walk. `rest` are routes whose last parameter takes all that is left."""

    literal: dict[str, _Step] = field(default_factory=dict)
    any: _Step | None = None
    here: Methods = field(default_factory=dict)
    rest: Methods = field(default_factory=dict)


class Table:
    """All routes of one server. `otherwise` may speak for a path that no route has, before it becomes a 404."""

    def __init__(self, bounds: Iterable[Bound], otherwise: Callable[[str], Missed | None] = lambda path: None) -> None:
        self.bounds = tuple(bounds)
        self._otherwise = otherwise
        self._static: dict[str, dict[str, Found]] = {}
        self._root = _Step()
        self._taken = sorted({bound.route.method for bound in self.bounds})
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
        hit = _seek(self._root, path.split("/"), 1, method, ())
        if hit is None:
            return None
        (bound, names), values = hit
        return Found(bound, dict(zip(names, values, strict=True)))

    def _add(self, bound: Bound) -> None:
        method, names, step = bound.route.method, [], self._root
        segments = bound.path.split("/")[1:]
        for segment in segments:
            if segment.endswith(":path}"):
                names.append(segment[1:-6])
                _claim(step.rest, method, bound, names)
                return
            if segment.startswith("{"):
                names.append(segment[1:-1])
                if step.any is None:
                    step.any = _Step()
                step = step.any
            else:
                step = step.literal.setdefault(segment, _Step())
        _claim(step.here, method, bound, names)
        if not names:
            self._static.setdefault(bound.path, {})[method] = Found(bound, {})

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
        hits = {method: _seek(self._root, segments, 1, method, ()) for method in self._taken}
        return {method: hit[0][0] for method, hit in hits.items() if hit is not None}


def _seek(step: _Step, segments: list[str], at: int, method: str, values: tuple[str, ...]) -> Hit | None:
    """The best route below a step for the segments from `at` on, and the values of its parameters."""
    if at == len(segments):
        here = step.here.get(method)
        return None if here is None else (here, values)
    segment = segments[at]
    literal = step.literal.get(segment)
    if literal is not None:
        hit = _seek(literal, segments, at + 1, method, values)
        if hit is not None:
            return hit
    if not segment:
        return None
    if step.any is not None:
        hit = _seek(step.any, segments, at + 1, method, (*values, segment))
        if hit is not None:
            return hit
    rest = step.rest.get(method)
    return None if rest is None else (rest, (*values, "/".join(segments[at:])))


def _claim(methods: Methods, method: str, bound: Bound, names: list[str]) -> None:
    if method in methods:
        other = methods[method][0]
        raise ClaimedTwice(
            f"{method} {bound.path} ({bound.dialect.name}) is {other.path} ({other.dialect.name}) already"
        )
    methods[method] = (bound, tuple(names))


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
