"""KCIDB handlers of submitting: submit, check, status (kcidb.md 3.3 and 3.5)."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from typing import Any

from lib.dialects.kcidb import codec
from lib.dialects.kcidb.codec_receipt import (
    encode_check,
    encode_faults,
    encode_listed,
    encode_receipt,
    encode_status,
)
from lib.dialects.wire import Access, Reply, Request, Route, reply_json
from lib.domain.hub import Hub
from lib.domain.intake import Sender, check_origins
from lib.domain.report_size import check_sizes
from lib.domain.submission import TEXT_BYTES_MAX
from lib.errors import Forbidden, Invalid, Malformed, NotFound, TooLarge

NDJSON = "application/x-ndjson"
MEMBERS_MAX = 100
"""Most gzip files, joined end to end, of one body."""
ID_CHARS = 64
LIST_MAX = 1000
_TRUE, _FALSE = ("1", "true", "yes"), ("0", "false", "no", "")

Take = Callable[[bytes, Request, Hub], dict[str, Any]]


def submit(request: Request, hub: Hub) -> Reply:
    """POST /submit: keep a submission and merge it, or with `dry_run` say what would become of it. NDJSON holds a
    submission a line, and is answered by a list."""
    return _each(request, hub, _check if _flag(request, "dry_run") else _submit)


def validate(request: Request, hub: Hub) -> Reply:
    """POST /validate: what would become of a submission; nothing is stored."""
    return _each(request, hub, _check)


def status(request: Request, hub: Hub) -> Reply:
    """GET /status?id=: what became of a submission."""
    given = dict(request.query)
    if "id" not in given:
        return Reply(400, b"the parameter `id` is missing", (("content-type", "text/plain; charset=utf-8"),))
    id = given["id"]
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
    given = dict(request.query)
    limit = given.get("limit", "100")
    if not limit.isdecimal() or len(limit) > len(str(LIST_MAX)) or not 1 <= int(limit) <= LIST_MAX:
        raise Invalid("limit", f"must be 1 to {LIST_MAX}")
    state = given.get("state")
    if state not in (None, "pending", "merged", "failed"):
        raise Invalid("state", "must be pending, merged or failed")
    found, after = hub.intake.find(given.get("origin"), state, int(limit), given.get("after"))
    return reply_json(encode_listed(found, after))


def show_caller(request: Request, hub: Hub) -> Reply:
    """GET /authtest: whether the token is good, and for which origins."""
    actor = request.caller
    origins = "any origin" if actor.is_superuser else ", ".join(sorted(hub.submitters.origins_of(actor))) or "no origin"
    return reply_json({"id": "0", "status": "ok", "message": f"{actor.username} may submit for {origins}"})


def _submit(raw: bytes, request: Request, hub: Hub) -> dict[str, Any]:
    value, is_partial = codec.read(raw), _flag(request, "partial")
    receipt = hub.intake.repeat(codec.submission_id(value), request.caller, is_partial=is_partial)
    if receipt is None:
        sent = codec.decode(value, is_partial=is_partial)
        receipt = hub.intake.submit(sent, raw, Sender(request.caller, "rest"), request.now)
    return encode_receipt(receipt)


def _check(raw: bytes, request: Request, hub: Hub) -> dict[str, Any]:
    sent = codec.decode(codec.read(raw), is_partial=_flag(request, "partial"))
    check_origins(sent.copies, request.caller)
    check_sizes(sent.copies, len(raw))
    return encode_check(sent, hub.intake.foresee(sent, request.now))


def _each(request: Request, hub: Hub, take: Take) -> Reply:
    """The reply to a body of one submission, or of one a line."""
    raw = unpacked(request)
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


def _flag(request: Request, name: str) -> bool:
    text = dict(request.query).get(name, "").lower()
    if text not in _TRUE + _FALSE:
        raise Invalid(name, "must be 1 or 0")
    return text in _TRUE


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
        "GET", "/kcidb/submissions", list_all, "kcidb", gives=_ANSWER, params=("origin", "state", "limit", "after"),
        summary="Submissions, newest first",
    ),
    Route("GET", "/kcidb/submissions/{id}", show, "kcidb", gives=_ANSWER, summary="A submission as it was sent"),
)  # fmt: skip
