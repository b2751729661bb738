"""The closed list of refusals.

Every layer raises these and nothing else for a caller's mistake. `dialects.wire.STATUS` maps each to its HTTP status; a
dialect's `refuse` makes the body. The text of a refusal is for people and never holds a secret.
"""

from __future__ import annotations

from typing import Any


class Refusal(Exception):
    """A refused request, with the reason. `str(error)` is safe to show."""


class Invalid(Refusal):
    """A value breaks a rule. `path` names the field as the client wrote it (`data.kernel_revision.tree`)."""

    def __init__(self, path: str, message: str) -> None:
        super().__init__(f"{path}: {message}" if path else message)
        self.path = path
        self.message = message


class Malformed(Refusal):
    """A body or parameter that does not have the shape of the wire. `problems` is the dialect's own list of faults;
    `count` is their number, also where the list was cut."""

    def __init__(self, problems: list[dict[str, Any]], count: int | None = None) -> None:
        super().__init__("; ".join(str(p.get("msg", p)) for p in problems))
        self.problems = problems
        self.count = len(problems) if count is None else count


class Coded(Refusal):
    """A refusal whose `code` is a constant of the wire (`LOGIN_BAD_CREDENTIALS`)."""

    def __init__(self, code: str) -> None:
        super().__init__(code)
        self.code = code


class Unauthenticated(Refusal):
    """The caller could not be authenticated: a missing, invalid or expired token, or an inactive user."""

    def __init__(self) -> None:
        super().__init__("Unauthorized")


class NoCredential(Unauthenticated):
    """The request has no Authorization header."""


class BadCredential(Unauthenticated):
    """The Authorization header holds no secret, or is of an unknown scheme."""


class Forbidden(Refusal):
    """The caller is known and has no permission for this route."""

    def __init__(self, message: str = "Forbidden") -> None:
        super().__init__(message)


class NotEditable(Refusal):
    """The caller is known and may not edit this record."""


class NotFound(Refusal):
    """No record has this key."""

    def __init__(self, noun: str, key: object) -> None:
        super().__init__(f"{noun.capitalize()} not found with id: {key}")
        self.noun = noun
        self.key = key


class NoRoute(Refusal):
    """No route has this path."""

    def __init__(self) -> None:
        super().__init__("Not Found")


class NoMethod(Refusal):
    """The path exists and does not take this method."""

    def __init__(self, allow: tuple[str, ...]) -> None:
        super().__init__("Method Not Allowed")
        self.allow = allow


class Exists(Refusal):
    """A record with this key already exists."""


class Conflict(Refusal):
    """The request contradicts what is stored."""


class Stale(Refusal):
    """The caller's precondition names an older revision than the stored one."""


class TooLarge(Refusal):
    """A named limit is exceeded."""


class TooCostly(Refusal):
    """The answer would read more documents than the store's cap. The text names a filter that would make it cheap."""


class Unserved(Refusal):
    """A scan that no declared index serves. This is a fault of the product; the text names it, so that the first test
    of the scan finds it."""


class Unavailable(Refusal):
    """The store or the bus cannot answer now; nothing was committed and the request may be repeated."""


FAULTS: tuple[type[Exception], ...] = (
    Refusal, ArithmeticError, AssertionError, AttributeError, LookupError, RecursionError, TypeError, ValueError,
)  # fmt: skip
"""Exceptions that one object may cause: a fault of the hub's code on unexpected data, or a refusal to store the object.
A loop over many objects catches them, logs them, skips the object and continues. It re-raises BLAMELESS first."""
BLAMELESS: tuple[type[Exception], ...] = (Unavailable, Unserved)
"""Refusals that no single object causes: an outage, an index that is still being built. They end the run, which is
tried again later."""
