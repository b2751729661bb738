"""What every dialect is made of: Request, Reply, Wait, Route, Dialect; the status of each refusal; deliberate oddities.

The edge (`functions.edge`) makes Requests from bytes and carries Replies out; a handler is three steps: decode, one
Hub verb, encode.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar
from urllib.parse import parse_qsl

import orjson
from pydantic import BaseModel, TypeAdapter, ValidationError

from lib import errors

if TYPE_CHECKING:
    from lib.domain.account.access import Actor
    from lib.domain.hub import Hub
    from lib.domain.ingest.intake import Decode

BODY_BYTES_MAX = 32 * 1024 * 1024
"""Largest request body, unless a route says less (kernelci.md 1.2)."""
JSON_DEPTH_MAX = 200
"""Deepest nesting of a JSON body. orjson writes 254 levels; replies and events need some around what was sent."""
_JSON_WRITTEN_DEPTH = 254
QUERY_PARAMS_MAX = 200
"""Most query or form parameters of one request."""

Headers = tuple[tuple[str, str], ...]
M = TypeVar("M", bound=BaseModel)


@dataclass(slots=True)
class Request:
    """One request as the edge hands it in. Header names are lower-case; `now` is the one reading of the clock.
    `remarks` are the handler's to set: they go into the request's log line."""

    method: str
    path: str
    query_string: str
    headers: Mapping[str, str]
    body: bytes
    now: datetime
    id: str = ""
    base_url: str = ""
    params: Mapping[str, str] = field(default_factory=dict)
    actor: Actor | None = None
    remarks: Mapping[str, str] = field(default_factory=dict)

    @property
    def query(self) -> list[tuple[str, str]]:
        """The query parameters in order, decoded, blanks kept. Raises Invalid past QUERY_PARAMS_MAX."""
        return decode_pairs(self.query_string)

    @property
    def caller(self) -> Actor:
        """The actor of a route that requires one."""
        if self.actor is None:
            raise errors.Unauthenticated
        return self.actor


@dataclass(slots=True)
class Reply:
    """One response. `body` is bytes, or an iterable of them to stream, a Feed perhaps. `on_sent` runs once the whole
    response was handed to the client, and only then; it must be quick. `after` runs behind `on_sent`, off the event
    loop; it may block."""

    status: int = 200
    body: bytes | Iterable[bytes] = b""
    headers: Headers = ()
    on_sent: Callable[[], None] | None = None
    after: Callable[[], None] | None = None


@dataclass(slots=True)
class Wait:
    """A long poll: no answer yet.

    `poll(now)` gives the Reply once there is one; it is asked again when one of `channels` has news. After `until`
    (or sooner, in a shell that cannot wait) `otherwise()` answers. Dropping a Wait has no effect on anything stored.
    `blocking` says that `poll` writes, so that it must not hold up the polls that only look.
    """

    channels: frozenset[str]
    until: datetime
    poll: Callable[[datetime], Reply | None]
    otherwise: Callable[[], Reply]
    blocking: bool = field(default=False, kw_only=True)


@dataclass(slots=True)
class Feed:
    """The body of a response that has no end; between its news it costs a shell no thread.

    `take()` gives what is new since it was last asked, b"" for nothing; it reads the store, and is asked again when
    one of `channels` has news. When nothing was sent for `every`, `beat()` is sent, so that no proxy closes the
    connection. Iterating gives what there is now, and ends: for a shell that cannot hold a request, whose client comes
    back.
    """

    channels: frozenset[str]
    take: Callable[[], bytes]
    beat: Callable[[], bytes]
    every: timedelta

    def __iter__(self) -> Iterator[bytes]:
        while chunk := self.take():
            yield chunk


class Access(Enum):
    """Who may use a route. Anything stricter (who may edit which record) is the domain's. `SUBMITTER` is
    who has a token that names origins, or a user. `SCHEDULER` and `PUSH` are
    service accounts of the cloud, known by their OpenID Connect tokens."""

    PUBLIC = "any"
    USER = "user"
    SUBMITTER = "submitter or user"
    VERIFIED = "verified"
    SUPER = "super"
    SCHEDULER = "super or scheduler"
    PUSH = "push"


Handler = Callable[[Request, "Hub"], "Reply | Wait"]


@dataclass(frozen=True, slots=True)
class Route:
    """One line of the surface. `path` holds `{name}` for one segment, `{name:int}` for one of a pattern (those of
    `functions.edge.pattern`), `{name:path}` for the rest.

    `slice` names the deployable function that serves it. `quick` handlers never write and read a constant number of
    documents, so that an event loop may run them itself; `brief` ones do little beside waiting for one write. `takes`
    and `gives` document the bodies; `is_form` says that what is taken is a form, not JSON.
    """

    method: str
    path: str
    handler: Handler
    slice: str
    access: Access = Access.PUBLIC
    quick: bool = False
    brief: bool = False
    body_bytes_max: int = BODY_BYTES_MAX
    summary: str = ""
    takes: Any = None
    gives: Any = None
    params: tuple[str, ...] = ()
    is_form: bool = False

    @property
    def scope(self) -> str:
        """The scope that opens the route to a token that has scopes (`account.access.SCOPES`); "" if none does."""
        if self.access is Access.SUBMITTER:
            return "kcidb:submit:<origin>"
        if self.access in (Access.SUPER, Access.SCHEDULER):
            return "ops:admin"
        # Of this slice even a GET takes what it reads: an event, an item of a list.
        if self.slice != "pubsub" and self.method == "GET":
            return "read"
        return {"pubsub": "events", "node": "nodes:write", "kcidb": "kcidb:watch"}.get(self.slice, "")


class PushedEvent(NamedTuple):
    """The event in a push. `source` and `id` name it, everywhere and for ever; `channel` is "" where none was named."""

    source: str
    id: str
    type: str
    channel: str
    data: Any
    attributes: Mapping[str, Any]


class Pushes(NamedTuple):
    """The pushed events that a dialect takes: `fits` recognises one at `/on_event`.

    `take` gets the data of a message and the event in it, None where the message cannot be read as one, as happens at
    the dialect's own path (`summary` describes it). It gives a word for the log.
    """

    fits: Callable[[PushedEvent], bool]
    take: Callable[[bytes, PushedEvent | None, Request, Hub], str]
    summary: str


@dataclass(frozen=True, slots=True)
class Dialect:
    """A wire language: its routes, the shape of a refusal, the rule for `path/`.

    `slash` is "redirect" (307 to the slash-less path), "same" (both are served) or "strict". `pushes` are the events it
    takes, `stored` decodes the raw text of a submission that it stored.
    """

    name: str
    routes: tuple[Route, ...]
    refuse: Callable[[Exception, int], Reply]
    slash: str = "strict"
    pushes: Pushes | None = None
    stored: Decode | None = None


class Oddity(NamedTuple):
    """A deliberate deviation from good manners that clients depend on."""

    route: str
    case: str
    status: int
    why: str


STATUS: Mapping[type[Exception], int] = {
    errors.Invalid: 400,
    errors.Coded: 400,
    errors.Exists: 400,
    errors.TooCostly: 400,
    errors.Unauthenticated: 401,
    errors.Forbidden: 403,
    errors.NotEditable: 403,
    errors.NotFound: 404,
    errors.NoRoute: 404,
    errors.NoMethod: 405,
    errors.Conflict: 409,
    errors.Stale: 412,
    errors.TooLarge: 413,
    errors.Malformed: 422,
    errors.Unserved: 500,
    errors.Unavailable: 503,
}
"""The HTTP status of each refusal; a dialect's `refuse` may answer otherwise where EXCEPTIONS says so."""

