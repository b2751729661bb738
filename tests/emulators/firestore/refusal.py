"""What the stand-in refuses, as the status code and the words that go over the wire."""

from __future__ import annotations

from collections.abc import Callable

from grpc import StatusCode


class Refused(Exception):
    """A request that is answered by a status other than OK."""

    def __init__(self, code: StatusCode, text: str) -> None:
        super().__init__(f"{code.name}: {text}")
        self.code = code
        self.text = text


def _refusal(code: StatusCode) -> Callable[[str], Refused]:
    return lambda text: Refused(code, text)


invalid = _refusal(StatusCode.INVALID_ARGUMENT)
missing = _refusal(StatusCode.NOT_FOUND)
exists = _refusal(StatusCode.ALREADY_EXISTS)
failed = _refusal(StatusCode.FAILED_PRECONDITION)
aborted = _refusal(StatusCode.ABORTED)
unimplemented = _refusal(StatusCode.UNIMPLEMENTED)
