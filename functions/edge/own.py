"""The hub's own credential and refusal, for what belongs to no wire language: web pages, jobs, and unknown paths."""

from __future__ import annotations

from lib.dialects.wire import Reply, Request, reply_json


def credential(request: Request) -> str | None:
    """The bearer token of a request; the scheme in any case."""
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def refuse(error: Exception, status: int) -> Reply:
    """A refusal as one object that the clients of every dialect can read."""
    text = str(error)
    return reply_json({"code": status, "message": text, "detail": text, "error": text}, status)
