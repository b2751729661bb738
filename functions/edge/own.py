"""The hub's own credential and refusal, for what belongs to no wire language: web pages, jobs, and unknown paths."""

from __future__ import annotations

from lib.dialects.wire import Reply, reply_json, shown_faults
from lib.errors import Malformed


def refuse(error: Exception, status: int) -> Reply:
    """A refusal as one object that the clients of every dialect can read."""
    text = shown_faults(error) if isinstance(error, Malformed) else str(error)
    return reply_json({"code": status, "message": text, "detail": text, "error": text}, status)
