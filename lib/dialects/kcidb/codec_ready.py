"""KCIDB codec of readiness and watches (kcidb.md 4.4)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

from lib.dialects.wire import Request, decode_json_text, parse
from lib.domain.account.access import Actor
from lib.domain.notify.watch import Watch
from lib.domain.readiness.inspection import Inspection, PurposeReadiness
from lib.errors import Malformed
from schemas.kcidb.ready import WatchIn

Wire = dict[str, Any]


def encode_inspection(inspection: Inspection) -> Wire:
    """What an object is ready for."""
    key = inspection.key
    version = {} if key.version is None else {"version": key.version}
    return {"kind": key.kind, "id": key.id, **version, "purposes": [_encode_line(line) for line in inspection.lines]}


def _encode_line(line: PurposeReadiness) -> Wire:
    outcome = line.outcome
    missing = [
        {"field": m.field, "what": m.what, **({} if m.settles_at is None else {"ready_at": m.settles_at})}
        for m in outcome.missing
    ]
    return {
        "name": line.purpose.name, "ready": outcome.is_ready, "by_timeout": outcome.by_timeout,
        "missing": missing, "fired": line.fired_at,
    }  # fmt: skip


def decode_any_json(request: Request) -> Any:
    """The JSON of a body, whatever its content type says: KCIDB's clients send what curl does (kcidb.md 3.3)."""
    return decode_json_text(request.body)


def decode_watch(request: Request) -> dict[str, Any]:
    """The watch that a body asks for. A refusal repeats nothing of the action, which may hold a secret."""
    try:
        wanted = parse(WatchIn, decode_any_json(request))
    except Malformed as error:
        raise Malformed([{**p, "input": {}} for p in error.problems]) from None
    return {
        "purpose": wanted.purpose,
        "filter": wanted.filter,
        "action": wanted.action.model_dump(exclude_none=True),
    }


def encode_watch(watch: Watch, caller: Actor, state: dict[str, int] | None = None) -> Wire:
    """A watch as its owner, or an administrator, is shown it."""
    shown: Wire = {
        "id": watch.id,
        "user": watch.user,
        "purpose": watch.purpose,
        "filter": {path: list(values) for path, values in watch.filter.items()},
        "action": _encode_action(watch, caller),
        "created": watch.created_at,
        "trouble": None if watch.trouble is None else {name: watch.trouble[name] for name in ("at", "what", "until")},
    }
    return shown if state is None else {**shown, "state": state}


def _encode_action(watch: Watch, caller: Actor) -> Wire:
    if watch.action == "event":
        return {"event": True}
    if watch.action == "mail":
        return {"mail": watch.target}
    parts = urlsplit(watch.target)
    url = watch.target if watch.user_id == caller.id else f"{parts.scheme}://{parts.netloc}/…"
    return {"webhook": url, "secret": bool(watch.secret)}
