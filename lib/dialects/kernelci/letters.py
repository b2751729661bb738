"""KernelCI handlers of verifying an address and setting a forgotten password (kernelci.md 2.2).

Who asks for a token is answered before the address is looked up (`Reply.after`), so neither the answer nor its time
tells whether there is such an account.
"""

from __future__ import annotations

from lib.dialects.kernelci.codec_user import encode_user
from lib.dialects.wire import Reply, Request, Route, decode_body, reply_json
from lib.domain.hub import Hub
from schemas.kernelci.body import UserRead
from schemas.kernelci.mail import AddressIn, ResetIn, VerifyIn

BODY_BYTES_MAX = 64 * 1024


def ask_verify(request: Request, hub: Hub) -> Reply:
    """POST /user/request-verify-token"""
    email = decode_body(request, AddressIn).email
    reply = reply_json(None, 202)
    reply.after = lambda: hub.account_mail.ask_verify(email, request.now)
    return reply


def verify(request: Request, hub: Hub) -> Reply:
    """POST /user/verify"""
    return reply_json(encode_user(hub.account_mail.verify(decode_body(request, VerifyIn).token, request.now)))


def ask_reset(request: Request, hub: Hub) -> Reply:
    """POST /user/forgot-password"""
    email = decode_body(request, AddressIn).email
    reply = reply_json(None, 202)
    reply.after = lambda: hub.account_mail.ask_reset(email, request.now)
    return reply


def reset(request: Request, hub: Hub) -> Reply:
    """POST /user/reset-password"""
    wanted = decode_body(request, ResetIn)
    hub.account_mail.reset(wanted.token, wanted.password, request.now)
    return reply_json(None)


ROUTES = (
    Route(
        "POST", "/user/request-verify-token", ask_verify, "user", takes=AddressIn, gives=None,
        body_bytes_max=BODY_BYTES_MAX, summary="Have a token mailed that verifies a user",
    ),
    Route(
        "POST", "/user/verify", verify, "user", takes=VerifyIn, gives=UserRead, body_bytes_max=BODY_BYTES_MAX,
        summary="Verify a user by a mailed token",
    ),
    Route(
        "POST", "/user/forgot-password", ask_reset, "user", takes=AddressIn, gives=None,
        body_bytes_max=BODY_BYTES_MAX, summary="Have a token mailed that sets a new password",
    ),
    Route(
        "POST", "/user/reset-password", reset, "user", takes=ResetIn, gives=None, body_bytes_max=BODY_BYTES_MAX,
        summary="Set a password by a mailed token",
    ),
)  # fmt: skip
