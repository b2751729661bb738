"""Submissions of KCIDB that are pushed: bare, in Pub/Sub's envelope, or as the data of a CloudEvent (kcidb.md 3.5).

The sender of a message gets no answer that says what is wrong with it. So what can never be merged is recorded, with
its faults, where `/status` and `/kcidb/submissions` show it, and acknowledged; what fails for a while comes again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from lib.dialects.kcidb import codec
from lib.dialects.wire import PushedEvent, Pushes, Request
from lib.domain.account.access import Actor
from lib.domain.hub import Hub
from lib.domain.ingest.intake import Sender
from lib.domain.report.canonical import canonical
from lib.errors import Forbidden, Malformed, NotFound

SUBMITTED = "kcidb.submitted.v1"
"""Ends the type of a CloudEvent whose data is a submission, or names a stored one."""
REFERENCE = "submission"
"""The only key of data that names a stored submission."""


def is_submission(event: PushedEvent) -> bool:
    """Whether an event holds a submission: its type says so, or it is a plain message that looks like one."""
    if event.type.endswith(SUBMITTED):
        return True
    return not event.channel and isinstance(event.data, dict) and isinstance(event.data.get("version"), dict)


def take(raw: bytes, event: PushedEvent | None, request: Request, hub: Hub) -> str:
    """Merge what was pushed, or record why it cannot be; gives a word for the log. Raises NotFound for a reference to
    a submission that is not stored."""
    if event is not None and event.type.endswith(SUBMITTED):
        if isinstance(event.data, dict) and set(event.data) == {REFERENCE}:
            return _resume(event.data[REFERENCE], request, hub)
        raw = canonical(event.data)
    caller = request.caller
    sender = Sender(Actor(caller.id, caller.username, origins=hub.policy.push_origins), "push")
    id = hashlib.sha256(raw).hexdigest()
    try:
        document = codec.opened(raw)
        id = document.id
        receipt = hub.intake.take(document, sender, request.now)
    except (Malformed, Forbidden) as error:
        return hub.intake.fail(id, raw, error, sender, request.now).state
    return "known" if receipt.is_duplicate else receipt.submission.state


def _resume(reference: Any, request: Request, hub: Hub) -> str:
    record = hub.intake.resume(str(reference), request.now)
    if record is None:
        raise NotFound("submission", reference)
    return record.state


PUSHES = Pushes(is_submission, take, "Take a push of Pub/Sub or a CloudEvent that is a KCIDB submission")
