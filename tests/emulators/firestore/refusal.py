"""What the stand-in refuses, as the status code and the words that go over the wire."""

from __future__ import annotations

from collections.abc import Callable

from tests.emulators.rpc import Code, Refused


def _refusal(code: Code) -> Callable[[str], Refused]:
    return lambda text: Refused(code, text)


invalid = _refusal(Code.INVALID_ARGUMENT)
missing = _refusal(Code.NOT_FOUND)
exists = _refusal(Code.ALREADY_EXISTS)
failed = _refusal(Code.FAILED_PRECONDITION)
aborted = _refusal(Code.ABORTED)
unimplemented = _refusal(Code.UNIMPLEMENTED)