EXCEPTIONS: tuple[Oddity, ...] = (
    Oddity("PUT /node/{id}", "caller may not edit the node", 401, "kernelci.md 7: clients know 401, not 403"),
    Oddity("PATCH /node/{id}", "caller may not edit the node", 401, "kernelci.md 7"),
    Oddity("PUT /nodes/{id}", "caller may not edit the root", 401, "kernelci.md 7"),
    Oddity("GET /node/{id}", "no such node", 200, "kernelci.md 2.4: body null; pipeline and kci-dev rely on it"),
    Oddity("GET /group/{id}", "no such group", 200, "kernelci.md 2.3: body null, as the older route had it"),
    Oddity("GET /api/…", "nothing found", 200, 'kcidb.md 4.5: {"error": text}, which kci-dev knows'),
    Oddity("POST /api/…", "nothing found", 200, "kcidb.md 4.5: the same"),
)
"""The one list of deliberate oddities; fuzzers and the documentation read it."""


def status_of(error: Exception) -> int:
    """The status of a refusal; 500 for anything that is none."""
    return next((STATUS[t] for t in type(error).__mro__ if t in STATUS), 500)


def reply_json(value: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """A JSON Reply."""
    return Reply(status, orjson.dumps(value), (("content-type", "application/json"), *headers))


def shown_faults(error: errors.Malformed) -> str:
    """The faults of a body as one line, each with its path."""
    faults = []
    for found in error.problems:
        loc = found.get("loc")
        path = ".".join(map(str, loc[1:])) if isinstance(loc, list) else ""
        faults.append(f"{path}: {found.get('msg')}" if path else str(found.get("msg")))
    return "; ".join(faults)


def credential(request: Request) -> str:
    """The secret of a request: that of `Bearer` and `Token`, the password of `Basic` under any user name, or its user
    name where there is no password (`https://TOKEN@host`). Raises NoCredential and BadCredential."""
    header = request.headers.get("authorization", "").strip()
    if not header:
        raise errors.NoCredential
    scheme, _, secret = header.partition(" ")
    secret = secret.strip()
    if scheme.lower() == "basic":
        try:
            user, _, password = base64.b64decode(secret, validate=True).decode().partition(":")
        except ValueError as error:
            raise errors.BadCredential from error
        secret = password or user
    if scheme.lower() not in ("bearer", "token", "basic") or not secret:
        raise errors.BadCredential
    return secret


def decode_pairs(text: str) -> list[tuple[str, str]]:
    """Form-decoded pairs of a query string or form body, blanks kept."""
    if not text:
        return []
    try:
        return parse_qsl(text, keep_blank_values=True, max_num_fields=QUERY_PARAMS_MAX)
    except ValueError as error:
        raise errors.TooLarge(f"more than {QUERY_PARAMS_MAX} parameters") from error


def decode_json(request: Request) -> Any:
    """The JSON of a request's body. A missing content type counts as JSON; another one is refused (kernelci.md 1.2)."""
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type and content_type != "application/json" and not content_type.endswith("+json"):
        text = request.body[:200].decode(errors="replace")
        raise errors.Malformed([problem("model_attributes_type", ["body"], "Input should be a JSON object", text)])
    if not request.body:
        raise errors.Malformed([problem("missing", ["body"], "Field required", None)])
    return decode_json_text(request.body)


def decode_json_text(text: bytes) -> Any:
    """The value of a JSON text. Raises Malformed."""
    try:
        value = orjson.loads(text)
    except orjson.JSONDecodeError as error:
        raise errors.Malformed([problem("json_invalid", ["body", error.pos], "JSON decode error", {})]) from error
    if text.count(b"[") + text.count(b"{") > JSON_DEPTH_MAX and _is_too_deep(value):
        raise errors.Malformed(
            [problem("json_invalid", ["body"], f"JSON nested deeper than {JSON_DEPTH_MAX} levels", {})]
        )
    return value


def _is_too_deep(value: Any) -> bool:
    """Whether a JSON value could not be written again inside the levels kept for what goes around it."""
    for _ in range(_JSON_WRITTEN_DEPTH - JSON_DEPTH_MAX):
        value = [value]
    try:
        orjson.dumps(value)
    except orjson.JSONEncodeError:
        return True
    return False


def decode_body(request: Request, model: type[M]) -> M:
    """The body as a wire model; raises Malformed with one problem a fault, each with its path."""
    return parse(model, decode_json(request))


def parse(model: type[M], value: Any, where: str = "body") -> M:
    """A decoded JSON value as a wire model; raises Malformed with one problem a fault."""
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise errors.Malformed(problems_of(error, where)) from error


def parse_as(adapter: TypeAdapter[Any], value: Any, where: str) -> Any:
    """A single value as the adapter's type; raises Malformed."""
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        raise errors.Malformed(problems_of(error, where)) from error


PROBLEMS_MAX = 50
"""Most faults of one body that a refusal lists."""


def problems_of(error: ValidationError, where: str) -> list[dict[str, Any]]:
    """A validation error as the wire's list of problems."""
    found = error.errors(include_url=False, include_context=False)[:PROBLEMS_MAX]
    return [problem(e["type"], [where, *e["loc"]], e["msg"], e["input"]) for e in found]


def problem(kind: str, loc: list[Any], message: str, given: Any) -> dict[str, object]:
    """One fault of a body: its type, where it is, what is wrong, what was got.

    Only short scalars are shown back: whole objects may hold a password beside the faulty field.
    """
    shown: object = given if given is None or isinstance(given, bool | int | float) else {}
    if isinstance(given, str):
        shown = given[:200]
    return {"type": kind, "loc": loc, "msg": message, "input": shown}
