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
from lib.dialects.wire import Dialect, Reply, Route, reply_json
from lib.errors import BadCredential, Malformed, NoCredential, Refusal, Unauthenticated

ROUTES: tuple[Route, ...] = tuple(
    route for noun in (submit, schema, reports, export, conflicts, readiness, watches) for route in noun.ROUTES
)


UNAUTHENTICATED = {
    NoCredential: Refusal("The Authorization header is missing"),
    BadCredential: Refusal("The Authorization header must be `Bearer` and a token"),
    Unauthenticated: Refusal("The token is not valid, or no more"),
}
"""Each way of having no token has a message of its own (kcidb.md 3.3)."""


def refuse(error: Exception, status: int) -> Reply:
    """The shape of a refusal (kcidb.md 3.3): upstream's three keys, and of a faulty body every fault. Upstream's
    clients know 400 for one, not 422."""
    shown = UNAUTHENTICATED[type(error)] if isinstance(error, Unauthenticated) else error
    return reply_json(encode_faults(shown), 400 if isinstance(error, Malformed) else status)


DIALECT = Dialect("kcidb", ROUTES, refuse, pushes=PUSHES, stored=decode_text)
