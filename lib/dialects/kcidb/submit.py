"""KCIDB handlers of submitting: submit, check, status (kcidb.md 3.3 and 3.5)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from functools import partial
from typing import Any

from lib.dialects.kcidb import codec
from lib.dialects.kcidb.codec_receipt import (
    encode_check,
    encode_faults,
    encode_listed,
    encode_receipt,
    encode_status,
)
from lib.dialects.params import Params
from lib.dialects.wire import Access, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.ingest.intake import Sender, check_origins
from lib.domain.ingest.size import check_sizes
from lib.domain.ingest.submission import FAILED, MERGED, PENDING, TEXT_BYTES_MAX
from lib.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge

NDJSON = "application/x-ndjson"
MEMBERS_MAX = 100
"""Most gzip files, joined end to end, of one body."""
ID_CHARS = 64
LIST_MAX = 1000
LISTED = ("origin", "state", "limit", "after")
STATES = (PENDING, MERGED, FAILED)

Take = Callable[..., dict[str, Any]]


def submit(request: Request, hub: Hub) -> Reply:
    """POST /submit: keep a submission and merge it, or with `dry_run` say what would become of it. NDJSON holds a
    submission a line, and is answered by a list."""
    params = Params(request, ("dry_run", "partial"))
    return _each(request, hub, _check if params.flag("dry_run") else _submit, params)


def validate(request: Request, hub: Hub) -> Reply:
    """POST /validate: what would become of a submission; nothing is stored."""
    return _each(request, hub, _check, Params(request, ("partial",)))


def status(request: Request, hub: Hub) -> Reply:
    """GET /status?id=: what became of a submission."""
    id = Params(request, ("id",)).text("id")
    if not id:
        return Reply(400, b"the parameter `id` is missing", (("content-type", "text/plain; charset=utf-8"),))
    if not id.isalnum() or not id.isascii() or len(id) > ID_CHARS:
        raise Invalid("id", "must be the id that /submit gave")
    record = hub.intake.load(id)
    if record is None:
        return reply_json({"id": id, "status": "notfound", "message": "No such submission"}, 404)
    return reply_json(encode_status(record))


def show(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/submissions/{id}: the document as it was sent."""
    text = hub.intake.text(request.params["id"])
    if text is None:
        raise NotFound("submission", request.params["id"])
    return Reply(200, text, (("content-type", "application/json"), ("x-content-type-options", "nosniff")))


def list_all(request: Request, hub: Hub) -> Reply:
    """GET /kcidb/submissions: newest first; `origin` and `state` (pending, merged, failed) narrow it down."""
    params = Params(request, LISTED)
    state, limit = params.choice("state", STATES), params.number("limit", 1, LIST_MAX) or 100
    found, after = hub.intake.find(params.text("origin") or None, state, limit, params.text("after") or None)
    return reply_json(encode_listed(found, after))


def show_caller(request: Request, hub: Hub) -> Reply:
    """GET /authtest: whether the token is good, and for which origins."""
    actor = request.caller
    origins = "any origin" if actor.is_superuser else ", ".join(sorted(hub.submitters.origins_of(actor))) or "no origin"
    return reply_json({"id": "0", "status": "ok", "message": f"{actor.username} may submit for {origins}"})


def _submit(raw: bytes, request: Request, hub: Hub, *, is_partial: bool) -> dict[str, Any]:
    sender = Sender(request.caller, "rest")
    return encode_receipt(hub.intake.take(codec.opened(raw), sender, request.now, is_partial=is_partial))


def _check(raw: bytes, request: Request, hub: Hub, *, is_partial: bool) -> dict[str, Any]:
    sent = codec.decode(codec.read(raw), is_partial=is_partial)
    check_origins(sent.copies, request.caller)
    check_sizes(sent.copies, len(raw))
    return encode_check(sent, hub.intake.foresee(sent, request.now))


def _each(request: Request, hub: Hub, take: Take, params: Params) -> Reply:
    """The reply to a body of one submission, or of one a line."""
    raw, take = unpacked(request), partial(take, is_partial=params.flag("partial"))
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != NDJSON:
        return reply_json(take(raw, request, hub))
    answers = [_answer(text, request, hub, take) for text in codec.split_documents(raw)]
    return reply_json(answers)


def _answer(raw: bytes, request: Request, hub: Hub, take: Take) -> dict[str, Any]:
    """The answer to one of several submissions; a bad one is no hindrance to the others."""
    try:
        return take(raw, request, hub)
    except (Malformed, Forbidden, Invalid, TooLarge) as error:
        return encode_faults(error)


def unpacked(request: Request) -> bytes:
    """The body, without its `Content-Encoding: gzip`. Raises TooLarge for more than TEXT_BYTES_MAX, unpacked."""
    coding = request.headers.get("content-encoding", "").strip().lower()
    if coding in ("", "identity"):
        return request.body
    if coding not in ("gzip", "x-gzip"):
        raise Invalid("content-encoding", "must be gzip")
    text, left = b"", request.body
    for _ in range(MEMBERS_MAX):
        unzip = zlib.decompressobj(wbits=31)
        try:
            text += unzip.decompress(left, TEXT_BYTES_MAX + 1 - len(text))
        except zlib.error as error:
            raise Invalid("body", f"is not gzip: {error}") from error
        if len(text) > TEXT_BYTES_MAX:
            raise TooLarge(f"a submission has at most {TEXT_BYTES_MAX} bytes, unpacked")
        if not unzip.eof:
            raise Invalid("body", "the gzip data ends too early")
        left = unzip.unused_data
        if not left:
            return text
    raise TooLarge(f"a body joins at most {MEMBERS_MAX} packed files")


_ANSWER = dict[str, Any]
_PARAMS = ("dry_run", "partial")

ROUTES = (
    *(
        Route(
            "POST", path, submit, "kcidb", Access.SUBMITTER, brief=True, takes=_ANSWER, gives=_ANSWER, params=_PARAMS,
            body_bytes_max=TEXT_BYTES_MAX, summary="Submit results in the KCIDB I/O format",
        )
        for path in ("/submit", "/kcidb/submit")
    ),
    *(
        Route(
            "POST", path, validate, "kcidb", Access.SUBMITTER, takes=_ANSWER, gives=_ANSWER, params=("partial",),
            body_bytes_max=TEXT_BYTES_MAX, summary="Check results without submitting them",
        )
        for path in ("/validate", "/kcidb/validate")
    ),
    *(
        Route("GET", path, status, "kcidb", quick=True, gives=_ANSWER, params=("id",),
              summary="What became of a submission")
        for path in ("/status", "/kcidb/status")
    ),
    *(
        Route("GET", path, show_caller, "kcidb", Access.SUBMITTER, quick=True, gives=_ANSWER, summary="Try a token")
        for path in ("/authtest", "/kcidb/authtest")
    ),
    Route(
        "GET", "/kcidb/submissions", list_all, "kcidb", gives=_ANSWER, params=LISTED,
        summary="Submissions, newest first",
    ),
    Route("GET", "/kcidb/submissions/{id}", show, "kcidb", gives=_ANSWER, summary="A submission as it was sent"),
)  # fmt: skip
