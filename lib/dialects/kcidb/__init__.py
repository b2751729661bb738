"""KCIDB: submissions of the Linux kernel's CI systems, merged, and what is known from them (kcidb.md).

Handlers by noun: `submit`, `schema`, `reports`, `export`, `conflicts`, `readiness`, `watches`; `pushes` takes pushed
submissions. Codecs: `codec` (submissions), `codec_receipt` (what becomes of them), `codec_report`, `codec_ready`.

May import from the domain: `hub`, `account`, `ingest`, `notify`, `readiness`, `report`.
"""

from __future__ import annotations

from lib.dialects.kcidb import conflicts, export, readiness, reports, schema, submit, watches
from lib.dialects.kcidb.codec import decode_text
from lib.dialects.kcidb.codec_receipt import encode_faults
from lib.dialects.kcidb.pushes import PUSHES
from lib.dialects.wire import Dialect, Reply, Request, Route, reply_json
from lib.errors import Malformed, Unauthenticated

ROUTES: tuple[Route, ...] = tuple(
    route for noun in (submit, schema, reports, export, conflicts, readiness, watches) for route in noun.ROUTES
)


def credential(request: Request) -> str | None:
    """The bearer token of a request; raises Unauthenticated, which says what is wrong with the header (kcidb.md
    3.3)."""
    header = request.headers.get("authorization", "").strip()
    scheme, _, token = header.partition(" ")
    if not header:
        raise Unauthenticated("The Authorization header is missing")
    if scheme.lower() != "bearer" or not token.strip():
        raise Unauthenticated("The Authorization header must be `Bearer` and a token")
    return token.strip()


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kcidb.md 3.3): upstream's three keys, and of a faulty body every fault. Upstream's
    clients know 400 for one, not 422."""
    if isinstance(error, Unauthenticated) and str(error) == str(Unauthenticated()):
        error = Unauthenticated("The token is not valid, or no more")
    return reply_json(encode_faults(error), 400 if isinstance(error, Malformed) else status)


DIALECT = Dialect("kcidb", ROUTES, credential, refuse, pushes=PUSHES, stored=decode_text)
