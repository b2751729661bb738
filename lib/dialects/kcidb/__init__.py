"""KCIDB: submissions of the Linux kernel's CI systems, merged, and what is known from them (kcidb.md).

Handlers by noun: `submit`. Codecs: `codec`.
"""

from __future__ import annotations

from lib.dialects.wire import Dialect, Reply, Request, Route, reply_json

ROUTES: tuple[Route, ...] = ()


def credential(request: Request) -> str | None:
    """The bearer token of a request (kcidb.md 3.3)."""
    scheme, _, token = request.headers.get("authorization", "").strip().partition(" ")
    return token.strip() or None if scheme.lower() == "bearer" else None


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kcidb.md 3.3): exactly these three keys."""
    return reply_json({"id": "0", "status": "error", "message": str(error)}, status)


DIALECT = Dialect("kcidb", ROUTES, credential, refuse, slash="same")
