"""Submissions of KCIDB that are pushed: bare, in Pub/Sub's envelope, or as the data of a CloudEvent (kcidb.md 3.5).

A sender of a message cannot be told what is wrong with it. So what can never be merged is recorded, with its faults,
where `/status` and `/kcidb/submissions` show it, and acknowledged; what fails for a while comes again.
"""

from __future__ import annotations

import hashlib
from typing import Any

from functions.push.envelope import Push, PushedEvent, decode_told
from lib.dialects.kcidb import codec
from lib.dialects.wire import Request
from lib.domain.account.access import Actor
from lib.domain.hub import Hub
from lib.domain.ingest.intake import Sender
from lib.domain.report.canonical import canonical
from lib.errors import Forbidden, Malformed, NotFound

SUBMITTED = "kcidb.submitted.v1"
"""Ends the type of a CloudEvent whose data is a submission, or names a stored one."""
REFERENCE = "submission"
"""The only key of data that names a stored submission."""


def is_submission(told: PushedEvent) -> bool:
    """Whether an event holds a submission: its type says so, or it is a plain message that looks like one."""
    if told.type.endswith(SUBMITTED):
        return True
    return not told.channel and isinstance(told.data, dict) and isinstance(told.data.get("version"), dict)


def text_of(push: Push) -> tuple[bytes, Any]:
    """The text of the submission in a push, and the reference it may be instead."""
    try:
        told = decode_told(push)
    except Malformed:
        return push.data, None  # no JSON: the intake says so
    if not told.type.endswith(SUBMITTED):
        return push.data, None
    if isinstance(told.data, dict) and set(told.data) == {REFERENCE}:
        return b"", told.data[REFERENCE]
    return canonical(told.data), None


def take(push: Push, request: Request, hub: Hub) -> str:
    """Merge what was pushed, or record why it cannot be; gives a word for the log. Raises NotFound for a reference to
    nothing."""
    raw, reference = text_of(push)
    if reference is not None:
        record = hub.intake.resume(str(reference), request.now)
        if record is None:
            raise NotFound("submission", reference)
        return record.state
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
